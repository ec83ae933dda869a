use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use joblib_backends::{Failure, Frame, Payload};

use crate::calls::{new_call, submit};
use crate::launched;

/// On which node it runs, as soon as there are as many tasks as asked for, each on a worker of its own.
fn node(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let (folder, own, all): (PathBuf, usize, usize) = input.read()?;
    fs::write(folder.join(own.to_string()), "").unwrap();
    while fs::read_dir(&folder).unwrap().count() < all {
        std::thread::sleep(Duration::from_millis(5));
    }
    out.write(&std::env::var("SLURMD_NODENAME").unwrap())
}

#[test]
fn workers_are_on_all_nodes() {
    let Ok(nodes) = std::env::var("JOBLIB_TEST_NODES") else { return };
    let nodes: BTreeSet<&str> = nodes.split(',').collect();
    let folder = tempfile::tempdir().unwrap();
    let (pool, call, all) = (launched(nodes.len()), new_call(), nodes.len());
    let batches: Vec<_> = (0..all)
        .map(|own| (folder.path().to_owned(), own, all))
        .map(|task| submit::<_, String>(&pool, call, node, vec![task], |task, out| out.write(task)))
        .collect();
    let answers = batches.into_iter().map(|batch| batch.recv().unwrap().remove(0).unwrap());
    let found: BTreeSet<String> = answers.collect();
    assert!(found.iter().map(String::as_str).eq(nodes), "{found:?}");
}
