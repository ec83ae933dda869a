//! The memory of arrays that are being loaded.

#![allow(unsafe_code, reason = "sees elements as bytes, and asks the allocator for zeroed memory")]

use std::alloc::{self, Layout};
use std::any::{Any, TypeId};

use super::element::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Fresh;
use crate::format::Description;

/// The most bytes reserved ahead of those that arrived, if nobody knows how many will.
const AHEAD: usize = 16 << 20;

/// How much is made ready and filled at a time while the memory grows.
const CHUNK: usize = 256 * 1024;

/// From this size on, huge pages save more than they cost.
const HUGE: usize = 4 << 20;

/// The bytes of an array, as they arrive.
pub(crate) trait Elements {
    /// How many bytes can arrive at most, if that is known.
    fn available(&self) -> Option<u64>;

    /// Fills `bytes` with the next ones.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()>;

    /// Whether [`fill_fresh`](Self::fill_fresh) is faster than filling zeros.
    fn takes_fresh(&self) -> bool {
        false
    }

    /// Fills memory that nobody wrote to yet with the next bytes.
    fn fill_fresh(&mut self, fresh: &mut Fresh<'_>) -> Result<()> {
        let left = fresh.left();
        self.fill(fresh.zeros(left))
    }

    /// All elements, if they are in a vector of that type already.
    fn whole(&mut self, _vec: TypeId) -> Option<Box<dyn Any>> {
        None
    }

    /// Called once, behind the last byte: compares what was filled with its checksum.
    fn finish(&mut self) -> Result<()>;
}

/// Reads the elements of an array into memory of their own.
pub(crate) fn read<E: Element>(
    description: &Description,
    elements: &mut dyn Elements,
) -> Result<Vec<E>> {
    description.expect(E::DTYPE)?;
    let whole = elements.whole(TypeId::of::<Vec<E>>());
    match whole.and_then(|vec| vec.downcast::<Vec<E>>().ok()) {
        Some(vec) => Ok(*vec),
        None => read_as(description, elements),
    }
}

/// Reads the elements of an array, of whatever type, as bytes.
pub(crate) fn read_bytes(
    description: &Description,
    elements: &mut dyn Elements,
) -> Result<Vec<u8>> {
    let bytes = read_as(description, elements)?;
    if description.dtype.accepts(&bytes) { Ok(bytes) } else { Err(no_bools()) }
}

fn read_as<E: Element>(description: &Description, elements: &mut dyn Elements) -> Result<Vec<E>> {
    let bytes = description.byte_len()?;
    let len = bytes / size_of::<E>();
    let vec = match elements.available() {
        Some(available) if available < bytes as u64 => return Err(too_long(bytes, available)),
        Some(_) => read_at_once(len, elements)?,
        None => read_growing(len, elements)?,
    };
    elements.finish()?;
    Ok(vec)
}

#[cold]
fn too_long(bytes: usize, available: u64) -> Error {
    Error::damaged(format!("an array of {bytes} bytes where only {available} are left"))
}

#[cold]
pub(crate) fn no_bools() -> Error {
    Error::damaged("an array of bool holds bytes other than 0 and 1")
}

fn read_at_once<E: Element>(len: usize, elements: &mut dyn Elements) -> Result<Vec<E>> {
    if elements.takes_fresh() && takes_any_byte::<E>() {
        return read_fresh(len, elements);
    }
    let mut vec = zeroed(len)?;
    fill(&mut vec, elements)?;
    Ok(vec)
}

/// Whether all bytes are elements; not all are a `bool`.
fn takes_any_byte<E: Element>() -> bool {
    E::DTYPE.accepts(&[2])
}

fn read_fresh<E: Element>(len: usize, elements: &mut dyn Elements) -> Result<Vec<E>> {
    assert!(takes_any_byte::<E>(), "nobody looks at the bytes");
    let mut vec: Vec<E> = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| out_of_memory::<E>(len))?;
    advise(&mut vec);
    let room = &mut vec.spare_capacity_mut()[..len];
    // SAFETY: the same memory; bytes are aligned everywhere, and none is taken for initialized.
    let mut fresh = Fresh::new(unsafe {
        std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), size_of_val(room))
    });
    elements.fill_fresh(&mut fresh)?;
    assert_eq!(fresh.left(), 0, "filled without an error");
    // SAFETY: `Fresh` counts initialized bytes, and none is left; whatever they are, they are
    // elements, which the first assertion checked.
    unsafe { vec.set_len(len) };
    Ok(vec)
}

/// Reserves at most as much as was received, or [`AHEAD`], before it arrives.
fn read_growing<E: Element>(len: usize, elements: &mut dyn Elements) -> Result<Vec<E>> {
    let mut vec: Vec<E> = Vec::new();
    while vec.len() < len {
        let ahead = vec.len().max(AHEAD / size_of::<E>());
        let until = len.min(vec.len() + ahead);
        vec.try_reserve_exact(until - vec.len()).map_err(|_| out_of_memory::<E>(len))?;
        advise(&mut vec);
        while vec.len() < until {
            let start = vec.len();
            vec.resize(until.min(start + CHUNK / size_of::<E>()), E::ZERO);
            fill(&mut vec[start..], elements)?;
        }
    }
    Ok(vec)
}

fn fill<E: Element>(vec: &mut [E], elements: &mut dyn Elements) -> Result<()> {
    // SAFETY: an `Element` has no padding, so its bytes are initialized; the slice is borrowed
    // mutably; what is written is checked below, or any bit pattern is valid.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(vec.as_mut_ptr().cast::<u8>(), size_of_val(vec)) };
    if takes_any_byte::<E>() {
        return elements.fill(bytes);
    }
    // Not every byte is a `bool`: nothing may be written to `vec` that is not one.
    let mut scratch = vec![0; bytes.len().min(CHUNK)];
    for chunk in bytes.chunks_mut(CHUNK) {
        let scratch = &mut scratch[..chunk.len()];
        elements.fill(scratch)?;
        if !E::DTYPE.accepts(scratch) {
            return Err(no_bools());
        }
        chunk.copy_from_slice(scratch);
    }
    Ok(())
}

/// Zeros of `len` elements, straight from the system if they are many: no page is touched yet.
fn zeroed<E: Element>(len: usize) -> Result<Vec<E>> {
    let layout = Layout::array::<E>(len).map_err(|_| out_of_memory::<E>(len))?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout's size is not zero.
    let start = unsafe { alloc::alloc_zeroed(layout) };
    if start.is_null() {
        return Err(out_of_memory::<E>(len));
    }
    // SAFETY: allocated by the global allocator with the layout of `len` elements; zero bytes are
    // a valid `Element`.
    let mut vec = unsafe { Vec::from_raw_parts(start.cast::<E>(), len, len) };
    advise(&mut vec);
    Ok(vec)
}

#[cold]
fn out_of_memory<E>(len: usize) -> Error {
    Error::new(ErrorKind::OutOfMemory { bytes: (len * size_of::<E>()) as u64 })
}

/// Asks for huge pages: most of the time of a large load goes into page faults.
fn advise<E: Element>(memory: &mut Vec<E>) {
    let bytes = memory.capacity() * size_of::<E>();
    if bytes < HUGE {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = memory.as_mut_ptr().cast::<u8>();
        // Whole pages, the first and last included: a large allocation then stays one mapping,
        // which the system can move when it grows. It copies what is several.
        let before = start.addr() % PAGE;
        let len = (before + bytes).next_multiple_of(PAGE);
        // SAFETY: the call changes how pages are backed, not what they hold, whoever has the rest
        // of the first and last one. A refusal costs only speed.
        unsafe {
            libc::madvise(start.wrapping_sub(before).cast(), len, libc::MADV_HUGEPAGE);
        }
    }
}
