//! Where `unsafe` may be written: a list short enough to audit.

use super::{Tree, words};

/// Files and why they cannot do without. A file that can is to be taken off.
const ALLOWED: &[(&str, &str)] = &[
    ("joblib-backends/src/launched/relay.rs", "turns an offset into a function"),
    ("joblib-backends/src/processes/entry.rs", "starts workers before `main`"),
    ("joblib-backends/src/processes/image.rs", "where the executable lies in memory"),
    ("joblib-backends/src/processes/region.rs", "looks at arrays in files that are memory"),
    ("joblib-backends/src/processes/remote.rs", "turns an offset into a function"),
    ("joblib-backends/src/processes/status.rs", "memory that parent and worker share"),
    ("joblib-backends/src/processes/sys.rs", "system calls that the standard library lacks"),
    ("joblib-backends/src/processes/worker.rs", "takes over the descriptors it was born with"),
    ("joblib-backends/tests/faults/inside.rs", "workers that crash"),
    ("joblib-memory/src/at_exit.rs", "has a function called at the end of the process"),
    ("joblib-memory/src/store/range_lock.rs", "locks that belong to an open file"),
    ("joblib-memory/src/store/unnamed.rs", "gives a name to a file that has none"),
    ("joblib-memory/tests/messages/items.rs", "a function that `#[cache]` refuses"),
    ("joblib-parallel/src/portable.rs", "calls functions by their place in the executable"),
    ("joblib-parallel/src/portable_fold.rs", "makes folds again in workers from their types"),
    ("joblib-parallel/src/scope.rs", "tasks that borrow: the lifetime ends with the call"),
    ("joblib-parallel/tests/all/shield.rs", "changes the environment before there are threads"),
    ("joblib-persist/benches/rates.rs", "asks for processor time"),
    ("joblib-persist/src/array/destination.rs", "reads into memory that is not yet written"),
    ("joblib-persist/src/array/element.rs", "numbers as bytes"),
    ("joblib-persist/src/array/memory.rs", "asks the system for large pages"),
    ("joblib-persist/src/array/origin.rs", "finds an array again by type and address"),
    ("joblib-persist/src/array/parts.rs", "takes arrays apart and puts them together"),
    ("joblib-persist/src/array/table.rs", "one table for arrays of all types"),
    ("joblib-persist/src/file/fresh.rs", "reads into memory that is not yet written"),
    ("joblib-persist/src/file/room.rs", "reserves room on the disk"),
    ("joblib-persist/src/mapped/block.rs", "arrays inside a map"),
    ("joblib-persist/src/mapped/bytes.rs", "elements inside a map"),
    ("joblib-persist/src/mapped/map.rs", "maps files into memory"),
];

pub(super) fn only_where_allowed(tree: &Tree) -> Vec<String> {
    check(tree, ALLOWED)
}

fn check(tree: &Tree, allowed: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.rust {
        let first = file.text.lines().position(uses_unsafe);
        let listed = allowed.iter().any(|(path, _)| *path == file.path);
        match first {
            Some(line) if !listed => {
                findings.push(format!("{}:{}: unsafe code", file.path, line + 1));
            }
            None if listed => findings.push(format!("{}: needs no permission", file.path)),
            _ => {}
        }
    }
    for (path, _) in allowed {
        if tree.rust.iter().all(|file| file.path != *path) {
            findings.push(format!("{path}: permitted, but not there"));
        }
    }
    findings
}

/// Whether code, not a comment or a string, has the keyword.
fn uses_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    let code: String = code.split('"').step_by(2).collect();
    words(&code).any(|word| word == "unsafe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_is_found_and_words_about_it_are_not() {
        let tree = Tree::of(&[
            ("a/src/bad.rs", "\nlet x = unsafe { y() };"),
            ("a/src/words.rs", "#![forbid(unsafe_code)]\n// unsafe\nlet x = \"unsafe\";"),
            ("a/src/allowed.rs", "unsafe extern \"C\" {}"),
            ("a/src/reformed.rs", "fn safe() {}"),
        ]);
        let allowed = ["allowed", "reformed", "gone"].map(|name| format!("a/src/{name}.rs"));
        let allowed: Vec<(&str, &str)> = allowed.iter().map(|path| (&path[..], "why")).collect();
        let expected = [
            "a/src/bad.rs:2: unsafe code",
            "a/src/reformed.rs: needs no permission",
            "a/src/gone.rs: permitted, but not there",
        ];
        assert_eq!(check(&tree, &allowed), expected);
    }
}
