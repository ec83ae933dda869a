//! The digest of code: what counts of a token stream, and what does not.
//!
//! `TokenStream::to_string` would be shorter, but its spacing differs between compilers and
//! between tokens that come from a file and from a macro.

use proc_macro2::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};
use xxhash_rust::xxh3::xxh3_128;

/// Operators of more than one character. Not `>>` and `>>=`, which no space could split into
/// something else that compiles: so `Vec<Vec<u8>>` equals `Vec<Vec<u8> >`.
const OPERATORS: [&str; 22] = [
    "<<=", "...", "..=", "&&", "||", "->", "=>", "::", "==", "!=", "<=", ">=", "+=", "-=", "*=",
    "/=", "%=", "^=", "&=", "|=", "<<", "..",
];

/// After these words, parentheses hold an expression and not the arguments of a call.
const KEYWORDS: [&str; 15] = [
    "as", "box", "break", "const", "else", "if", "in", "let", "match", "move", "mut", "ref",
    "return", "while", "yield",
];

/// The digest of `tokens`: the same for code that differs in comments, documentation, white space
/// and trailing commas only, another for any other change.
pub(crate) fn digest(tokens: TokenStream) -> u128 {
    let mut canonical = Vec::new();
    write_stream(tokens, &mut canonical);
    xxh3_128(&canonical)
}

fn write_stream(tokens: TokenStream, out: &mut Vec<u8>) {
    let tokens = without_trailing_comma(flattened(tokens));
    let mut at = 0;
    let mut call_may_follow = false;
    while at < tokens.len() {
        if let Some(length) = documentation(&tokens[at..]) {
            at += length;
            continue;
        }
        let mut length = 1;
        match &tokens[at] {
            TokenTree::Ident(ident) => {
                let text = ident.to_string();
                call_may_follow = !KEYWORDS.contains(&text.as_str());
                write_text(b'i', &text, out);
            }
            TokenTree::Literal(literal) => {
                call_may_follow = false;
                write_text(b'l', &literal.to_string(), out);
            }
            TokenTree::Group(group) => {
                write_group(group, call_may_follow, out);
                call_may_follow = group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Punct(_) => {
                let operator = operator(&tokens[at..]);
                call_may_follow = matches!(operator.as_str(), ">" | "?" | "!");
                length = operator.len();
                write_text(b'p', &operator, out);
            }
        }
        at += length;
    }
}

/// A tag, the length, the text: no two sequences of tokens share their bytes.
fn write_text(tag: u8, text: &str, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn write_group(group: &Group, is_call: bool, out: &mut Vec<u8>) {
    let mut inner = group.stream();
    let open = match group.delimiter() {
        Delimiter::Parenthesis => b'(',
        Delimiter::Brace => b'{',
        Delimiter::Bracket => b'[',
        Delimiter::None => return write_stream(inner, out),
    };
    if open == b'(' && !is_call && is_one_tuple(&inner) {
        // `(a,)` is a tuple and `(a)` is not: a second comma survives the removal of the last.
        inner.extend([TokenTree::Punct(Punct::new(',', Spacing::Alone))]);
    }
    out.push(open);
    write_stream(inner, out);
    out.push(b'e');
}

/// Whether the only comma is the last token.
fn is_one_tuple(tokens: &TokenStream) -> bool {
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    tokens.last().is_some_and(is_comma) && tokens.iter().filter(|&t| is_comma(t)).count() == 1
}

/// Replaces the invisible groups around what a macro passed on by their content.
fn flattened(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flat.extend(flattened(group.stream()));
            }
            token => flat.push(token),
        }
    }
    flat
}

fn without_trailing_comma(mut tokens: Vec<TokenTree>) -> Vec<TokenTree> {
    if matches!(tokens.last(), Some(TokenTree::Punct(p)) if p.as_char() == ',') {
        tokens.pop();
    }
    tokens
}

/// The number of tokens of the documentation `tokens` begins with: `#[doc…]` or `#![doc…]`.
fn documentation(tokens: &[TokenTree]) -> Option<usize> {
    let is = |at: usize, character| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == character);
    if !is(0, '#') {
        return None;
    }
    let at = if is(1, '!') { 2 } else { 1 };
    let Some(TokenTree::Group(attribute)) = tokens.get(at) else { return None };
    let first = attribute.stream().into_iter().next()?;
    matches!(first, TokenTree::Ident(name) if name == "doc").then_some(at + 1)
}

/// The longest operator `tokens` begins with. A lone punctuation character is one, too.
fn operator(tokens: &[TokenTree]) -> String {
    let mut joined = String::new();
    for token in tokens.iter().take(3) {
        let TokenTree::Punct(punct) = token else { break };
        joined.push(punct.as_char());
        if punct.spacing() == Spacing::Alone {
            break;
        }
    }
    while joined.len() > 1 && !OPERATORS.contains(&joined.as_str()) {
        joined.pop();
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::digest;

    fn of(code: &str) -> u128 {
        digest(code.parse().unwrap())
    }

    #[test]
    fn comments_space_and_documentation_do_not_count() {
        let plain = of("fn f(x: u8) -> u8 { x + 1 }");
        assert_eq!(plain, of("fn f( x:u8 )->u8{ /* one */ x+1 // two\n }"));
        assert_eq!(plain, of("/// Text.\n fn f(x: u8) -> u8 { //! Inner.\n x + 1 }"));
        assert_eq!(plain, of("#[doc = \"Text.\"] fn f(x: u8) -> u8 { x + 1 }"));
    }

    #[test]
    fn trailing_commas_do_not_count() {
        assert_eq!(of("f(a, b)"), of("f(a, b,)"));
        assert_eq!(of("f(a)"), of("f(\n a,\n)"));
        assert_eq!(of("f::<u8>(a)"), of("f::<u8>(a,)"));
        assert_eq!(of("[1, 2]"), of("[1, 2,]"));
        assert_eq!(of("S { a: 1 }"), of("S { a: 1, }"));
        assert_eq!(of("(a, b)"), of("(a, b,)"));
    }

    #[test]
    fn a_tuple_of_one_is_not_a_parenthesis() {
        assert_ne!(of("let x = (a);"), of("let x = (a,);"));
        assert_ne!(of("return (a)"), of("return (a,)"));
    }

    #[test]
    fn every_other_change_counts() {
        let base = of("fn f(x: u8) -> u8 { x + 1 }");
        for changed in [
            "fn f(x: u8) -> u8 { x + 2 }",
            "fn f(x: u8) -> u8 { x - 1 }",
            "fn f(x: u16) -> u8 { x + 1 }",
            "fn f(y: u8) -> u8 { y + 1 }",
            "fn f(x: u8) -> u8 { (x + 1) }",
            "fn f(x: u8) -> u8 { x + 1; }",
        ] {
            assert_ne!(base, of(changed), "{changed}");
        }
        assert_ne!(of("\"a b\""), of("\"ab\""));
        assert_ne!(of("ab c"), of("a bc"));
        assert_ne!(of("aib"), of("a b"), "not even where a name looks like a tag");
        assert_ne!(of("a & &b"), of("a && b"));
        assert_ne!(of("[a] b"), of("[a b]"));
        assert_ne!(of("#[inline] fn f() {}"), of("fn f() {}"));
    }

    #[test]
    fn operators_are_glued_whatever_the_spacing_around_them() {
        assert_eq!(of("a<<=b"), of("a <<= b"));
        assert_eq!(of("Vec<Vec<u8>>"), of("Vec<Vec<u8> >"));
        assert_eq!(of("0..=n"), of("0 ..= n"));
    }

    #[test]
    fn invisible_groups_do_not_count() {
        use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
        let inner: TokenStream = "x + 1".parse().unwrap();
        let group = TokenTree::Group(Group::new(Delimiter::None, inner));
        assert_eq!(digest(TokenStream::from(group)), of("x + 1"));
    }

    /// Stored results are found by these digests: a change here forgets every cache.
    #[test]
    fn known_digests() {
        assert_eq!(format!("{:032x}", of("")), "99aa06d3014798d86001c324468d497f");
        assert_eq!(
            format!("{:032x}", of("fn f(x: u8) -> u8 { x + 1 }")),
            "90ee0af9cf83be5719a9520b6cfd53d4"
        );
    }
}
