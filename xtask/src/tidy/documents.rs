//! Links between documents.

use std::path::Path;

use super::Tree;
use crate::workspace;

pub(super) fn links_resolve(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.markdown {
        let folder = workspace::root().join(&file.path);
        let folder = folder.parent().unwrap_or(Path::new("."));
        for target in links(&file.text) {
            if !folder.join(target).exists() {
                findings.push(format!("{}: `{target}` leads nowhere", file.path));
            }
        }
    }
    findings
}

/// The relative targets of `[text](target)` outside code, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    let prose = text.lines().filter(move |line| {
        code ^= line.trim_start().starts_with("```");
        !code
    });
    prose
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split([')', '#', ' ']).next())
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.contains("mailto:")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_outside_code_count() {
        let text = "[a](x.md) and [b](https://y) [c](z/w.md#part)\n```\n[d](code)\n```\n[e](#here)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["x.md", "z/w.md"]);
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        let tree = Tree::of(&[("xtask/x.md", "[a](Cargo.toml) [b](../Cargo.toml) [c](none.md)")]);
        assert_eq!(links_resolve(&tree), ["xtask/x.md: `none.md` leads nowhere"]);
    }
}
