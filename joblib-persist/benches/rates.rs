//! Rates of messages against postcard, of files against plain reading and writing.
//!
//! `cargo bench -p joblib-persist` prints the best of several rounds of each; the two sides
//! alternate. `-- messages`, `-- values` or `-- files` runs a part. Files go to the folder in
//! `JOBLIB_BENCH_FOLDER`, by default the system's temporary one.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark, not an API"
)]

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use joblib_persist::{
    DumpOptions, LoadOptions, MappedArray, MmapMode, dump, dump_to, load, load_from, message,
};
use ndarray::{Array2, Ix2};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 9;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let sections: [(&str, fn()); 3] =
        [("messages", messages), ("values", values), ("files", files)];
    for (name, run) in sections {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}

/// The shortest of several runs of each, taken in turn.
fn best<const N: usize>(sides: [&mut dyn FnMut(); N]) -> [Duration; N] {
    best_by(cpu_time, sides)
}

fn best_by<const N: usize>(
    clock: impl Fn() -> Duration,
    mut sides: [&mut dyn FnMut(); N],
) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..ROUNDS {
        for (side, best) in sides.iter_mut().zip(&mut best) {
            let start = clock();
            side();
            *best = (clock() - start).min(*best);
        }
    }
    best
}

/// What several threads are for.
fn wall_time() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// The time this process has used so far, the system's work for it included: on a busy machine it
/// says more than a clock.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the standard library does not have it")]
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Duration {
    wall_time()
}

fn messages() {
    println!("messages, encode and decode: ns each, and times postcard's");
    compare_messages("f64", &0.5f64, 1_000_000);
    compare_messages("(u64, f64)", &(123_456u64, 0.5f64), 1_000_000);
    compare_messages("String of 20", &"twenty characters ok".to_owned(), 500_000);
    compare_messages("struct of 5", &small_struct(7), 500_000);
    compare_messages("Vec of 8 f64", &vec![0.5f64; 8], 500_000);
    compare_messages("Vec of 1000 f64", &vec![0.5f64; 1_000], 20_000);
    compare_messages("Vec of 10⁶ u32", &vec![77_777u32; 1_000_000], 5);
}

fn compare_messages<T: Serialize + DeserializeOwned>(name: &str, value: &T, times: usize) {
    let (mut ours, mut theirs) = (Vec::with_capacity(1 << 16), vec![0u8; 8 << 20]);
    let [a, b, c, d] = best([
        &mut || {
            for _ in 0..times {
                ours.clear();
                message::encode(black_box(value), &mut ours).unwrap();
                black_box(&ours);
            }
        },
        &mut || {
            for _ in 0..times {
                black_box(postcard::to_slice(black_box(value), &mut theirs).unwrap());
            }
        },
        &mut {
            let mut bytes = Vec::new();
            message::encode(value, &mut bytes).unwrap();
            move || {
                for _ in 0..times {
                    black_box(message::decode::<T>(&mut black_box(&bytes[..])).unwrap());
                }
            }
        },
        &mut {
            let bytes = postcard::to_stdvec(value).unwrap();
            move || {
                for _ in 0..times {
                    black_box(postcard::from_bytes::<T>(black_box(&bytes)).unwrap());
                }
            }
        },
    ]);
    let each = |time: Duration| time.as_nanos() as f64 / times as f64;
    println!(
        "  {name:<18} {:>10.1} {:>10.1}   {:.2} × {:.2} ×",
        each(a),
        each(c),
        a.as_secs_f64() / b.as_secs_f64(),
        c.as_secs_f64() / d.as_secs_f64()
    );
}

#[derive(Serialize, Deserialize, Clone)]
struct Small {
    id: u32,
    x: f64,
    y: f64,
    weight: f32,
    flag: bool,
}

fn small_struct(id: u32) -> Small {
    Small { id, x: 0.5, y: f64::from(id), weight: 1.0, flag: true }
}

fn values() {
    println!("values in memory: ms to dump and load, and times postcard's");
    let structs: Vec<Small> = (0..1_000_000).map(small_struct).collect();
    compare_values("10⁶ structs", &structs);
    let strings: Vec<String> = (0..500_000).map(|i| format!("the string number {i}")).collect();
    compare_values("500 000 strings", &strings);
    let entries: HashMap<String, u64> = (0..200_000).map(|i| (format!("key {i}"), i)).collect();
    compare_values("200 000 entries", &entries);
    let tuples: Vec<(u32, f64, bool)> =
        (0..1_000_000).map(|i| (i, f64::from(i), i % 2 == 0)).collect();
    compare_values("10⁶ tuples", &tuples);
}

fn compare_values<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let bytes = dump_to(value, Vec::new()).unwrap();
    let theirs = postcard::to_stdvec(value).unwrap();
    let mut out = Vec::with_capacity(bytes.len().max(theirs.len()));
    let mut slice = vec![0u8; theirs.len()];
    let [a, b, c, d] = best([
        &mut || {
            out.clear();
            dump_to(value, &mut out).unwrap();
        },
        &mut || {
            black_box(postcard::to_slice(value, &mut slice).unwrap());
        },
        &mut || drop(black_box(load_from::<T>(&bytes[..]).unwrap())),
        &mut || drop(black_box(postcard::from_bytes::<T>(&theirs).unwrap())),
    ]);
    println!(
        "  {name:<18} {:>10.1} {:>10.1}   {:.2} × {:.2} ×   {} and {} bytes",
        a.as_secs_f64() * 1e3,
        c.as_secs_f64() * 1e3,
        a.as_secs_f64() / b.as_secs_f64(),
        c.as_secs_f64() / d.as_secs_f64(),
        bytes.len(),
        theirs.len()
    );
}

fn files() {
    let folder =
        std::env::var_os("JOBLIB_BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("joblib-rates-{}.jbl", std::process::id()));
    let plain = path.with_extension("raw");
    println!("400 MB of f64: ms, and times plain writing or reading");
    let array = Array2::from_shape_fn((5_000, 10_000), |(i, j)| (i * j) as f64);
    let bytes = memory(&array);
    let [ours, plainly] =
        best([&mut || dump(&array, &path).unwrap(), &mut || write_plainly(&plain, bytes)]);
    println!("  dump     {}", ratio(ours, plainly));
    let unverified = LoadOptions::new().verify(false);
    let [ours, fast, plainly] = best([
        &mut || drop(black_box(load::<Array2<f64>>(&path).unwrap())),
        &mut || drop(black_box(unverified.load::<Array2<f64>>(&path).unwrap())),
        &mut || read_plainly(&plain, bytes.len()),
    ]);
    println!("  load     {}", ratio(ours, plainly));
    println!("  unverif. {}", ratio(fast, plainly));
    println!("  by two threads: their work");
    two_threads(cpu_time, &array, &path, &plain);
    println!("  by two threads: by the clock");
    two_threads(wall_time, &array, &path, &plain);
    let mapped = LoadOptions::new().mmap_mode(MmapMode::Read);
    let [open] = best([&mut || {
        for _ in 0..100 {
            black_box(mapped.load::<MappedArray<f64, Ix2>>(&path).unwrap());
        }
    }]);
    println!("  mapped   {:>8.1} µs to open", open.as_secs_f64() * 1e4);
    for file in [&path, &plain] {
        std::fs::remove_file(file).unwrap();
    }
}

/// To and from files and streams.
fn two_threads(clock: fn() -> Duration, array: &Array2<f64>, path: &Path, plain: &Path) {
    let bytes = memory(array);
    let (write, read) = (DumpOptions::new().threads(2), LoadOptions::new().threads(2));
    let [ours, streamed, plainly] = best_by(
        clock,
        [
            &mut || write.dump(array, path).unwrap(),
            &mut || drop(write.dump_to(array, File::create(path).unwrap()).unwrap()),
            &mut || write_plainly(plain, bytes),
        ],
    );
    println!("  dump     {}", ratio(ours, plainly));
    println!("  dump_to  {}", ratio(streamed, plainly));
    let [ours, streamed, plainly] = best_by(
        clock,
        [
            &mut || drop(black_box(read.load::<Array2<f64>>(path).unwrap())),
            &mut || {
                let file = File::open(path).unwrap();
                drop(black_box(read.load_from::<Array2<f64>>(file).unwrap()));
            },
            &mut || read_plainly(plain, bytes.len()),
        ],
    );
    println!("  load     {}", ratio(ours, plainly));
    println!("  load_from{}", ratio(streamed, plainly));
}

fn ratio(ours: Duration, plainly: Duration) -> String {
    let (ours, plainly) = (ours.as_secs_f64() * 1e3, plainly.as_secs_f64() * 1e3);
    format!("{ours:>8.1} {plainly:>8.1}   {:.2} ×", ours / plainly)
}

fn memory(array: &Array2<f64>) -> &[u8] {
    joblib_persist::array::Origin::of(array).array().unwrap().memory().unwrap()
}

/// A new file of known length, in one call.
fn write_plainly(path: &std::path::Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(path);
    let mut file = File::create(path).unwrap();
    reserve(&file, bytes.len());
    file.write_all(bytes).unwrap();
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "what the dump does as well")]
fn reserve(file: &File, len: usize) {
    use std::os::fd::AsRawFd;
    // SAFETY: a call on an open file, without pointers.
    unsafe { libc::fallocate64(file.as_raw_fd(), 0, 0, len as i64) };
}

#[cfg(not(target_os = "linux"))]
fn reserve(_file: &File, _len: usize) {}

/// Into fresh memory with huge pages, in one call.
#[allow(unsafe_code, reason = "what the load does as well")]
fn read_plainly(path: &std::path::Path, len: usize) {
    let mut memory = vec![0u8; len];
    #[cfg(target_os = "linux")]
    {
        let offset = memory.as_ptr().align_offset(4096);
        // SAFETY: within memory that is borrowed mutably.
        unsafe {
            let start = memory.as_mut_ptr().add(offset).cast();
            libc::madvise(start, (len - offset) / 4096 * 4096, libc::MADV_HUGEPAGE);
        }
    }
    File::open(path).unwrap().read_exact(&mut memory).unwrap();
    black_box(memory);
}
