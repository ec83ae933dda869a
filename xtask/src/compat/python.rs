//! The other side of the comparison, when it is Python: `xtask/python/streams.py`.

use std::path::Path;
use std::process::Command;

use crate::{Result, python};

/// A file, what it is, and which input it must give back.
pub(super) struct Entry {
    pub(super) format: String,
    pub(super) file: String,
    pub(super) input: String,
}

/// Lets Python read the files of `folder` that its `manifest.txt` lists.
pub(super) fn read(folder: &Path) -> Result<Vec<Entry>> {
    call("read", folder)
}

/// Lets Python write files to `folder`.
pub(super) fn write(folder: &Path) -> Result<Vec<Entry>> {
    call("write", folder)
}

/// The lines of a manifest: format, file and input between tabs.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>> {
    let entry = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [format, file, input] => {
            Ok(Entry { format: format.to_owned(), file: file.to_owned(), input: input.to_owned() })
        }
        _ => Err(format!("not a line of a manifest: {line:?}").into()),
    };
    text.lines().map(entry).collect()
}

/// Calls the script; what it prints are the files it read or wrote.
fn call(what: &str, folder: &Path) -> Result<Vec<Entry>> {
    let mut command = Command::new(python::interpreter()?);
    command.arg(python::script("streams.py")).arg(what).arg(folder);
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(format!("Python could not {what} {}", folder.display()).into());
    }
    entries(&String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_manifest_is_three_words_a_line() {
        let entries = super::entries("gzip\ta.gz\tsmall\n").unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].file, "a.gz");
        assert!(super::entries("gzip a.gz small\n").is_err());
    }
}
