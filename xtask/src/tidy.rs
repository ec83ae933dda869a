//! `cargo xtask tidy`: rules that clippy cannot express.

mod documents;
mod lengths;
mod modules;
mod unsafe_code;
mod words;

use crate::{Result, workspace};

/// Every file of ours that has rules.
struct Tree {
    rust: Vec<File>,
    markdown: Vec<File>,
}

struct File {
    /// From the root of the workspace, with slashes.
    path: String,
    text: String,
}

/// What it demands, and the places that break it.
type Rule = (&'static str, fn(&Tree) -> Vec<String>);

const RULES: &[Rule] = &[
    ("no source file is longer than 800 lines", lengths::source_files),
    ("documents are short and show an example early", lengths::documents),
    ("every file under tests is a module of a test binary", modules::tests_are_declared),
    ("no module without tests", modules::modules_have_tests),
    ("unsafe code only where it is accounted for", unsafe_code::only_where_allowed),
    ("nothing is left for later", words::nothing_left_for_later),
    ("links between our documents lead somewhere", documents::links_resolve),
];

pub(crate) fn run(_: &[String]) -> Result {
    let tree = Tree::load()?;
    let mut broken = 0;
    for (demand, rule) in RULES {
        let findings = rule(&tree);
        println!("{:>4}  {demand}", if findings.is_empty() { "ok" } else { "NO" });
        findings.iter().for_each(|finding| println!("      {finding}"));
        broken += findings.len();
    }
    println!("{} source files, {} documents", tree.rust.len(), tree.markdown.len());
    if broken == 0 { Ok(()) } else { Err(format!("{broken} findings").into()) }
}

impl Tree {
    fn load() -> Result<Self> {
        let tree = Self { rust: File::all(".rs")?, markdown: File::all(".md")? };
        if tree.rust.is_empty() || tree.markdown.is_empty() {
            return Err("found no files to check".into());
        }
        Ok(tree)
    }

    /// The sources of the crate in `folder`, tests and examples not included.
    fn sources<'t>(&'t self, folder: &'t str) -> impl Iterator<Item = &'t File> {
        let folder = format!("{folder}/src/");
        self.rust.iter().filter(move |file| file.path.starts_with(&folder))
    }

    /// The integration tests of the crate in `folder`.
    fn tests<'t>(&'t self, folder: &'t str) -> impl Iterator<Item = &'t File> {
        let folder = format!("{folder}/tests/");
        self.rust.iter().filter(move |file| file.path.starts_with(&folder))
    }

    /// The folders that have a `src`.
    fn crates(&self) -> Vec<&str> {
        let mut crates: Vec<&str> = self
            .rust
            .iter()
            .filter_map(|file| file.path.split_once("/src/"))
            .map(|p| p.0)
            .collect();
        crates.sort_unstable();
        crates.dedup();
        crates
    }
}

impl File {
    fn all(suffix: &str) -> Result<Vec<Self>> {
        let root = workspace::root();
        let load = |path: std::path::PathBuf| {
            let text = workspace::read(&path)?;
            let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            Ok(Self { path, text })
        };
        workspace::files(root, suffix)?.into_iter().map(load).collect()
    }
}

/// The parts of `text` that are made of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
impl Tree {
    /// A tree of these files for the tests of the rules.
    fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        let (rust, markdown) = files.iter().map(file).partition(|file| file.path.ends_with(".rs"));
        Self { rust, markdown }
    }
}
