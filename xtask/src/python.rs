//! A Python of our own, with the packages that files are compared with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, workspace};

/// The interpreter with what most comparisons need: `xtask/python/requirements.txt`.
pub(crate) fn interpreter() -> Result<PathBuf> {
    environment("requirements")
}

/// The interpreter of a virtual environment below `target`, which has what
/// `xtask/python/<requirements>.txt` lists. Made, and made again when that file changes.
pub(crate) fn environment(requirements: &str) -> Result<PathBuf> {
    let list = script(&format!("{requirements}.txt"));
    let wanted = workspace::read(&list)?;
    let folder = workspace::target().join("python").join(requirements);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python3" });
    let stamp = folder.join("installed.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }

    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    make(&folder)?;
    println!("   installing Python packages in {}", folder.display());
    install(&python, &list)?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// A file of `xtask/python`.
pub(crate) fn script(name: &str) -> PathBuf {
    workspace::root().join("xtask/python").join(name)
}

fn make(folder: &Path) -> Result {
    let name = if cfg!(windows) { "python" } else { "python3" };
    let mut command = Command::new(name);
    command.args(["-m", "venv"]).arg(folder).stdin(Stdio::null());
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "{name} was not found: install it, for example `apt-get install python3 python3-venv`"
        )
        .into()),
        Err(error) => Err(format!("{name} could not be started: {error}").into()),
        Ok(output) if !output.status.success() => Err(format!(
            "{name} cannot make virtual environments: install its module, for example `apt-get \
             install python3-venv`"
        )
        .into()),
        Ok(_) => Ok(()),
    }
}

fn install(python: &Path, list: &Path) -> Result {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command.arg("--requirement").arg(list).stdin(Stdio::null());
    if command.status()?.success() {
        return Ok(());
    }
    Err(format!("pip could not install {}: its own message is above", list.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        let files = fs::read_dir(script("")).unwrap().map(|entry| entry.unwrap().path());
        let lists: Vec<_> = files.filter(|path| path.extension() == Some("txt".as_ref())).collect();
        assert!(!lists.is_empty());
        for list in lists {
            let text = workspace::read(&list).unwrap();
            let requirements: Vec<&str> =
                text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            assert!(!requirements.is_empty(), "{list:?}");
            let pinned = |line: &&str| line.contains("==") || line.starts_with("-r ");
            assert!(requirements.iter().all(pinned), "{list:?}: {requirements:?}");
        }
    }
}
