#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use joblib_backends::{Failure, Frame, Payload, Shared};
use joblib_persist::MappedArray;
use ndarray::{Array2, Ix2};
use serde::{Deserialize, Serialize};

use crate::calls::{call, one_worker};

/// Counts how often this process has read one.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(from = "Vec<f64>")]
struct Table(Vec<f64>);

static READ: AtomicU32 = AtomicU32::new(0);

impl From<Vec<f64>> for Table {
    fn from(values: Vec<f64>) -> Self {
        READ.fetch_add(1, Relaxed);
        Self(values)
    }
}

/// Sums a table, and says how many tables this process has read.
fn sum(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let table: Shared<Table> = input.read()?;
    out.write(&(table.0.iter().sum::<f64>(), READ.load(Relaxed)))
}

/// Gives a table back.
fn echo(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let table: Shared<Table> = input.read()?;
    out.write(&table)
}

fn table(value: f64) -> Shared<Table> {
    Shared::new(Table(vec![value; 100_000]))
}

#[test]
fn a_worker_reads_a_shared_value_once() {
    let pool = one_worker();
    let (first, second) = (table(1.0), table(2.0));
    for (table, expected) in [(&first, (1e5, 1)), (&second, (2e5, 2)), (&first, (1e5, 2))] {
        let answers = call::<_, (f64, u32)>(&pool, sum, vec![table.clone(); 5]);
        assert_eq!(answers, vec![Ok(expected); 5]);
    }
}

#[test]
fn a_worker_that_takes_the_place_of_another_reads_it_again() {
    fn exit(_: u64, _: &mut Payload<'_>, _: &mut Frame) -> Result<(), Failure> {
        std::process::exit(1)
    }
    let (pool, table) = (one_worker(), table(1.0));
    for _ in 0..2 {
        let answers = call::<_, (f64, u32)>(&pool, sum, vec![table.clone()]);
        assert_eq!(answers, [Ok((1e5, 1))]);
        call::<_, ()>(&pool, exit, vec![0]);
    }
}

#[test]
fn descriptors_that_are_used_again_are_not_mixed_up() {
    let pool = one_worker();
    for value in 1..20 {
        let value = f64::from(value);
        let answers = call::<_, (f64, u32)>(&pool, sum, vec![table(value)]);
        assert_eq!(answers[0].as_ref().unwrap().0, value * 1e5);
    }
}

#[test]
fn arrays_that_may_be_mapped_are_not_copied() {
    type Grid = MappedArray<f64, Ix2>;
    fn sum(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        let grid: Shared<Grid> = input.read()?;
        out.write(&(grid.view().sum(), grid.is_mapped()))
    }
    let grid = Shared::new(Grid::from(Array2::<f64>::ones((100, 200))));
    let answers = call::<_, (f64, bool)>(&one_worker(), sum, vec![grid; 3]);
    assert_eq!(answers, vec![Ok((20_000.0, true)); 3]);
}

#[test]
fn from_a_worker_it_comes_as_the_value() {
    let answers = call::<_, Shared<Table>>(&one_worker(), echo, vec![table(3.0)]);
    assert_eq!(**answers[0].as_ref().unwrap(), *table(3.0));
}

#[test]
fn a_value_that_cannot_be_written_fails_its_tasks() {
    struct Stuck;
    impl Serialize for Stuck {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it is stuck"))
        }
    }
    let answers = call::<_, ()>(&one_worker(), sum, vec![Shared::new(Stuck)]);
    let Err(Failure::Codec { message }) = &answers[0] else { panic!("{answers:?}") };
    assert!(message.contains("it is stuck"), "{message}");
}

#[test]
fn everywhere_else_it_is_the_value() {
    let shared = Shared::new(vec![1.5, 2.5]);
    let mut bytes = Vec::new();
    joblib_persist::message::encode(&shared, &mut bytes).unwrap();
    let plain: Vec<f64> = joblib_persist::message::decode(&mut &bytes[..]).unwrap();
    assert_eq!(plain, *shared);
    let again: Shared<Vec<f64>> = joblib_persist::message::decode(&mut &bytes[..]).unwrap();
    assert_eq!(*again, *shared);
}

#[test]
fn clones_share_one_value() {
    let value = Arc::new(7);
    let shared = Shared::new(Arc::clone(&value));
    assert_eq!(Arc::strong_count(&shared.clone()), 2);
}
