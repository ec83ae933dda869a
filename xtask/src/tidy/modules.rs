//! Tests that nobody runs, and modules that nobody tests.

use std::collections::{BTreeMap, HashSet};

use super::{File, Tree, words};

/// Modules that no test can name, by the beginning of their path, and what tests them all the same.
const TESTED_OTHERWISE: &[(&str, &str)] = &[
    (
        "joblib-memory/macros/src/",
        "`joblib-memory/tests` expands, compiles and runs the attributes",
    ),
    ("joblib-parallel/src/ids", "each call has one: every test of `run` depends on it"),
];

pub(super) fn tests_are_declared(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for folder in tree.crates() {
        let declared: HashSet<&str> =
            tree.tests(folder).flat_map(|file| file.text.lines()).filter_map(declares).collect();
        let inside = format!("{folder}/tests/");
        let modules = tree.tests(folder).filter(|file| file.path[inside.len()..].contains('/'));
        // A test that compiles the files of a folder names the folder.
        let compiled = |file: &File| {
            let path = &file.path[folder.len() + 1..];
            let quoted = path.rsplit_once('/').map(|(parent, _)| format!("\"{parent}/"));
            quoted.is_some_and(|quoted| tree.tests(folder).any(|test| test.text.contains(&quoted)))
        };
        for file in modules {
            if !declared.contains(module_name(&file.path)) && !compiled(file) {
                findings.push(format!("{}: no `mod` names it, so it never runs", file.path));
            }
        }
    }
    findings
}

/// A module is `src/name.rs` with everything below `src/name`. It counts as tested if it has a
/// `#[cfg(test)]` or an example of its own, or if the tests of its crate name something it defines.
pub(super) fn modules_have_tests(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for folder in tree.crates() {
        let named: HashSet<&str> = tree
            .tests(folder)
            .flat_map(|file| words(&file.text))
            .chain(tree.sources(folder).flat_map(|file| test_code(&file.text)).flat_map(words))
            .collect();
        let mut modules: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
        for file in tree.sources(folder) {
            let below = &file.path[folder.len() + "/src/".len()..];
            let module = below.split('/').next().unwrap_or(below).trim_end_matches(".rs");
            modules.entry(module).or_default().push(file);
        }
        for (module, files) in modules {
            let defines_nothing = files.iter().all(|file| definitions(&file.text).next().is_none());
            let tested = files.iter().any(|file| {
                test_code(&file.text).next().is_some()
                    || definitions(&file.text).any(|name| named.contains(name))
            });
            let module = format!("{folder}/src/{module}");
            let listed = TESTED_OTHERWISE.iter().any(|(listed, _)| module.starts_with(listed));
            if !tested && !defines_nothing && !listed {
                findings.push(format!("{module}: no test names anything in it"));
            }
        }
    }
    findings
}

/// The name in `mod name;`, whatever comment follows.
fn declares(line: &str) -> Option<&str> {
    let line = line.split("//").next().unwrap_or(line);
    line.trim().trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';')
}

fn module_name(path: &str) -> &str {
    let path = path.strip_suffix("/mod.rs").unwrap_or(path);
    path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The lines of a source file that run as tests: after `#[cfg(test)]`, and examples in the docs.
fn test_code(text: &str) -> impl Iterator<Item = &str> {
    let (mut unit_tests, mut example) = (false, false);
    text.lines().filter(move |line| {
        let doc = line.trim().strip_prefix("///").or_else(|| line.trim().strip_prefix("//!"));
        if doc.is_some_and(|doc| doc.trim().starts_with("```")) {
            example = !example;
            return false;
        }
        unit_tests |= line.trim() == "#[cfg(test)]";
        unit_tests || (example && doc.is_some())
    })
}

/// The names of the items a source file defines for others.
fn definitions(text: &str) -> impl Iterator<Item = &str> {
    const KINDS: [&str; 8] =
        ["fn", "struct", "enum", "trait", "type", "const", "static", "macro_rules"];
    text.lines().filter_map(|line| {
        let line = line.trim();
        if !line.starts_with("pub") && !line.starts_with("macro_rules") {
            return None;
        }
        let mut words = words(line).skip_while(|word| !KINDS.contains(word));
        let mut name = words.nth(1)?;
        while KINDS.contains(&name) || name == "unsafe" {
            name = words.next()?;
        }
        Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_that_no_binary_has_is_found() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", ""),
            ("a/tests/all.rs", "mod all {\n    mod used; // For this.\n}\n// mod forgotten;"),
            ("a/tests/all/used.rs", ""),
            ("a/tests/all/forgotten.rs", ""),
            ("a/tests/messages.rs", "compile_fail(\"tests/messages/*.rs\")"),
            ("a/tests/messages/refused.rs", ""),
        ]);
        let expected = ["a/tests/all/forgotten.rs: no `mod` names it, so it never runs"];
        assert_eq!(tests_are_declared(&tree), expected);
    }

    #[test]
    fn a_module_that_no_test_names_is_found() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "//! ```\n//! a::Shown::new();\n//! ```\nmod named;"),
            ("a/src/named.rs", "pub struct Named;"),
            ("a/src/shown.rs", "pub(crate) struct Shown;"),
            ("a/src/own.rs", "pub fn x() {}\n#[cfg(test)]\nmod tests {}"),
            ("a/src/empty.rs", "//! Docs only."),
            ("a/src/deep/mod.rs", "mod inner;"),
            ("a/src/deep/inner.rs", "pub(crate) const unsafe fn deep_fn() {}"),
            ("a/src/forgotten.rs", "pub struct Forgotten;"),
            ("a/tests/all.rs", "a::Named; deep_fn()"),
        ]);
        let expected = ["a/src/forgotten: no test names anything in it"];
        assert_eq!(modules_have_tests(&tree), expected);
    }
}
