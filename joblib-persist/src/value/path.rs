//! Places inside a value, such as `steps[1][1].coef_`.

use super::{Kind, ValueRef};

/// A step from a part to one inside it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step<'p> {
    /// `.name`: an attribute, or a key that is text.
    Name(&'p str),
    /// `[3]`: the number of an element, or a key that is an integer.
    Index(i64),
    /// `["key"]`: a key that is text, whatever is in it.
    Key(&'p str),
}

impl<'a> ValueRef<'a> {
    /// What is at a place inside: `.name` is an attribute of an object or a key of a dict,
    /// `[3]` an element of a list, tuple or array of objects (from the end if negative) or an
    /// integer key, `["key"]` a key with dots or brackets in it. The empty path is the value
    /// itself. None if there is nothing, or the path cannot be read.
    ///
    /// ```
    /// use joblib_persist::value::Builder;
    ///
    /// let mut builder = Builder::new();
    /// let (key, two) = (builder.str("weights"), builder.float(2.0));
    /// let list = builder.list(&[two]);
    /// let dict = builder.dict(&[(key, list)]);
    /// let value = builder.finish(dict);
    ///
    /// assert_eq!(value.get("weights[0]").and_then(|weight| weight.as_f64()), Some(2.0));
    /// assert!(value.get("weights[1]").is_none());
    /// ```
    pub fn get(self, path: &str) -> Option<ValueRef<'a>> {
        let mut rest = path;
        let mut at = self;
        while !rest.is_empty() {
            let step;
            (step, rest) = first_step(rest)?;
            at = at.step(step)?;
        }
        Some(at)
    }

    fn step(self, step: Step<'_>) -> Option<ValueRef<'a>> {
        match step {
            Step::Name(name) => self.attribute(name).or_else(|| self.key(name)),
            Step::Key(name) => self.key(name).or_else(|| self.attribute(name)),
            Step::Index(index) => self.element(index),
        }
    }

    /// The attribute of an object, or the value of a text key of a dict.
    fn attribute(self, name: &str) -> Option<ValueRef<'a>> {
        let mut attributes = self.as_object()?.attributes();
        attributes.find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    }

    fn key(self, name: &str) -> Option<ValueRef<'a>> {
        self.as_dict()?.get(name)
    }

    fn element(self, index: i64) -> Option<ValueRef<'a>> {
        let items = match self.kind() {
            Kind::List(items) | Kind::Tuple(items) => items,
            Kind::Array(array) if array.shape().len() == 1 => array.objects()?,
            Kind::Object(object) if !object.items().is_empty() => object.items(),
            _ => {
                return self
                    .as_dict()?
                    .iter()
                    .find(|(key, _)| key.as_i64() == Some(index))
                    .map(|pair| pair.1);
            }
        };
        let from_end = if index < 0 { items.len() as i64 } else { 0 };
        items.get(usize::try_from(index + from_end).ok()?)
    }
}

/// Takes the first step off a path.
fn first_step(path: &str) -> Option<(Step<'_>, &str)> {
    let Some(bracket) = path.strip_prefix('[') else {
        let name = path.strip_prefix('.').unwrap_or(path);
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        return (!name.is_empty()).then_some((Step::Name(name), rest));
    };
    for quote in ['"', '\''] {
        if let Some(key) = bracket.strip_prefix(quote) {
            let (key, rest) = key.split_once(quote)?;
            return Some((Step::Key(key), rest.strip_prefix(']')?));
        }
    }
    let (index, rest) = bracket.split_once(']')?;
    Some((Step::Index(index.trim().parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mut path: &str) -> Option<Vec<Step<'_>>> {
        let mut steps = Vec::new();
        while !path.is_empty() {
            let (step, rest) = first_step(path)?;
            steps.push(step);
            path = rest;
        }
        Some(steps)
    }

    #[test]
    fn paths_are_taken_apart() {
        let expected = [Step::Name("steps"), Step::Index(1), Step::Index(-1), Step::Name("coef_")];
        assert_eq!(steps("steps[1][-1].coef_"), Some(expected.to_vec()));
        assert_eq!(
            steps(".a[\"b.c[0]\"]['d']"),
            Some(vec![Step::Name("a"), Step::Key("b.c[0]"), Step::Key("d"),])
        );
        assert_eq!(steps(""), Some(vec![]));
    }

    #[test]
    fn what_is_no_path_leads_nowhere() {
        for path in [".", "a..b", "[", "[1", "[x]", "[\"a]", "[\"a\"", "a[]"] {
            assert_eq!(steps(path), None, "{path}");
        }
    }
}
