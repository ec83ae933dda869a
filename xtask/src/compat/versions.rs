//! The versions of Python's joblib that files are exchanged with.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{Result, python, workspace};

/// Minor versions since the format of 0.10, not every one; 0.12 and 0.13 cannot be imported by Python
/// 3.11. What the oldest ask of numpy is not in its second version any more.
const VERSIONS: [(&str, Option<&str>); 11] = [
    ("0.10.3", Some("1.26.4")),
    ("0.11", Some("1.26.4")),
    ("0.14.1", Some("1.26.4")),
    ("0.17.0", None),
    ("1.0.1", None),
    ("1.1.1", None),
    ("1.2.0", None),
    ("1.3.2", None),
    ("1.4.2", None),
    ("1.5.3", None),
    ("1.6.0", None),
];

/// A Python with one version of joblib.
pub(super) struct Python {
    interpreter: PathBuf,
    version: String,
    /// Where this version is, if it is not the interpreter's own.
    folder: Option<PathBuf>,
}

impl Python {
    /// The version of `requirements.txt`.
    pub(super) fn current() -> Result<Self> {
        let interpreter = python::interpreter()?;
        let list = workspace::read(&python::script("requirements.txt"))?;
        let version = list.lines().find_map(|line| line.strip_prefix("joblib=="));
        let version = version.ok_or("requirements.txt does not name a joblib")?.to_owned();
        Ok(Self { interpreter, version, folder: None })
    }

    /// Every version that runs here, installed below `target`; the others are named.
    pub(super) fn all() -> Result<Vec<Self>> {
        let mut pythons = Vec::new();
        for (version, numpy) in VERSIONS {
            let python = Self::install(version, numpy)?;
            if python.imports()? {
                pythons.push(python);
            } else {
                println!("joblib {version}: skipped, it does not run under this Python");
            }
        }
        Ok(pythons)
    }

    fn install(version: &str, numpy: Option<&str>) -> Result<Self> {
        let interpreter = python::interpreter()?;
        let name = numpy.map_or(String::new(), |numpy| format!("-numpy-{numpy}"));
        let name = format!("joblib-{version}{name}");
        let folder = workspace::target().join("python").join(name);
        if !folder.exists() {
            let temporary = folder.with_extension("new");
            let mut command = Command::new(&interpreter);
            command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            command.args(["--no-deps", "--target"]).arg(&temporary);
            command.arg(format!("joblib=={version}"));
            command.args(numpy.map(|numpy| format!("numpy=={numpy}")));
            let status = command.stdin(Stdio::null()).status()?;
            if !status.success() {
                return Err(format!("pip could not install joblib {version}").into());
            }
            fs::rename(temporary, &folder)?;
        }
        Ok(Self { interpreter, version: version.to_owned(), folder: Some(folder) })
    }

    fn imports(&self) -> Result<bool> {
        let mut command = self.interpreter();
        let output = command.args(["-c", "import joblib; print(joblib.__version__)"]).output()?;
        Ok(output.status.success() && output.stdout.trim_ascii() == self.version.as_bytes())
    }

    fn interpreter(&self) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.envs(self.folder.as_ref().map(|folder| ("PYTHONPATH", folder)));
        command.stdin(Stdio::null());
        command
    }

    /// A call of a script of `xtask/python`.
    pub(super) fn command(&self, script: &str) -> Command {
        let mut command = self.interpreter();
        command.arg(python::script(script));
        command
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "joblib {}", self.version)
    }
}
