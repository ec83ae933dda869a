//! Several threads that read pieces of one file side by side.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::format::checksum::PIECE;

/// What one thread reads at a time: several of the pages that large arrays are backed by. Two threads
/// that touch one such page for the first time both have it cleared, and one of them in vain.
const SHARE: usize = 4 * PIECE;

/// Fills `bytes` with those at offset `at` of the file, and returns what `hash` says of each MiB,
/// computed by the thread that has just read it.
///
/// The calling thread is one of the `threads`; if the system refuses others, there are fewer.
pub(crate) fn read_together(
    file: &File,
    at: u64,
    bytes: &mut [u8],
    threads: usize,
    hash: Option<fn(&[u8]) -> u64>,
) -> io::Result<Vec<u64>> {
    let mut digests = vec![0; bytes.len().div_ceil(PIECE)];
    let others = threads.min(bytes.len().div_ceil(SHARE)).saturating_sub(1);
    let digests_of_shares = digests.chunks_mut(SHARE / PIECE);
    let shares = Mutex::new(bytes.chunks_mut(SHARE).zip(digests_of_shares).enumerate());
    let work = || {
        loop {
            let next = shares.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, (share, digests))) = next else { return Ok(()) };
            let mut at = at + (number * SHARE) as u64;
            for (piece, digest) in share.chunks_mut(PIECE).zip(digests) {
                read_exact_at(file, piece, at)?;
                at += piece.len() as u64;
                if let Some(hash) = hash {
                    *digest = hash(piece);
                }
            }
        }
    };
    thread::scope(|scope| {
        let spawn =
            |_| thread::Builder::new().name("joblib-read".into()).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (0..others).map_while(spawn).collect();
        let mut result: io::Result<()> = work();
        for other in others {
            let panicked = |_| Err(io::Error::other("a thread that was reading panicked"));
            result = result.and(other.join().unwrap_or_else(panicked));
        }
        result
    })?;
    Ok(digests)
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.read_exact_at(bytes, at)
}

/// Never called: `FileInput` says that there is no file to share.
#[cfg(not(unix))]
fn read_exact_at(_file: &File, _bytes: &mut [u8], _at: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
