//! One binary for all tests through the public interface: each file under `tests/` would
//! otherwise be linked separately.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// Arrays are recognised behind every type that is promised, with their own memory.
#[path = "all/array.rs"]
mod array;

/// Bytes that were cut, flipped, made up or never written end in an error, without harm.
#[path = "all/damage.rs"]
mod damage;

/// A dump that is killed, or finds no room, leaves the old file as it was.
#[cfg(target_os = "linux")]
#[path = "all/faults.rs"]
mod faults;

/// Files appear complete or not at all, compressed as they are called, and are read by content.
#[path = "all/files.rs"]
mod files;

/// A description names everything in a file, and a verification everything that is wrong with it.
#[path = "all/inspect.rs"]
mod inspect;

/// Limits of memory hold, and several threads do the same as one.
#[path = "all/limits.rs"]
mod limits;

/// Arrays of messages travel in memory that two processes share, and nothing else is different.
#[cfg(all(feature = "mmap", unix))]
#[path = "all/carried.rs"]
mod carried;

/// Arrays stay in their file where they can and are wanted to, and nothing else is different.
#[path = "all/mapped.rs"]
mod mapped;

/// What is written through a map, what others see of it, and what a map refuses.
#[cfg(feature = "mmap")]
#[path = "all/maps.rs"]
mod maps;

/// URLs instead of paths, as far as they need no service.
#[path = "all/locations.rs"]
mod locations;

/// Objects as values are dumped to and loaded from, in the memory of this process.
#[cfg(feature = "cloud")]
#[path = "all/cloud.rs"]
mod cloud;

/// Files of earlier versions are read by every later one.
#[path = "all/fixtures.rs"]
mod fixtures;

/// Python files are the bytes that Python expects, and what it has not is refused.
#[path = "all/python_write.rs"]
mod python_write;

/// Values of random shape come back, and are described and skipped without an error.
#[path = "all/random.rs"]
mod random;

/// Whatever serde can say comes back as it was, from files and from messages.
#[path = "all/values.rs"]
mod values;

/// Python's files load as values and as types of the program, whoever wrote them.
#[path = "all/python_read.rs"]
mod python_read;

/// Python's values become types of the program where nothing is lost, and errors where it would be.
#[path = "all/python_typed.rs"]
mod python_typed;

/// Made-up and damaged pickles end in a value or an error, never in a call, a panic or a hang.
#[path = "all/python_hostile.rs"]
mod python_hostile;

/// Values of any kind in native files: whole, shared parts as one, arrays raw and mapped.
#[path = "all/native_values.rs"]
mod native_values;

/// Values of which parts are missing, changed or do not fit together are errors, without harm.
#[path = "all/native_hostile.rs"]
mod native_hostile;

/// numpy's own files are read and written as numpy does it.
#[path = "all/npy.rs"]
mod npy;

/// Arrays that cannot be mapped where they are lie in files without a name, and are mapped there.
#[cfg(all(feature = "mmap", unix))]
#[path = "all/unpacked.rs"]
mod unpacked;
