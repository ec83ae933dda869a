use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{Backend, Failure, Frame, Launched, Launcher, Payload, Shared};

use crate::calls::{call, call_with, new_call, submit};

const LEN: usize = 1_200_000;
/// A worker is sent fewer bytes than that besides arrays.
const SLACK: u64 = 100_000;

/// Two workers, and the folder in which there is a file for each, of all that was sent to it.
fn counting() -> (Launched, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("tee {}/$$ | \"$@\"", folder.path().display());
    let launcher = Launcher::new(["sh", "-c", &script, "sh"]);
    (Launched::new(NonZeroUsize::new(2).unwrap(), &launcher).unwrap(), folder)
}

/// How many bytes were sent to each worker that has an array; one that started late may have got no
/// task at all.
fn sent(folder: &Path) -> Vec<u64> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let sent = files.map(|entry| entry.metadata().unwrap().len());
    sent.filter(|&bytes| bytes > SLACK).collect()
}

/// Sees that each worker got `LEN` bytes, and got them once.
fn travelled_once(folder: &Path) {
    // The last bytes may not be in the file yet.
    let once = LEN as u64 - SLACK..LEN as u64 + SLACK;
    let sent = sent(folder);
    assert!(!sent.is_empty() && sent.iter().all(|bytes| once.contains(bytes)), "{sent:?}");
}

fn numbers() -> Vec<u8> {
    (0..LEN).map(|n| (n % 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn sum_of_array(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    out.write(&sum(&input.read_borrowed::<Vec<u8>>()?))
}

/// Many batches of one call, whose tasks all have the same array.
fn sums<A: Clone + Send + 'static>(
    pool: &dyn Backend,
    array: &A,
    encode: fn(&A, &mut Frame) -> Result<(), Failure>,
) -> Vec<u64> {
    let call = new_call();
    let batches: Vec<_> =
        (0..10).map(|_| submit(pool, call, sum_of_array, vec![array.clone(); 2], encode)).collect();
    let answers = batches.into_iter().flat_map(|batch| batch.recv().unwrap());
    answers.map(Result::unwrap).collect()
}

#[test]
fn an_array_that_tasks_borrow_goes_to_each_worker_once() {
    let (pool, folder) = counting();
    let array = Arc::new(numbers());
    let sums = sums(&pool, &array, |array, out| out.write_borrowed(&**array));
    assert_eq!(sums, [sum(&array); 20]);
    travelled_once(folder.path());
}

#[test]
fn equal_arrays_of_tasks_go_to_each_worker_once() {
    let (pool, folder) = counting();
    let array = numbers();
    assert_eq!(sums(&pool, &array, |array, out| out.write(array)), [sum(&array); 20]);
    travelled_once(folder.path());
}

#[test]
fn a_shared_value_goes_to_each_worker_once_for_all_calls() {
    fn sum_of_shared(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        let shared = input.read::<Shared<(String, Shared<Vec<u8>>)>>()?;
        out.write(&(shared.0.clone(), sum(&shared.1)))
    }
    let (pool, folder) = counting();
    let (text, array) = ("a".to_owned(), numbers());
    let right = (text.clone(), sum(&array));
    let shared = Shared::new((text, Shared::new(array)));
    for _ in 0..6 {
        let answers = call::<_, (String, u64)>(&pool, sum_of_shared, vec![shared.clone(); 2]);
        assert_eq!(answers, [Ok(right.clone()), Ok(right.clone())]);
    }
    travelled_once(folder.path());
}

#[test]
fn arrays_are_told_apart() {
    let (pool, _folder) = counting();
    let arrays: Vec<_> = (1..=4_u8).map(|n| vec![n; LEN]).collect();
    let right: Vec<_> = (1..=4).map(|n| Ok(n * LEN as u64)).collect();
    for _ in 0..2 {
        let answers = call_with(&pool, sum_of_array, arrays.clone(), |array, out| out.write(array));
        assert_eq!(answers, right);
    }
}

/// How many arrays and shared values of that length the relay keeps.
fn count(_: u64, _: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let folder = format!("/proc/{}/fd", std::os::unix::process::parent_id());
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_kept = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.len() >= LEN as u64);
    out.write(&paths.filter(is_kept).count())
}

#[test]
fn nothing_stays_that_no_task_refers_to() {
    let launcher = Launcher::new(["env"]);
    let pool = Launched::new(NonZeroUsize::MIN, &launcher).unwrap();
    let kept = || call::<(), usize>(&pool, count, vec![()]).remove(0).unwrap();
    let shared = Shared::new(numbers());
    fn ignore(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        input.read::<Shared<Vec<u8>>>()?;
        out.write(&())
    }
    assert_eq!(call::<_, ()>(&pool, ignore, vec![shared.clone()]), [Ok(())]);
    assert_eq!(kept(), 1);
    drop(shared);
    // The worker is told with the next batch, at the latest.
    assert_eq!(kept(), 0);
    let array = Arc::new(numbers());
    assert_eq!(sums(&pool, &array, |array, out| out.write_borrowed(&**array)).len(), 20);
    assert_eq!(kept(), 0);
}

#[test]
fn an_idle_relay_lets_go_by_itself() {
    let (pool, folder) = counting();
    let array = Arc::new(numbers());
    sums(&pool, &array, |array, out| out.write_borrowed(&**array));
    // Ids of 8 bytes behind a head of 9, for each worker that has the array.
    let workers = sent(folder.path()).len() as u64;
    let before: u64 = sent(folder.path()).iter().sum();
    for _ in 0..6000 {
        if sent(folder.path()).iter().sum::<u64>() >= before + 17 * workers {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{:?} bytes", sent(folder.path()));
}
