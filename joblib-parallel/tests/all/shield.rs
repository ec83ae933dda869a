//! What whoever runs the tests has set in the environment does not reach them.

#![allow(unsafe_code, reason = "changes the environment while there is one thread")]

const VARIABLES: [&str; 5] = [
    "JOBLIB_BACKEND",
    "JOBLIB_N_JOBS",
    "JOBLIB_TEMP_FOLDER",
    "JOBLIB_VERBOSE",
    "LOKY_MAX_CPU_COUNT",
];

/// The loader calls it before `main`, and so before the threads of tests.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static FORGET: extern "C" fn() = forget;

#[cfg(target_os = "linux")]
extern "C" fn forget() {
    for variable in VARIABLES {
        // SAFETY: no other thread exists that could read the environment.
        unsafe { std::env::remove_var(variable) };
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_set() {
    assert!(VARIABLES.iter().all(|variable| std::env::var_os(variable).is_none()));
}
