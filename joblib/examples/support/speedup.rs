//! How much faster two workers are than one. `--rounds 5` lets them take turns five times and compares
//! the shortest times, which is what counts on a machine that does other things, too.

use std::error::Error;
use std::time::{Duration, Instant};

use joblib::prelude::*;

/// What is measured: one worker, and two of each kind.
const SETTINGS: [(&str, &str, i32); 3] =
    [("one worker", "threads", 1), ("2 threads", "threads", 2), ("2 processes", "processes", 2)];

/// Does `work` with one and with two workers, checks that the results are the same, prints how long
/// each took, and returns the result.
pub(crate) fn compare<T: PartialEq>(
    work: impl Fn(&Parallel) -> Result<T, joblib::parallel::Error>,
) -> Result<T, Box<dyn Error>> {
    let mut least = [Duration::MAX; SETTINGS.len()];
    let mut reference = None;
    for _ in 0..rounds()? {
        for (least, (_, backend, n_jobs)) in least.iter_mut().zip(SETTINGS) {
            let parallel = Parallel::new().backend(backend).n_jobs(n_jobs);
            let start = Instant::now();
            let result = work(&parallel)?;
            *least = start.elapsed().min(*least);
            match &reference {
                Some(reference) => assert!(result == *reference, "the results differ"),
                None => reference = Some(result),
            }
        }
    }
    for (least_time, (name, ..)) in least.iter().zip(SETTINGS) {
        let faster = least[0].as_secs_f64() / least_time.as_secs_f64();
        println!("{name:<12} {least_time:>9.3?}, {faster:.2} times as fast as one");
    }
    reference.ok_or_else(|| "nothing was measured".into())
}

/// What follows `--rounds`, else 1.
fn rounds() -> Result<u32, Box<dyn Error>> {
    let mut words = std::env::args().skip_while(|word| word != "--rounds").skip(1);
    Ok(words.next().map_or(Ok(1), |word| word.parse())?)
}
