//! The side process: which Python, which script.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::address::Address;
use crate::processes::remote;

/// The variable that names the user's Python.
const PYTHON: &str = "JOBLIB_PYTHON";

/// Starts the side process for `address`.
pub(super) fn start(address: &Address) -> Result<Child, Box<dyn std::error::Error + Send + Sync>> {
    let mut options = address.options.clone();
    let python = python(options.remove("python"));
    let executable =
        options.remove("executable").map_or_else(executable, |path| Ok(path.into()))?;
    let identity: String = remote::handshake().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new(&python);
    command.args(["-u", "-c", &script(), address.engine.name(), &address.location]);
    command.arg(executable).arg(identity);
    command.args(options.iter().map(|(key, value)| format!("{key}={value}")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().map_err(|error| explained(&python, error))
}

/// An option of the address, else the variable, else whatever `python3` is.
fn python(option: Option<String>) -> PathBuf {
    let variable = || env::var_os(PYTHON).filter(|path| !path.is_empty());
    option
        .map(PathBuf::from)
        .or_else(|| variable().map(PathBuf::from))
        .unwrap_or_else(|| "python3".into())
}

/// What engines start as our worker: this program, by its path.
fn executable() -> io::Result<PathBuf> {
    env::current_exe()
}

/// One text, so that it needs no place in the file system.
fn script() -> String {
    concat!(
        include_str!("python/engine.py"),
        include_str!("python/engines/dask.py"),
        include_str!("python/engines/ipyparallel.py"),
        include_str!("python/engines/ray.py"),
        include_str!("python/engines/spark.py"),
        include_str!("python/bridge.py"),
    )
    .replace("\"@WORKER@\"", &format!("r'''{}'''", include_str!("python/worker.py")))
}

fn explained(python: &Path, error: io::Error) -> Box<dyn std::error::Error + Send + Sync> {
    let shown = python.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no `{shown}`: install Python 3, or name yours in {PYTHON}").into()
        }
        _ => format!("`{shown}` could not be started: {error}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_lies_in_the_script_as_one_literal() {
        let script = script();
        assert!(!script.contains("@WORKER@"));
        let worker = include_str!("python/worker.py");
        assert!(!worker.contains("'''") && !worker.trim_end().ends_with('\\'));
    }

    #[test]
    fn a_missing_python_is_told_with_the_remedy() {
        let missing = io::ErrorKind::NotFound.into();
        let text = explained(Path::new("/no/python"), missing).to_string();
        assert_eq!(
            text,
            "there is no `/no/python`: install Python 3, or name yours in JOBLIB_PYTHON"
        );
    }
}
