//! What the workspace consists of, read from its manifests and folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask sits in the workspace")
}

/// Where cargo puts what it makes, and we what others make for us.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The folders of all crates that are published, as written in the workspace's manifest.
pub(crate) fn crates() -> Result<Vec<String>> {
    let manifest = read(&root().join("Cargo.toml"))?;
    let folders: Vec<String> = list(&manifest, "members")
        .into_iter()
        .filter(|folder| !folder.starts_with("xtask"))
        .collect();
    if folders.is_empty() { Err("no members in Cargo.toml".into()) } else { Ok(folders) }
}

/// The name of the package in `folder`.
pub(crate) fn package(folder: &str) -> Result<String> {
    let manifest = read(&root().join(folder).join("Cargo.toml"))?;
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = "));
    Ok(name.ok_or_else(|| format!("{folder}/Cargo.toml has no name"))?.trim_matches('"').to_owned())
}

/// The features of the package in `folder`, without `default`.
pub(crate) fn features(folder: &str) -> Result<Vec<String>> {
    let manifest = read(&root().join(folder).join("Cargo.toml"))?;
    Ok(section_keys(&manifest, "features").into_iter().filter(|key| key != "default").collect())
}

/// Every file of ours below `folder` whose name ends with `suffix`, sorted.
pub(crate) fn files(folder: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = !name.starts_with('.') && name != "target";
            if entry.file_type()?.is_dir() {
                folders.extend(ours.then(|| entry.path()));
            } else if name.ends_with(suffix) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file, and its name if it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// The strings of `key = [ "a", "b" ]`, over as many lines as it takes.
fn list(manifest: &str, key: &str) -> Vec<String> {
    let start = format!("{key} = [");
    let mut lines = manifest.lines().skip_while(|line| !line.starts_with(&start));
    let mut text = String::new();
    for line in lines.by_ref() {
        text.push_str(line);
        if line.contains(']') {
            break;
        }
    }
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The keys of the section `[name]`.
fn section_keys(manifest: &str, name: &str) -> Vec<String> {
    let head = format!("[{name}]");
    let section = manifest.lines().skip_while(|line| *line != head).skip(1);
    section
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key.to_owned())
        .filter(|key| !key.starts_with('#'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace]\nmembers = [\n  \"a\",\n  \"b/c\",\n]\nother = [\"d\"]\n\
        [features]\n# x = y\ndefault = [\"one\"]\none = []\n\n[dependencies]\ntwo = \"1\"\n";

    #[test]
    fn reads_lists_and_sections() {
        assert_eq!(list(MANIFEST, "members"), ["a", "b/c"]);
        assert_eq!(list(MANIFEST, "other"), ["d"]);
        assert_eq!(section_keys(MANIFEST, "features"), ["default", "one"]);
        assert!(section_keys(MANIFEST, "none").is_empty());
    }

    #[test]
    fn knows_this_workspace() {
        let crates = crates().unwrap();
        assert!(crates.contains(&"joblib-compress".to_owned()), "{crates:?}");
        assert_eq!(package("joblib-memory/macros").unwrap(), "joblib-memory-macros");
        let features = features("joblib-compress").unwrap();
        assert!(features.contains(&"zstd".to_owned()) && !features.contains(&"default".to_owned()));
    }
}
