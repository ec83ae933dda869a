//! `cargo xtask miri`: the tests of borrowed tasks, interpreted step by step.
//!
//! Miri finds what no test can see: a reference that is used after its frame is gone, a data race, an
//! order of memory operations that this processor happens not to make use of.

use crate::Result;
use crate::command::{Line, Step, Work, run_steps};

/// The tests whose tasks borrow, on backends that run, drop and delay batches.
const TESTS: &str = "rustup run nightly cargo miri test -p joblib-parallel --no-default-features --test all -- \
                     misbehaviour reduce::folds_of reduce::the_rest stream::a stream::it_starts";

pub(crate) fn run(_: &[String]) -> Result {
    run_steps(&[step()])
}

/// The step, which says in a line what is missing where it cannot run.
fn step() -> Step {
    let about = "borrowed tasks under Miri";
    if !Line::new("rustup run nightly cargo miri --version").succeeds() {
        let reason = "`rustup toolchain install nightly --component miri,rust-src` provides it";
        return Step { about: about.to_owned(), work: Work::Skip(reason.to_owned()) };
    }
    // The tests ask for the number of cores and start threads, which is outside of the machine that
    // is interpreted.
    let line = Line::new(TESTS).with_variable("MIRIFLAGS", "-Zmiri-disable-isolation");
    Step::new(about, vec![line])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        match step().work {
            Work::Lines(lines) => assert!(lines[0].to_string().contains("miri test")),
            Work::Skip(reason) => assert!(reason.contains("rustup toolchain install nightly")),
            Work::SameTwice(_) => panic!("Miri is run once"),
        }
    }
}
