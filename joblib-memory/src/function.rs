//! The name of a function: the part of a call's identity that people read.

use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

/// The longest component, in bytes: escaped to three times its length it fits the 143 bytes that
/// the most restrictive file system in use allows for a name.
const MAX_COMPONENT: usize = 47;

/// A function's path, such as `my_crate::model::fit`.
///
/// Components longer than 47 bytes keep their first 30 and end in a digest of the whole, so that
/// every function has a file name of its own everywhere. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Function {
    path: Arc<str>,
    version: Option<&'static str>,
}

impl Function {
    /// The function with this path. Components are separated by `::`, except within brackets.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let components: Vec<String> = split(path).into_iter().map(shortened).collect();
        Self { path: components.join("::").into(), version: None }
    }

    /// Notes the version of the function's crate, for people only: it is no part of the identity.
    #[must_use]
    pub fn with_version(self, version: Option<&'static str>) -> Self {
        Self { version, ..self }
    }

    /// The path, components joined by `::`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The version of the function's crate, if known.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version
    }

    /// The components of the path, at least one.
    pub(crate) fn components(&self) -> Vec<&str> {
        split(&self.path)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Function {}

impl std::hash::Hash for Function {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Splits at the `::` outside of `<…>`, `{…}`, `(…)` and `[…]`.
fn split(path: &str) -> Vec<&str> {
    let bytes = path.as_bytes();
    let (mut components, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'<' | b'{' | b'(' | b'[' => depth += 1,
            b'>' | b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => {
                components.push(&path[start..at]);
                at += 1;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    components.push(&path[start..]);
    components
}

fn shortened(component: &str) -> String {
    if component.len() <= MAX_COMPONENT {
        return component.to_owned();
    }
    let mut end = 30;
    while !component.is_char_boundary(end) {
        end -= 1;
    }
    // An unbalanced bracket in what is kept would hide the `::` behind it.
    let kept = component[..end].replace(['<', '>', '{', '}', '(', ')', '[', ']', ':'], "_");
    format!("{kept}~{:016x}", xxh3_64(component.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components(path: &str) -> Vec<String> {
        Function::new(path).components().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn paths_are_split_outside_of_brackets() {
        assert_eq!(components("a::b::c"), ["a", "b", "c"]);
        assert_eq!(components("a"), ["a"]);
        assert_eq!(components(""), [""]);
        assert_eq!(components("a::<b::C as d::E>::f"), ["a", "<b::C as d::E>", "f"]);
        assert_eq!(components("a::{{closure}}::f"), ["a", "{{closure}}", "f"]);
        assert_eq!(components("a::>::b"), ["a", ">", "b"]);
    }

    #[test]
    fn long_components_stay_apart_and_are_shortened_once() {
        let long = |end: char| format!("a::{}<x::{end}::b", "é".repeat(40));
        let (x, y) = (Function::new(&long('x')), Function::new(&long('y')));
        assert_ne!(x, y);
        assert_eq!(Function::new(x.path()), x);
        assert!(x.components().iter().all(|c| c.len() <= MAX_COMPONENT), "{x}");
    }

    #[test]
    fn the_version_is_no_part_of_the_identity() {
        assert_eq!(Function::new("a").with_version(Some("1")), Function::new("a"));
    }
}
