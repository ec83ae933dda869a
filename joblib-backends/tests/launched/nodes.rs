use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use joblib_backends::{Backend, Failure, Frame, Payload};

use crate::calls::{new_call, submit};
use crate::launched;

/// Says on which node it runs by a file of that name, and stays there if that is `fails` and there is
/// no file `over`.
fn stay(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let (folder, fails): (PathBuf, String) = input.read()?;
    let name = std::env::var("SLURMD_NODENAME").unwrap();
    fs::write(folder.join(&name), "").unwrap();
    let goes_on = || name == fails || !folder.join(&fails).exists();
    while goes_on() && !folder.join("over").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    out.write(&name)
}

/// Has Slurm believe that a node is in that state, if it can go there.
fn set_state(node: &str, state: &str) -> bool {
    let mut command = Command::new("scontrol");
    command.args(["update", &format!("NodeName={node}"), &format!("State={state}")]);
    command.arg("Reason=test").output().unwrap().status.success()
}

/// What Slurm thinks of a node.
fn state(node: &str) -> String {
    let output = Command::new("sinfo").args(["-h", "-n", node, "-o", "%t"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_node_that_fails_costs_the_task_it_ran() {
    let Ok(nodes) = std::env::var("JOBLIB_TEST_NODES") else { return };
    // An allocation ends as a whole when it loses a node.
    if std::env::var_os("SLURM_JOB_ID").is_some() {
        return;
    }
    let fails = nodes.split(',').next_back().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let (pool, call) = (launched(nodes.split(',').count()), new_call());
    let submit = || {
        let task = (folder.path().to_owned(), fails.clone());
        submit::<_, String>(&pool, call, stay, vec![task], |task, out| out.write(task))
    };
    let batches: Vec<_> = nodes.split(',').map(|_| submit()).collect();
    while !folder.path().join(&fails).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(set_state(&fails, "DOWN"));
    let answers: Vec<_> = batches.iter().map(|batch| batch.recv().unwrap().remove(0)).collect();
    let died =
        |answer: &&Result<String, Failure>| matches!(answer, Err(Failure::WorkerDied { .. }));
    assert_eq!(answers.iter().filter(died).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.is_ok() != died(&answer)), "{answers:?}");
    // The others go on.
    fs::write(folder.path().join("over"), "").unwrap();
    assert!(submit().recv().unwrap()[0].is_ok());
    pool.shutdown(Duration::ZERO).unwrap();
    while state(&fails) != "idle" {
        set_state(&fails, "RESUME"); // in vain if it has come back by itself
        std::thread::sleep(Duration::from_millis(50));
    }
}

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
