//! `cargo xtask bench`: how long we take and how long others do, in one run, side by side.
//!
//! Each measurement is a process of its own that touches and frees memory first: memory that a
//! virtual machine has not used lately can cost a second per gigabyte at its first touch. The sides
//! take turns, so that whatever else the machine does strikes all of them; minima and medians are
//! compared.

#[cfg(feature = "bench")]
mod blocks;
#[cfg(feature = "bench")]
mod cache;
#[cfg(feature = "bench")]
mod codecs;
#[cfg(feature = "bench")]
mod curves;
#[cfg(feature = "bench")]
mod engines;
#[cfg(feature = "bench")]
mod figure;
#[cfg(feature = "bench")]
mod files;
#[cfg(feature = "bench")]
mod items;
#[cfg(feature = "bench")]
mod peers;
#[cfg(feature = "bench")]
mod python;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod sample;
#[cfg(feature = "bench")]
mod scenario;
#[cfg(feature = "bench")]
mod scenes;
#[cfg(feature = "bench")]
mod sides;
#[cfg(feature = "bench")]
mod stage;
#[cfg(feature = "bench")]
mod tasks;
#[cfg(feature = "bench")]
mod timeline;

use crate::Result;

#[cfg(not(feature = "bench"))]
pub(crate) fn run(args: &[String]) -> Result {
    let again = "cargo run --quiet --release --package xtask --features bench -- bench";
    crate::command::Line::new(&format!("{again} {}", args.join(" "))).run()
}

/// Everything that is measured, in the order of the report.
#[cfg(feature = "bench")]
const AREAS: &[scenario::Area] = &[
    files::AREA,
    python::AREA,
    scenes::AREA,
    codecs::AREA,
    tasks::AREA,
    cache::AREA,
    blocks::AREA,
    engines::AREA,
];

#[cfg(feature = "bench")]
pub(crate) fn run(args: &[String]) -> Result {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    // What `sides` calls to measure our own side in a process of its own.
    if let ["--measure", area, operation, folder, size] = words[..] {
        let area = self::area(area)?;
        let sample = (area.measure)(operation, folder.as_ref(), size.parse()?)?;
        let sample = sample.ok_or_else(|| format!("no operation is called `{operation}`"))?;
        println!("{}", sample.line());
        return Ok(());
    }
    let quick = words.contains(&"--quick");
    let named: Vec<_> =
        words.iter().filter(|word| **word != "--quick").map(|w| area(w)).collect::<Result<_>>()?;
    let all = named.is_empty();
    run_areas(&if all { AREAS.iter().collect() } else { named }, quick)
}

#[cfg(feature = "bench")]
fn area(name: &str) -> Result<&'static scenario::Area> {
    let known = || AREAS.iter().map(|area| area.name).collect::<Vec<_>>().join(", ");
    let found = AREAS.iter().find(|area| area.name == name);
    found.ok_or_else(|| format!("`{name}` is neither --quick nor one of {}", known()).into())
}

#[cfg(feature = "bench")]
fn run_areas(areas: &[&scenario::Area], quick: bool) -> Result {
    for area in areas {
        let mut results = Vec::new();
        let mut workshop = sides::Workshop::open(area)?;
        let mut stage = stage::Stage::of(area);
        for scenario in (area.scenarios)(quick) {
            println!("== {}", scenario.name);
            stage.prepare(&scenario.name)?;
            workshop.environment = stage.environment();
            let samples = workshop.measure(&scenario)?;
            print!("{}", report::table(&scenario, &samples));
            results.push((scenario, samples));
        }
        if !quick {
            println!("written to {}", report::write(area, &results)?.display());
        }
        figure::draw(&results, quick)?;
        if area.name == scenes::AREA.name {
            timeline::draw(&mut workshop, &(area.scenarios)(quick), quick)?;
        }
        curves::draw(&results, quick)?;
    }
    Ok(())
}

#[cfg(all(test, feature = "bench"))]
mod tests {
    use super::*;

    #[test]
    fn the_first_side_is_ours_and_another_is_not() {
        for scenario in AREAS.iter().flat_map(|area| (area.scenarios)(true)) {
            let ours = |side: &scenario::Side| side.by == scenario::By::Us;
            assert!(scenario.sides.first().is_some_and(ours), "{}", scenario.name);
            assert!(!scenario.sides.iter().all(ours), "{}", scenario.name);
        }
    }

    #[test]
    fn an_unknown_area_is_answered_with_the_known_ones() {
        let error = area("flies").err().unwrap().to_string();
        assert_eq!(
            error,
            "`flies` is neither --quick nor one of files, python, scenes, codecs, tasks, cache, \
             blocks, engines"
        );
    }
}
