use std::path::PathBuf;
use std::sync::Arc;

use joblib_backends::{Backend, CallFn, Distributed, Failure, Frame, Payload, Shared};

use crate::calls::{call, call_with, new_call, submit};
use crate::engine;

/// Large enough to be noticed among whatever else is written meanwhile.
const LEN: usize = 20_000_000;
const TASKS: usize = 40;

/// How many bytes this process has written.
fn written() -> usize {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    line.parse().unwrap()
}

/// Does `action`, in which `TASKS` tasks use `LEN` bytes, and sees that they do not travel with each.
fn travels_once(action: impl FnOnce()) {
    let before = written();
    action();
    let bytes = written() - before;
    assert!((LEN..TASKS / 2 * LEN).contains(&bytes), "{bytes} bytes were written");
}

/// The sum of the first and the last number, and the length.
fn ends(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let numbers = input.read_borrowed::<Vec<u8>>()?;
    out.write(&(usize::from(numbers[0]) + usize::from(numbers[numbers.len() - 1]), numbers.len()))
}

fn numbers(first: u8) -> Vec<u8> {
    let mut numbers = vec![5; LEN];
    numbers[0] = first;
    numbers
}

type Ends = (usize, usize);

/// Every batch of one call has the same array, which its tasks have a reference to.
fn batches_that_borrow(engine: &dyn Backend, function: CallFn, array: &Arc<Vec<u8>>) -> Vec<Ends> {
    let call = new_call();
    let encode = |array: &Arc<Vec<u8>>, out: &mut Frame| out.write_borrowed(&**array);
    let batches: Vec<_> = (0..TASKS / 4)
        .map(|_| submit(engine, call, function, vec![Arc::clone(array); 4], encode))
        .collect();
    let answers = batches.into_iter().flat_map(|batch| batch.recv().unwrap());
    answers.map(Result::unwrap).collect()
}

#[test]
fn an_array_that_tasks_borrow_goes_once() {
    let (engine, array) = (engine(2), Arc::new(numbers(2)));
    travels_once(|| assert_eq!(batches_that_borrow(&engine, ends, &array), [(7, LEN); TASKS]));
}

#[test]
fn equal_arrays_of_tasks_go_once_and_others_are_told_apart() {
    let engine = engine(2);
    travels_once(|| {
        let answers = call::<_, Ends>(&engine, ends, vec![numbers(1); TASKS]);
        assert_eq!(answers, vec![Ok((6, LEN)); TASKS]);
    });
    let answers = call::<_, Ends>(&engine, ends, vec![numbers(1), numbers(2), numbers(3)]);
    assert_eq!(answers, [Ok((6, LEN)), Ok((7, LEN)), Ok((8, LEN))]);
}

#[test]
fn a_shared_value_goes_once_for_all_calls() {
    fn sum(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        let shared = input.read::<Shared<(String, Shared<Vec<u8>>)>>()?;
        out.write(&(shared.0.clone(), shared.1.len()))
    }
    let (engine, shared) = (engine(2), Shared::new(("a".to_owned(), Shared::new(numbers(1)))));
    travels_once(|| {
        for _ in 0..TASKS {
            let answers = call::<_, (String, usize)>(&engine, sum, vec![shared.clone()]);
            assert_eq!(answers, [Ok(("a".to_owned(), LEN))]);
        }
    });
}

#[test]
fn a_worker_that_does_not_share_gets_its_own_copy() {
    // Its processes have nothing in common, and nobody chooses which of them gets a batch.
    let pool = "python:concurrent.futures:ProcessPoolExecutor?max_workers=2";
    let (engine, array) = (Distributed::connect(pool).unwrap(), Arc::new(numbers(3)));
    assert_eq!(batches_that_borrow(&engine, ends, &array), [(8, LEN); TASKS]);
}

/// Longer than any other array of these tests.
const LONG: usize = LEN + 1_000_000;

/// How many blobs of that length the engine's worker holds. Others may be there for a while, whose
/// program has ended.
fn count(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    input.read::<Option<Shared<Vec<u8>>>>()?;
    let folder = format!("/proc/{}/fd", std::os::unix::process::parent_id());
    let links = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let is_blob = |path: &PathBuf| {
        let name = std::fs::read_link(path).unwrap_or_default();
        let len = std::fs::metadata(path).map_or(0, |file| file.len());
        name.to_string_lossy().contains("joblib-shared") && len >= LONG as u64
    };
    out.write(&links.filter(is_blob).count())
}

#[test]
fn nothing_stays_on_a_worker_that_no_task_refers_to() {
    let engine = engine(1);
    let counted = |shared| call::<Option<Shared<Vec<u8>>>, usize>(&engine, count, vec![shared]);
    let shared = Shared::new(vec![1_u8; LONG]);
    // On an engine with several workers, each counts its own.
    for _ in 0..4 {
        assert_eq!(counted(Some(shared.clone())), [Ok(1)]);
    }
    drop(shared);
    // The batch itself goes after its answers.
    assert!((0..100).any(|_| counted(None) == [Ok(0)]));
}

#[test]
fn an_array_is_an_argument_as_any_other() {
    let engine = engine(1);
    fn sum(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        let array = input.read::<ndarray::Array2<f64>>()?;
        out.write(&(array.dim(), array.sum()))
    }
    let array = ndarray::Array2::from_elem((400, 500), 0.5);
    let transposed = array.clone().reversed_axes();
    let answers = call_with::<_, ((usize, usize), f64)>(
        &engine,
        sum,
        vec![array, transposed],
        |array, out| out.write_borrowed(array),
    );
    assert_eq!(answers, [Ok(((400, 500), 100_000.0)), Ok(((500, 400), 100_000.0))]);
}
