//! `cargo xtask fuzz`: each parser of bytes from outside, fed by libFuzzer.
//!
//! The programs in `xtask/fuzz/targets` are compiled by the ordinary toolchain with coverage counters.
//! What they find new goes below `target/fuzz`; `xtask/fuzz/corpus` keeps one small file per path
//! through a parser, and changes only when `--merge` is asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, workspace};

/// What `-C` tells the compiler so that libFuzzer sees which code an input reaches.
const COVERAGE: &[&str] = &[
    "passes=sancov-module",
    "llvm-args=-sanitizer-coverage-level=4",
    "llvm-args=-sanitizer-coverage-inline-8bit-counters",
    "llvm-args=-sanitizer-coverage-pc-table",
    "llvm-args=-sanitizer-coverage-trace-compares",
    "codegen-units=1",
];

/// Longer inputs find nothing that shorter ones do not, and slow the search down.
const LONGEST_INPUT: u64 = 1 << 16;

pub(crate) fn run(args: &[String]) -> Result {
    let wish = Wish::parse(args)?;
    build()?;
    for target in &wish.targets {
        println!("== {target}");
        let corpus = folder().join("corpus").join(target);
        let found = workspace::target().join("fuzz/found").join(target);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&found)?;
        let mut command = program(target);
        if wish.merge {
            command.arg("-merge=1").arg(&corpus).arg(&found);
        } else {
            command.arg(format!("-max_total_time={}", wish.seconds)).arg(&found).arg(&corpus);
        }
        if !command.status()?.success() {
            return Err(format!("{target}: the input that did it is named above").into());
        }
    }
    Ok(())
}

/// What the command line asks for.
#[derive(Debug)]
struct Wish {
    targets: Vec<String>,
    seconds: u64,
    merge: bool,
}

impl Wish {
    fn parse(args: &[String]) -> Result<Self> {
        let known = targets()?;
        let mut wish = Self { targets: Vec::new(), seconds: 600, merge: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--merge" => wish.merge = true,
                "--seconds" => {
                    let seconds = args.next().and_then(|text| text.parse().ok());
                    wish.seconds = seconds.ok_or("--seconds wants a number")?;
                }
                name if known.iter().any(|target| target == name) => {
                    wish.targets.push(name.to_owned());
                }
                other => {
                    let known = known.join(", ");
                    return Err(format!(
                        "`{other}` is none of --seconds N, --merge, and the targets {known}"
                    )
                    .into());
                }
            }
        }
        if wish.targets.is_empty() {
            wish.targets = known;
        }
        Ok(wish)
    }
}

fn folder() -> PathBuf {
    workspace::root().join("xtask/fuzz")
}

/// The programs there are, by the names of their files.
fn targets() -> Result<Vec<String>> {
    let files = workspace::files(&folder().join("targets"), ".rs")?;
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(files.iter().filter_map(stem).collect())
}

fn build_folder() -> PathBuf {
    workspace::target().join("fuzz")
}

fn build() -> Result {
    let flags: Vec<String> = COVERAGE.iter().map(|flag| format!("-C{flag}")).collect();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--bins", "--target", &host()?]).current_dir(folder());
    command.env("CARGO_ENCODED_RUSTFLAGS", format!("{}\x1f--cfg=fuzzing", flags.join("\x1f")));
    command.env("CARGO_TARGET_DIR", build_folder()).stdin(Stdio::null());
    if command.status()?.success() { Ok(()) } else { Err("the targets do not compile".into()) }
}

/// Named to cargo, so that build scripts and macros are compiled without the counters.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not name its host")?.to_owned())
}

fn program(target: &str) -> Command {
    let name = |host: &str| -> PathBuf { build_folder().join(host).join("release").join(target) };
    let mut command = Command::new(host().map_or_else(|_| PathBuf::from(target), |h| name(&h)));
    command.arg(format!("-max_len={LONGEST_INPUT}")).args(["-timeout=20", "-rss_limit_mb=1024"]);
    command.arg(format!("-artifact_prefix={}/", artifacts(target).display()));
    command.arg("-print_final_stats=1").stdin(Stdio::null());
    command
}

fn artifacts(target: &str) -> PathBuf {
    let folder: &Path = &build_folder().join("artifacts").join(target);
    let _ = fs::create_dir_all(folder);
    folder.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program_with_a_corpus() {
        let manifest = workspace::read(&folder().join("Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(targets.contains(&"native".to_owned()), "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
            let corpus = fs::read_dir(folder().join("corpus").join(&target));
            assert!(corpus.is_ok_and(|files| files.count() > 0), "{target} has no corpus");
        }
    }

    #[test]
    fn an_unknown_target_is_answered_with_the_known_ones() {
        let error = Wish::parse(&["natve".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("`natve` is none of") && error.contains("native"), "{error}");
        let wish = Wish::parse(&["--seconds".to_owned(), "5".to_owned()]).unwrap();
        assert_eq!((wish.seconds, wish.merge), (5, false));
        assert!(wish.targets.contains(&"native".to_owned()));
    }
}
