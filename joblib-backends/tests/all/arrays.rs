#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use joblib_backends::{ArrayMode, CallFn, Failure, Frame, Payload, Processes, WorkerOptions};
use joblib_persist::MappedArray;
use ndarray::{Array1, Array2, Ix1, Ix2};
use serde::{Deserialize, Deserializer};

use crate::calls::{call, call_with, one_worker};

type Mapped = MappedArray<f64, Ix1>;

const LEN: usize = 1_000_000;

fn one(options: WorkerOptions) -> Processes {
    Processes::with_options(NonZeroUsize::MIN, &options).unwrap()
}

/// How many of its parent's files this process has mapped, and how many descriptors it has.
fn maps() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    // The status page is not an array.
    maps.lines().filter(|line| line.contains("memfd:joblib") || line.contains("/#")).count()
}

/// The sum of an array, and whether it is mapped.
fn sum_mapped(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let array: Mapped = input.read()?;
    out.write(&(array.view().sum(), array.is_mapped()))
}

fn sum_of_one(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let (array,): (Mapped,) = input.read()?;
    out.write(&(array.view().sum(), array.is_mapped()))
}

fn sum_owned(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let mut array: Array1<f64> = input.read()?;
    array[0] += 1.0;
    out.write(&(array.sum(), false))
}

/// Adds one to the first element, where that is allowed.
fn change(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let mut array: Mapped = input.read()?;
    let changed = array.view_mut().map(|mut view| view[0] += 1.0).is_ok();
    out.write(&(array.view()[0], changed))
}

fn make(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let value: f64 = input.read()?;
    if value < 0.0 {
        std::process::exit(1);
    }
    out.write(&("made", Array1::from_elem(LEN, value), Array2::from_elem((LEN, 2), value)))
}

fn sums(pool: &Processes, function: CallFn, arrays: Vec<Array1<f64>>) -> Vec<(f64, bool)> {
    call::<_, (f64, bool)>(pool, function, arrays).into_iter().map(Result::unwrap).collect()
}

#[test]
fn a_large_array_is_mapped_if_its_type_allows_it() {
    let arrays = || vec![Array1::ones(LEN), Array1::zeros(LEN), Array1::ones(10)];
    let pool = one_worker();
    assert_eq!(sums(&pool, sum_mapped, arrays()), [(1e6, true), (0.0, true), (10.0, false)]);
    assert_eq!(sums(&pool, sum_owned, arrays()), [(1e6 + 1.0, false), (1.0, false), (11.0, false)]);
}

#[test]
fn the_bound_is_the_users() {
    let all = one(WorkerOptions::new().max_nbytes(Some(1000 * 8)));
    let arrays = || vec![Array1::ones(1001), Array1::ones(1000)];
    assert_eq!(sums(&all, sum_mapped, arrays()), [(1001.0, true), (1000.0, false)]);
    let none = one(WorkerOptions::new().max_nbytes(None));
    assert_eq!(sums(&none, sum_mapped, vec![Array1::ones(LEN)]), [(1e6, false)]);
    let copies = one(WorkerOptions::new().mmap_mode(ArrayMode::InMemory));
    assert_eq!(sums(&copies, sum_mapped, vec![Array1::ones(LEN)]), [(1e6, false)]);
}

#[test]
fn what_a_task_may_write_to_is_its_own() {
    let array = Arc::new(Array1::<f64>::zeros(LEN));
    let answers = |mode| {
        let pool = one(WorkerOptions::new().mmap_mode(mode));
        let arrays = vec![Arc::clone(&array); 3];
        let write = |array: &Arc<Array1<f64>>, out: &mut Frame| out.write_borrowed(&**array);
        call_with::<_, (f64, bool)>(&pool, change, arrays, write)
    };
    assert_eq!(answers(ArrayMode::Read), vec![Ok((0.0, false)); 3]);
    assert_eq!(answers(ArrayMode::Copy), vec![Ok((1.0, true)); 3]);
    assert_eq!(answers(ArrayMode::InMemory), vec![Ok((1.0, true)); 3]);
    assert_eq!(array[0], 0.0);
}

#[test]
fn arrays_lie_in_the_folder_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let pool = one(WorkerOptions::new().temp_folder(Some(folder.path().to_owned())));
    assert_eq!(sums(&pool, sum_mapped, vec![Array1::ones(LEN); 2]), [(1e6, true); 2]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Without such a folder they still travel.
    let pool = one(WorkerOptions::new().temp_folder(Some("/no/such/folder".into())));
    assert_eq!(sums(&pool, sum_mapped, vec![Array1::ones(LEN); 2]), [(1e6, false); 2]);
}

/// How many arrays the worker has mapped while it looks at one.
fn count(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let array: Mapped = input.read()?;
    out.write(&(maps(), array.is_mapped()))
}

#[test]
fn a_borrowed_array_travels_once() {
    let pool = one_worker();
    let array = Arc::new(Array1::<f64>::ones(LEN));
    let write = |array: &Arc<Array1<f64>>, out: &mut Frame| out.write_borrowed(&**array);
    let arrays = vec![array; 50];
    let counts = call_with::<_, (usize, bool)>(&pool, count, arrays, write);
    let first = counts[0].clone().unwrap();
    assert!(first.1);
    assert_eq!(counts, vec![Ok(first); 50]);
}

/// The first elements of an array that is given twice, and whether it was rebuilt twice.
fn compare(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let first = input.read_borrowed::<Array1<f64>>()?;
    let second = input.read_borrowed::<Array1<f64>>()?;
    out.write(&(first[0] + second[0], first.as_ptr() != second.as_ptr()))
}

#[test]
fn a_borrowed_array_that_a_task_wants_in_memory_is_rebuilt_once() {
    let pool = one_worker();
    let answers = |value| {
        let array = Arc::new(Array1::from_elem(LEN, value));
        let write = |array: &Arc<Array1<f64>>, out: &mut Frame| {
            out.write_borrowed(&**array)?;
            out.write_borrowed(&**array)
        };
        call_with::<_, (f64, bool)>(&pool, compare, vec![array; 5], write)
    };
    assert_eq!(answers(1.0), vec![Ok((2.0, false)); 5]);
    assert_eq!(answers(2.0), vec![Ok((4.0, false)); 5]);
}

#[test]
fn an_array_that_changes_between_calls_is_never_stale() {
    // A file system gives the same number to the next file as soon as one is gone.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let options = WorkerOptions::new().temp_folder(Some(folder.path().to_owned()));
    let pool = one(options.max_nbytes(Some(1000)));
    let array = Arc::new(Mutex::new(Array1::zeros(200)));
    let write = |array: &Arc<Mutex<Array1<f64>>>, out: &mut Frame| {
        let array = array.lock().unwrap();
        out.write_borrowed(&*array)?;
        out.write_borrowed(&*array)
    };
    for value in 1..50 {
        let value = f64::from(value);
        array.lock().unwrap()[0] = value;
        let arrays = vec![Arc::clone(&array); 2];
        let answers = call_with::<_, (f64, bool)>(&pool, compare, arrays, write);
        assert_eq!(answers, vec![Ok((2.0 * value, false)); 2]);
    }
}

#[test]
fn an_array_that_changes_is_never_stale() {
    // Each is written from the same place, with other contents.
    let pool = one_worker();
    let growing = Arc::new(Mutex::new(Array1::zeros(LEN)));
    let write = |growing: &Arc<Mutex<Array1<f64>>>, out: &mut Frame| {
        let mut array = growing.lock().unwrap();
        array[0] += 1.0;
        // Not the array itself: it could have been changed in between.
        out.write_borrowed(&(&*array,))
    };
    let answers = call_with::<_, (f64, bool)>(&pool, sum_of_one, vec![growing; 10], write);
    let expected: Vec<_> = (1..=10).map(|i| Ok((f64::from(i), true))).collect();
    assert_eq!(answers, expected);
}

#[test]
fn arrays_of_results_come_mapped_or_owned_and_belong_to_the_caller() {
    let pool = one_worker();
    type Made = (String, Mapped, MappedArray<f64, Ix2>);
    for result in call::<_, Made>(&pool, make, vec![1.0, 2.0, 3.0]) {
        let (name, mut first, second) = result.unwrap();
        assert!(first.is_mapped() && second.is_mapped() && name == "made");
        assert_eq!(second.view().sum(), first.view().sum() * 2.0);
        first.view_mut().unwrap()[0] = 7.0;
        assert_eq!(first.view()[0], 7.0);
    }
    let owned = call::<_, (String, Array1<f64>, Array2<f64>)>(&pool, make, vec![4.0]);
    assert_eq!(owned[0].as_ref().unwrap().2.sum(), 8e6);
}

/// An array and its place among the others; every third stays where it came.
struct Seen(usize, Option<Mapped>);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (place, array) = <(usize, Mapped)>::deserialize(deserializer)?;
        assert_eq!(array.view().sum(), (place * LEN) as f64);
        Ok(Seen(place, (place % 3 == 0).then_some(array)))
    }
}

fn array_of(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let place: usize = input.read()?;
    out.write(&(place, Array1::from_elem(LEN, place as f64)))
}

#[test]
fn memory_of_results_is_not_written_again_while_somebody_has_it() {
    let pool = one_worker();
    for Seen(place, array) in
        call::<_, Seen>(&pool, array_of, (0..30).collect()).into_iter().map(Result::unwrap)
    {
        assert!(array.is_none_or(|array| array.view().sum() == (place * LEN) as f64));
    }
}

#[test]
fn arrays_of_results_are_kept_when_the_worker_dies() {
    let pool = one_worker();
    let answers = call::<_, (String, Array1<f64>, Array2<f64>)>(&pool, make, vec![1.0, 2.0, -1.0]);
    assert_eq!(answers[1].as_ref().unwrap().1[LEN - 1], 2.0);
    assert!(matches!(answers[2], Err(Failure::WorkerDied { .. })));
}

#[test]
fn gathered_arrays_travel_too() {
    let pool = one_worker();
    let write = |table: &Array2<f64>, out: &mut Frame| out.write(&table.column(1));
    let table = Array2::from_shape_fn((LEN, 3), |(_, column)| column as f64);
    let answers = call_with::<_, (f64, bool)>(&pool, sum_mapped, vec![table], write);
    assert_eq!(answers, [Ok((1e6, true))]);
}
