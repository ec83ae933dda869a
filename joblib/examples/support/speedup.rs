//! How much faster two workers are than one. `--rounds 5` lets them take turns five times and compares
//! the shortest times, which is what counts on a machine that does other things, too. `--plain` lets two
//! processes without the library take their turn: no two workers can be faster than this machine lets
//! those be.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use joblib::prelude::*;

/// What is measured: one worker, and two of each kind.
const SETTINGS: [(&str, &str, i32); 3] =
    [("one worker", "threads", 1), ("2 threads", "threads", 2), ("2 processes", "processes", 2)];

/// Does `work` with one and with two workers, checks that the results are the same, prints how long
/// each took, and returns the result. `alone` does one of its `tasks`, without the library.
pub(crate) fn compare<T: PartialEq>(
    tasks: usize,
    alone: impl Fn(usize),
    work: impl Fn(&Parallel) -> Result<T, joblib::parallel::Error>,
) -> Result<T, Box<dyn Error>> {
    if let Some(half) = number_after("--half")? {
        do_half(half as usize, tasks, alone)?;
        std::process::exit(0);
    }
    let mut plain = if is_given("--plain") { Plain::start()? } else { Plain(Vec::new()) };
    let mut times = [Duration::MAX; SETTINGS.len() + 1];
    let mut reference = None;
    for _ in 0..number_after("--rounds")?.unwrap_or(1) {
        for (time, (_, backend, n_jobs)) in times.iter_mut().zip(SETTINGS) {
            let parallel = Parallel::new().backend(backend).n_jobs(n_jobs);
            let start = Instant::now();
            let result = work(&parallel)?;
            *time = start.elapsed().min(*time);
            match &reference {
                Some(reference) => assert!(result == *reference, "the results differ"),
                None => reference = Some(result),
            }
        }
        let start = Instant::now();
        if plain.work()? {
            times[SETTINGS.len()] = start.elapsed().min(times[SETTINGS.len()]);
        }
    }
    let names = SETTINGS.iter().map(|(name, ..)| *name).chain(["2 × plain"]);
    for (name, time) in names.zip(times).filter(|(_, time)| *time < Duration::MAX) {
        let faster = times[0].as_secs_f64() / time.as_secs_f64();
        println!("{name:<12} {time:>9.3?}, {faster:.2} times as fast as one");
    }
    reference.ok_or_else(|| "nothing was measured".into())
}

/// Two processes that wait for a line, do every second task each, and say so.
struct Plain(Vec<Child>);

impl Plain {
    fn start() -> Result<Self, Box<dyn Error>> {
        let start = |half| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["--half", half]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        };
        let mut plain = Self(["0", "1"].map(start).into_iter().collect::<Result<_, _>>()?);
        // Once unmeasured: then they have begun.
        plain.work()?;
        Ok(plain)
    }

    /// Has both do their half; false if there are none.
    fn work(&mut self) -> Result<bool, Box<dyn Error>> {
        for child in &self.0 {
            child.stdin.as_ref().ok_or("no input")?.write_all(b"\n")?;
        }
        for child in &mut self.0 {
            let answer = BufReader::new(child.stdout.as_mut().ok_or("no output")?).lines().next();
            answer.ok_or("a plain process has ended")??;
        }
        Ok(!self.0.is_empty())
    }
}

/// Does every second task whenever a line comes.
fn do_half(half: usize, tasks: usize, alone: impl Fn(usize)) -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lines() {
        line?;
        (half..tasks).step_by(2).for_each(&alone);
        println!("done");
    }
    Ok(())
}

fn is_given(option: &str) -> bool {
    std::env::args().any(|word| word == option)
}

fn number_after(option: &str) -> Result<Option<u32>, Box<dyn Error>> {
    let mut words = std::env::args().skip_while(|word| word != option).skip(1);
    Ok(words.next().map(|word| word.parse()).transpose()?)
}
