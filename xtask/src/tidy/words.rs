//! Words that promise work instead of doing it.

use super::{Tree, words};

/// Put together here, so that this file may contain them.
const FOR_LATER: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("HA", "CK"), concat!("XX", "X")];

pub(super) fn nothing_left_for_later(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust.iter().chain(&tree.markdown) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = words(line).find(|word| FOR_LATER.contains(word)) {
                findings.push(format!("{}:{}: {word}", file.path, number + 1));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_later_are_found_as_whole_words() {
        let text = format!("fine\n// {}: more", FOR_LATER[0]);
        let tree = Tree::of(&[("a.rs", &text), ("b.md", &format!("{}S", FOR_LATER[3]))]);
        assert_eq!(nothing_left_for_later(&tree), [format!("a.rs:2: {}", FOR_LATER[0])]);
    }
}
