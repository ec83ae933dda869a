//! Fitted scikit-learn models, sparse matrices and tables, from Python through our own format and
//! back: `xtask/python/sklearn_models.py`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use joblib_persist::value::Value;
use joblib_persist::{dump, load};

use crate::{Result, python, workspace};

/// Converts a few models, or all of them, and lets Python compare.
pub(super) fn run(full: bool) -> Result {
    let folder = workspace::target().join("compat/sklearn");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    call("write", &folder, full)?;
    let mut converted = 0;
    for entry in fs::read_dir(&folder)? {
        convert(&entry?.path())?;
        converted += 1;
    }
    let same = call("check", &folder, full)?.lines().count();
    if same != converted {
        return Err(format!("Python compared {same} of {converted} files").into());
    }
    println!("{same} models and tables of scikit-learn, scipy and pandas: the same after .jbl");
    Ok(())
}

fn convert(path: &Path) -> Result {
    let value: Value = load(path)?;
    let native = path.with_extension("jbl");
    dump(&value, &native)?;
    let value: Value = load(&native)?;
    dump(&value, path.with_extension("pkl.xz"))?;
    Ok(())
}

fn call(what: &str, folder: &Path, full: bool) -> Result<String> {
    let mut command = Command::new(python::environment("sklearn")?);
    command.arg(python::script("sklearn_models.py")).arg(what).arg(folder).stdin(Stdio::null());
    command.args((!full).then_some("few"));
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(format!("Python could not {what} the models").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
