//! Neighbouring tasks whose results are folded where they run: a task itself.

use std::time::Duration;

#[cfg(feature = "processes")]
use joblib_backends::{Failure, Frame, Payload, Target};

use crate::clock::Start;
use crate::error::Fault;
use crate::panics::attempt;
use crate::rests::Rests;
use crate::watch::{Outcome, Rules};
use crate::{Fold, Task};
#[cfg(feature = "processes")]
use crate::{Wire, fold::FoldWire};

/// A group looks at the clock after so many tasks at least.
const OFTEN: usize = 16;

/// Tasks, and how to fold their results.
pub(crate) struct Group<'a, T: Task, F> {
    pub(crate) tasks: Vec<T>,
    pub(crate) fold: &'a F,
    /// For each of the tasks, if they run in this process.
    pub(crate) rules: Rules<T::Output>,
    /// After how long the group ends, for others to share its rest; `None`: with its last task.
    pub(crate) limit: Option<Duration>,
    pub(crate) number: usize,
    /// Where its tasks go in the end: only its answer tells which were folded.
    pub(crate) rests: &'a Rests<T>,
}

impl<T: Task, F> Drop for Group<'_, T, F> {
    fn drop(&mut self) {
        if self.limit.is_some() && !self.tasks.is_empty() {
            self.rests.leave(self.number, std::mem::take(&mut self.tasks));
        }
    }
}

/// What became of a group.
#[derive(Debug)]
pub(crate) struct Folded<A> {
    /// The value, or why there is none.
    pub(crate) sum: Result<A, Fault>,
    /// How many tasks were folded: the number of the failed one, or of the first that others may go on
    /// with.
    pub(crate) count: usize,
    pub(crate) took: Duration,
}

/// Folds results until one is missing, or all of it takes longer than `limit`.
fn folded<R, F: Fold<R>>(
    fold: &F,
    results: impl Iterator<Item = Result<R, Fault>>,
    limit: Option<Duration>,
) -> Folded<F::Output> {
    let start = Start::now();
    let elapsed = || start.map_or(Duration::ZERO, Start::elapsed);
    let (mut count, mut look) = (0, 1);
    let mut sum = attempt(|| fold.start()).map_err(Fault::from);
    for result in results {
        let step = |sum, result| attempt(|| fold.step(sum, result)).map_err(Fault::from);
        let next = |sum| result.and_then(|result| step(sum, result));
        sum = sum.and_then(next);
        if sum.is_err() {
            break;
        }
        count += 1;
        if count == look {
            // Looking at the clock costs more than a tiny task.
            look = (2 * look).min(look + OFTEN);
            if limit.is_some_and(|limit| elapsed() > limit) {
                break;
            }
        }
    }
    Folded { sum, count, took: elapsed() }
}

impl<T: Task, F: Fold<T::Output>> Task for Group<'_, T, F> {
    type Output = Folded<F::Output>;

    fn run(mut self) -> Self::Output {
        let (fold, rules, limit) = (self.fold, self.rules, self.limit);
        let mut tasks = std::mem::take(&mut self.tasks).into_iter();
        let results = tasks.by_ref().map(|task| match rules.persist(task) {
            Outcome::Output(output) | Outcome::Error(output) => Ok(output),
            Outcome::Failed(fault) => Err(fault),
            Outcome::Again(_) => unreachable!("`persist` goes on until there is an answer"),
        });
        let folded = folded(fold, results, limit);
        self.tasks = tasks.collect();
        folded
    }

    #[cfg(feature = "processes")]
    fn portable() -> Option<Wire<Self>> {
        let (wire, fold) = (T::portable()?, F::portable()?);
        Some(Wire {
            target: Target {
                call: enter::<T, F>,
                fingerprint: fingerprint(&wire, &fold),
                name: wire.target.name,
            },
            call: call::<T, F>,
            write: write::<T, F>,
            encode: |group, out| {
                let Some(wire) = T::portable() else { return Err(stays()) };
                out.write(&(group.tasks.len() as u64, group.limit))?;
                group.tasks.iter().try_for_each(|task| (wire.encode)(task, out))
            },
            decode: read::<T, F>,
        })
    }
}

/// Both have to be the same there.
#[cfg(feature = "processes")]
fn fingerprint<T: Task, F, A>(wire: &Wire<T>, fold: &FoldWire<F, A>) -> u64 {
    wire.target.fingerprint.rotate_left(1) ^ fold.fingerprint
}

#[cfg(feature = "processes")]
fn stays() -> Failure {
    Failure::Refused { message: "the tasks or their fold cannot leave the process".into() }
}

#[cfg(feature = "processes")]
fn enter<T: Task, F: Fold<T::Output>>(
    sent: u64,
    arguments: &mut Payload<'_>,
    result: &mut Frame,
) -> Result<(), Failure> {
    let (Some(wire), Some(fold)) = (T::portable(), F::portable()) else { return Err(stays()) };
    crate::portable::check(sent, fingerprint(&wire, &fold))?;
    write::<T, F>(&call::<T, F>(arguments)?, result)
}

#[cfg(feature = "processes")]
fn call<T: Task, F: Fold<T::Output>>(
    arguments: &mut Payload<'_>,
) -> Result<Folded<F::Output>, Failure> {
    let (Some(wire), Some(fold)) = (T::portable(), F::portable()) else { return Err(stays()) };
    let (tasks, limit): (u64, Option<Duration>) = arguments.read()?;
    let call = |_| attempt(|| (wire.call)(arguments)).flatten().map_err(Fault::from);
    let results = (0..tasks).map(call);
    Ok(folded(&(fold.again)(), results, limit))
}

#[cfg(feature = "processes")]
fn write<T: Task, F: Fold<T::Output>>(
    folded: &Folded<F::Output>,
    out: &mut Frame,
) -> Result<(), Failure> {
    let Some(fold) = F::portable() else { return Err(stays()) };
    out.write(&(folded.count as u64, folded.took))?;
    match &folded.sum {
        Ok(sum) => {
            out.write::<Option<Failure>>(&None)?;
            (fold.write)(sum, out)
        }
        // Workers make one attempt; others are made here.
        Err(fault) => out.write(&Some(&fault.failure)),
    }
}

#[cfg(feature = "processes")]
fn read<T: Task, F: Fold<T::Output>>(
    payload: &mut Payload<'_>,
) -> Result<Folded<F::Output>, Failure> {
    let Some(fold) = F::portable() else { return Err(stays()) };
    let (count, took): (u64, Duration) = payload.read()?;
    let sum = match payload.read::<Option<Failure>>()? {
        None => Ok((fold.read)(payload)?),
        Some(failure) => Err(failure.into()),
    };
    Ok(Folded { sum, count: count as usize, took })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold;
    use joblib_backends::Failure;

    #[test]
    fn a_group_ends_at_the_first_result_that_is_missing() {
        let sum = fold(|| 0, |sum, n: i32| sum + n, |left, right| left + right);
        let whole = folded(&sum, [Ok(1), Ok(2)].into_iter(), None);
        assert_eq!((whole.sum, whole.count), (Ok(3), 2));
        let broken = folded(&sum, [Ok(1), Err(Failure::Lost.into()), Ok(2)].into_iter(), None);
        assert_eq!((broken.sum, broken.count), (Err(Failure::Lost.into()), 1));
    }

    #[test]
    fn a_group_that_takes_too_long_leaves_its_rest() {
        let sum = fold(|| 0, |sum, n: i32| sum + n, |left, right| left + right);
        let slow = (1..9).map(|n| {
            std::thread::sleep(Duration::from_millis(2));
            Ok(n)
        });
        let early = folded(&sum, slow, Some(Duration::from_millis(1)));
        assert_eq!((early.sum, early.count), (Ok(1), 1));
        let long = folded(&sum, (1..9).map(Ok), Some(Duration::from_secs(3600)));
        assert_eq!(long.count, 8);
    }
}
