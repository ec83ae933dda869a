//! The Python literals that headers are written in.

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Bool(bool),
    Int(usize),
    Text(String),
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// Literals are read by recursion.
const DEPTH_MAX: u32 = 64;

/// Reads a text that is one literal, with white space around it.
pub(super) fn parse(text: &str) -> Option<Literal> {
    let mut parser = Parser { rest: text, depth: 0 };
    let literal = parser.literal()?;
    parser.space();
    parser.rest.is_empty().then_some(literal)
}

impl Literal {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Lengths of axes: a tuple of numbers, or one number.
    pub(super) fn as_shape(&self) -> Option<Vec<usize>> {
        let len = |literal: &Literal| match literal {
            Literal::Int(len) => Some(*len),
            _ => None,
        };
        match self {
            Literal::Tuple(axes) | Literal::List(axes) => axes.iter().map(len).collect(),
            literal => len(literal).map(|len| vec![len]),
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: u32,
}

impl Parser<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `word`, if it comes next.
    fn take(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn literal(&mut self) -> Option<Literal> {
        self.depth += 1;
        self.space();
        let literal = match self.rest.chars().next()? {
            _ if self.depth > DEPTH_MAX => None,
            '(' => self.tuple(),
            '[' => self.items("[", "]").map(|(items, _)| Literal::List(items)),
            '{' => self.dict(),
            '0'..='9' => self.int(),
            'T' => self.take("True").then_some(Literal::Bool(true)),
            'F' => self.take("False").then_some(Literal::Bool(false)),
            _ => self.text().map(Literal::Text),
        };
        self.depth -= 1;
        literal
    }

    /// Without a comma, parentheses are only parentheses.
    fn tuple(&mut self) -> Option<Literal> {
        match self.items("(", ")")? {
            (mut items, false) if items.len() == 1 => items.pop(),
            (items, _) => Some(Literal::Tuple(items)),
        }
    }

    /// The items, and whether a comma is behind the last one.
    fn items(&mut self, open: &str, close: &str) -> Option<(Vec<Literal>, bool)> {
        self.take(open);
        let (mut items, mut has_comma) = (Vec::new(), false);
        while !self.take(close) {
            if !items.is_empty() && !has_comma {
                return None;
            }
            items.push(self.literal()?);
            has_comma = self.take(",");
        }
        Some((items, has_comma))
    }

    fn dict(&mut self) -> Option<Literal> {
        self.take("{");
        let (mut pairs, mut has_comma) = (Vec::new(), true);
        while !self.take("}") {
            if !has_comma {
                return None;
            }
            let key = self.literal()?;
            if !self.take(":") {
                return None;
            }
            pairs.push((key, self.literal()?));
            has_comma = self.take(",");
        }
        Some(Literal::Dict(pairs))
    }

    /// Python 2 writes large ones as `5L`.
    fn int(&mut self) -> Option<Literal> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().ok()?;
        self.rest = &self.rest[end..];
        self.take("L");
        Some(Literal::Int(number))
    }

    fn text(&mut self) -> Option<String> {
        let rest = self.rest.strip_prefix(['u', 'b']).unwrap_or(self.rest);
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut chars = rest[1..].chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => text.push(escaped(&mut chars)?),
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }
}

/// What is behind a backslash.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match chars.next()? {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        c @ ('\\' | '\'' | '"') => return Some(c),
        _ => return None,
    };
    let code = chars.as_str().get(..digits)?;
    *chars = chars.as_str()[digits..].chars();
    char::from_u32(u32::from_str_radix(code, 16).ok()?)
}

/// A text as Python writes it in a header.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\\' | '\'' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(number: usize) -> Literal {
        Literal::Int(number)
    }

    #[test]
    fn reads_what_python_writes() {
        let text = Literal::Text("a'\\\u{e9}".to_owned());
        for (code, literal) in [
            ("()", Literal::Tuple(vec![])),
            ("(5,)", Literal::Tuple(vec![int(5)])),
            ("(5)", int(5)),
            ("(5L, 2L)", Literal::Tuple(vec![int(5), int(2)])),
            (" [ True,\nFalse ] ", Literal::List(vec![Literal::Bool(true), Literal::Bool(false)])),
            ("u'a\\'\\\\\\xe9'", text.clone()),
            ("\"a'\\\\é\"", text.clone()),
            ("{'a\\'\\\\é': 1, }", Literal::Dict(vec![(text, int(1))])),
        ] {
            assert_eq!(parse(code), Some(literal), "{code}");
        }
        let brackets = "[".repeat(100_000);
        for code in ["", "(", "(1 2)", "{1: 2 3: 4}", "{1}", "'a", "1)", "-1", "'\\q'", &brackets] {
            assert_eq!(parse(code), None, "{code}");
        }
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for text in ["", "plain", "it's \\ \"quoted\"", "é\n\u{1}"] {
            assert_eq!(parse(&quoted(text)), Some(Literal::Text(text.to_owned())), "{text}");
        }
    }
}
