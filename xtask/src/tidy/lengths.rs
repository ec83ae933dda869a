//! How long files may be.

use super::Tree;

const SOURCE_LINES: usize = 800;
const EXAMPLE_BY_LINE: usize = 15;

/// Documents by the end of their path, and how many lines they may have.
const DOCUMENT_LINES: &[(&str, usize)] = &[("ARCHITECTURE.md", 200), ("/README.md", 60)];

pub(super) fn source_files(tree: &Tree) -> Vec<String> {
    let lines = tree.rust.iter().map(|file| (&file.path, file.text.lines().count()));
    lines
        .filter(|(_, lines)| *lines > SOURCE_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect()
}

pub(super) fn documents(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.markdown {
        let lines = file.text.lines().count();
        let limit = DOCUMENT_LINES.iter().find(|(end, _)| file.path.ends_with(end));
        if let Some((_, limit)) = limit.filter(|(_, limit)| lines > *limit) {
            findings.push(format!("{}: {lines} lines, {limit} allowed", file.path));
        }
        let example = file.text.lines().position(|line| line.starts_with("```"));
        if file.path.ends_with("README.md")
            && is_of_a_crate(tree, &file.path)
            && example.is_none_or(|line| line >= EXAMPLE_BY_LINE)
        {
            findings.push(format!("{}: no example by line {EXAMPLE_BY_LINE}", file.path));
        }
    }
    findings
}

/// The root's README and those of crates; others describe data, results or scripts.
fn is_of_a_crate(tree: &Tree, path: &str) -> bool {
    path.rsplit_once('/').is_none_or(|(folder, _)| tree.crates().contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_late_examples_are_found() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", &"\n".repeat(801)),
            ("a/src/short.rs", &"\n".repeat(800)),
            ("README.md", &format!("{}```\n", "\n".repeat(15))),
            ("a/README.md", &format!("{}```\n{}", "\n".repeat(14), "\n".repeat(46))),
            ("a/data/README.md", "no example"),
            ("ARCHITECTURE.md", &"\n".repeat(201)),
        ]);
        assert_eq!(source_files(&tree), ["a/src/lib.rs: 801 lines"]);
        assert_eq!(
            documents(&tree),
            [
                "README.md: no example by line 15",
                "a/README.md: 61 lines, 60 allowed",
                "ARCHITECTURE.md: 201 lines, 200 allowed",
            ]
        );
    }
}
