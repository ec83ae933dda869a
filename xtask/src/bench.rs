//! `cargo xtask bench`: how long we take and how long others do, in one run, side by side.
//!
//! Each measurement is a process of its own that touches and frees memory first: memory that a
//! virtual machine has not used lately can cost a second per gigabyte at its first touch. The sides
//! take turns, so that whatever else the machine does strikes all of them; minima and medians are
//! compared.

#[cfg(feature = "bench")]
mod ours;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod scenarios;
#[cfg(feature = "bench")]
mod sides;

use crate::Result;

#[cfg(not(feature = "bench"))]
pub(crate) fn run(args: &[String]) -> Result {
    let again = "cargo run --quiet --release --package xtask --features bench -- bench";
    crate::command::Line::new(&format!("{again} {}", args.join(" "))).run()
}

#[cfg(feature = "bench")]
pub(crate) fn run(args: &[String]) -> Result {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run_all(false),
        ["--quick"] => run_all(true),
        // What `sides` calls to measure our own side in a process of its own.
        ["--measure", operation, folder, size] => {
            println!("{}", ours::measure(operation, folder.as_ref(), size.parse()?)?.as_secs_f64());
            Ok(())
        }
        _ => Err("the only argument is --quick".into()),
    }
}

#[cfg(feature = "bench")]
fn run_all(quick: bool) -> Result {
    let scenarios = scenarios::all(quick);
    let mut results = Vec::new();
    for scenario in &scenarios {
        println!("== {}", scenario.name);
        let samples = sides::measure(scenario)?;
        print!("{}", report::table(scenario, &samples));
        results.push((scenario, samples));
    }
    if !quick {
        println!("written to {}", report::write(&results)?.display());
    }
    Ok(())
}
