//! numpy's own files, from Python through ours and back: `xtask/python/numpy_files.py`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use joblib_persist::value::Value;
use joblib_persist::{DumpOptions, dump, load};

use crate::{Result, python, workspace};

/// Lets Python write arrays of every type and order in every version of the format, writes each
/// again, by way of our own format too, and lets Python compare.
pub(super) fn run() -> Result {
    let folder = workspace::target().join("compat/numpy");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let written = call("write", &folder)?;
    for name in written.lines() {
        let path = folder.join(name);
        let value: Value = load(&path)?;
        let native = folder.join(format!("{name}.jbl"));
        dump(&value, &native)?;
        dump(&value, folder.join(format!("again-{name}")))?;
        let value: Value = load(native)?;
        let options = DumpOptions::new();
        let options = if name.ends_with("npz") { options.compress(3) } else { options };
        options.dump(&value, folder.join(format!("through-{name}")))?;
    }
    let same = call("check", &folder)?.lines().count();
    let files = 2 * written.lines().count();
    if files == 0 || same != files {
        return Err(format!("numpy compared {same} of {files} files").into());
    }
    println!("{same} .npy and .npz files of ours are what numpy wrote, and mapped by it");
    Ok(())
}

fn call(what: &str, folder: &Path) -> Result<String> {
    let mut command = Command::new(python::interpreter()?);
    command.arg(python::script("numpy_files.py")).arg(what).arg(folder).stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(format!("Python could not {what} numpy's files").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
