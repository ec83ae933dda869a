//! `cargo xtask ci`: everything a change must pass, cheap checks first.

use crate::command::{Line, Step, Work, run_steps};
use crate::{Result, python, test, workspace};

pub(crate) fn run(args: &[String]) -> Result {
    let skip_tests = match args {
        [] => false,
        [only] if only == "--skip-tests" => true,
        _ => return Err("the only argument is --skip-tests".into()),
    };
    python::interpreter()?;
    let mut steps = checks()?;
    if !skip_tests {
        steps.extend(test::steps());
    }
    steps.extend(thorough()?);
    run_steps(&steps)
}

/// What fails in a minute if it fails.
fn checks() -> Result<Vec<Step>> {
    Ok(vec![
        lines("format", ["cargo fmt --all --check"]),
        lines("rules of our own", ["cargo xtask tidy"]),
        lines("clippy", ["cargo clippy --workspace --all-targets --all-features -- -D warnings"]),
        lines(
            "clippy without features",
            ["cargo clippy --workspace --all-targets --no-default-features -- -D warnings"],
        ),
        Step::new("each feature alone", features_alone()?),
        Step::new(
            "documentation",
            vec![
                Line::new("cargo doc --workspace --no-deps --all-features")
                    .with_variable("RUSTDOCFLAGS", "-D warnings"),
            ],
        ),
        lines(
            "manifests and packaged files",
            [
                "cargo package --workspace --exclude xtask --exclude joblib-schedules --no-verify --allow-dirty --quiet",
            ],
        ),
        wasm(),
    ])
}

/// What takes minutes.
fn thorough() -> Result<Vec<Step>> {
    let example = Line::new("cargo run --quiet --release --example grid_search");
    Ok(vec![
        // But for the compiler's messages, which compile for minutes and have no features.
        lines(
            "tests with all features",
            ["cargo test --workspace --all-features -- --skip messages"],
        ),
        lines(
            "deaths by the hundred, arguments of a gigabyte",
            ["cargo test -p joblib-backends --all-features --test faults -- --include-ignored"],
        ),
        lines("Dask and ipyparallel", ["cargo xtask engines"]),
        Step::new(
            "tests without features",
            each_crate(|package| format!("cargo test -p {package} --no-default-features"))?,
        ),
        lines("remote stores against server programs", ["cargo xtask servers"]),
        Step { about: "the example, twice alike".to_owned(), work: Work::SameTwice(example) },
    ])
}

fn lines<const N: usize>(about: &str, lines: [&str; N]) -> Step {
    Step::new(about, lines.into_iter().map(Line::new).collect())
}

fn each_crate(line: impl Fn(&str) -> String) -> Result<Vec<Line>> {
    let packages = workspace::crates()?.into_iter().map(|folder| workspace::package(&folder));
    packages.map(|package| Ok(Line::new(&line(&package?)))).collect()
}

/// One check per feature of each crate, so that none leans on another without saying so.
fn features_alone() -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for folder in workspace::crates()? {
        let package = workspace::package(&folder)?;
        for feature in workspace::features(&folder)? {
            let check = "cargo check --quiet --no-default-features";
            lines.push(Line::new(&format!("{check} -p {package} --features {feature}")));
        }
    }
    Ok(lines)
}

/// The facade for a target without processes, threads and files.
fn wasm() -> Step {
    const TARGET: &str = "wasm32-unknown-unknown";
    let about = "wasm32, facade without features";
    if !Line::new(&format!("rustup target add {TARGET}")).succeeds() {
        let reason =
            format!("`rustup target add {TARGET}` failed, so that target is not to be had");
        return Step { about: about.to_owned(), work: Work::Skip(reason) };
    }
    let check = format!("cargo check -p joblib --no-default-features --target {TARGET}");
    lines(about, [check.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_and_every_feature_has_its_check() {
        let shown = |lines: Vec<Line>| lines.iter().map(Line::to_string).collect::<Vec<_>>();
        let alone = shown(features_alone().unwrap());
        assert!(alone.iter().any(|line| line.ends_with("-p joblib-compress --features xz")));
        let crates = shown(each_crate(|package| format!("echo {package}")).unwrap());
        assert!(crates.contains(&"echo joblib".to_owned()), "{crates:?}");
        assert!(!crates.contains(&"echo xtask".to_owned()), "{crates:?}");
    }
}
