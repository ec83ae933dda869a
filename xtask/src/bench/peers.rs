//! The program in `xtask/peers`, of Rust crates that nothing else here needs.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::{Result, workspace};

/// The program, built when it is first asked for.
pub(super) fn program() -> Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(program) = BUILT.get() {
        return Ok(program.clone());
    }
    let target = workspace::target().join("peers");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--manifest-path", "xtask/peers/Cargo.toml"]);
    build.arg("--target-dir").arg(&target).current_dir(workspace::root()).stdin(Stdio::null());
    if !build.status()?.success() {
        return Err("the program in xtask/peers cannot be built".into());
    }
    let name = format!("peers{}", std::env::consts::EXE_SUFFIX);
    Ok(BUILT.get_or_init(|| target.join("release").join(name)).clone())
}
