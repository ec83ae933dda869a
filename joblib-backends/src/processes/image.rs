//! The executable as it lies in memory: where its code is, which build it is, and functions as
//! offsets in it.

#![allow(unsafe_code, reason = "reads the program headers and turns an offset into a function")]

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::slice;
use std::sync::OnceLock;

use crate::CallFn;

/// The type of the note that holds the linker's build id (`NT_GNU_BUILD_ID`).
const BUILD_ID: u32 = 3;

/// The main executable of this process.
#[derive(Debug, Default)]
pub(super) struct Image {
    base: usize,
    text: Vec<Range<usize>>,
    identity: u128,
    constructors: &'static [usize],
}

impl Image {
    /// The executable this process runs.
    pub(super) fn of_this_process() -> &'static Image {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        IMAGE.get_or_init(read)
    }

    /// A digest that is equal in two processes if they run the same build: of the linker's build
    /// id, or of the whole code where the linker left none.
    pub(super) fn identity(&self) -> u128 {
        self.identity
    }

    /// Where `function` lies in the executable; `None` if it lies in a shared library.
    pub(super) fn offset_of(&self, function: CallFn) -> Option<u64> {
        let address = function as usize;
        self.is_code(address).then(|| (address - self.base) as u64)
    }

    /// The function that another process of the same build found at `offset`; `None` if that is
    /// not within the code.
    ///
    /// # Safety
    ///
    /// `offset` must be what [`offset_of`](Self::offset_of) gave in a process whose executable
    /// has the same [`identity`](Self::identity).
    pub(super) unsafe fn function_at(&self, offset: u64) -> Option<CallFn> {
        let address = self.base.checked_add(usize::try_from(offset).ok()?)?;
        // SAFETY: the caller promises that the same code lies here as lay there, and there it was
        // a `CallFn`; a function pointer is as wide as an address.
        self.is_code(address).then(|| unsafe { std::mem::transmute::<usize, CallFn>(address) })
    }

    /// The functions that the loader calls before `main`, as addresses. Empty in an executable
    /// without a dynamic section (static, at a fixed address).
    pub(super) fn constructors(&self) -> &'static [usize] {
        self.constructors
    }

    /// Whether `address` lies in the executable's own code.
    pub(super) fn is_code(&self, address: usize) -> bool {
        self.text.iter().any(|text| text.contains(&address))
    }
}

fn read() -> Image {
    let mut image = Image::default();
    // SAFETY: `main_program` gets this very pointer, and only during the call.
    unsafe { libc::dl_iterate_phdr(Some(main_program), (&raw mut image).cast()) };
    image
}

/// Called with the main program first; the answer 1 ends the walk.
unsafe extern "C" fn main_program(
    info: *mut libc::dl_phdr_info,
    _: usize,
    image: *mut c_void,
) -> c_int {
    // SAFETY: `read` passed an `Image`, and the loader a valid description.
    let (info, image) = unsafe { (&*info, &mut *image.cast::<Image>()) };
    image.base = info.dlpi_addr as usize;
    // SAFETY: the loader says how many program headers there are.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let mut build_id = None;
    for header in headers {
        let start = image.base + header.p_vaddr as usize;
        let range = start..start + header.p_memsz as usize;
        match header.p_type {
            libc::PT_LOAD if header.p_flags & libc::PF_X != 0 => image.text.push(range),
            // SAFETY: a note segment is part of a loaded, readable one.
            libc::PT_NOTE => build_id = build_id.or(find_build_id(unsafe { bytes(&range) })),
            // SAFETY: the dynamic section is part of a loaded, readable segment.
            libc::PT_DYNAMIC => image.constructors = unsafe { constructors(image.base, start) },
            _ => {}
        }
    }
    image.identity = match build_id {
        Some(id) => xxhash_rust::xxh3::xxh3_128(id),
        None => digest_of_code(&image.text),
    };
    1
}

/// # Safety
///
/// `range` must be mapped and readable, and stay so.
unsafe fn bytes(range: &Range<usize>) -> &'static [u8] {
    // SAFETY: as the caller promises.
    unsafe { slice::from_raw_parts(range.start as *const u8, range.len()) }
}

/// Finds `.init_array` through the dynamic section at `entry`: pairs of a tag and a value, ended by
/// the tag 0.
///
/// # Safety
///
/// `entry` must be the address of the dynamic section of the executable loaded at `base`.
unsafe fn constructors(base: usize, entry: usize) -> &'static [usize] {
    const ARRAY: usize = 25;
    const ARRAY_BYTES: usize = 27;
    let (mut array, mut len) = (None, 0);
    let mut entry = entry as *const [usize; 2];
    loop {
        // SAFETY: the caller promises a dynamic section, and we stop at its end.
        match unsafe { *entry } {
            [0, _] => break,
            [ARRAY, offset] => array = Some((base + offset) as *const usize),
            [ARRAY_BYTES, bytes] => len = bytes / size_of::<usize>(),
            _ => {}
        }
        // SAFETY: this was not the end.
        entry = unsafe { entry.add(1) };
    }
    // SAFETY: the section says where the table is and how long; it stays loaded.
    array.map_or(&[], |array| unsafe { slice::from_raw_parts(array, len) })
}

fn digest_of_code(text: &[Range<usize>]) -> u128 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for range in text {
        // SAFETY: loaded code stays loaded; the main executable's is readable (only hand-made
        // linker scripts make it execute-only).
        hasher.update(unsafe { bytes(range) });
    }
    hasher.digest128()
}

/// Finds the build id among notes: each has the lengths of name and description, a type, the name
/// and the description, both padded to four bytes.
fn find_build_id(mut notes: &[u8]) -> Option<&[u8]> {
    while let Some((head, rest)) = notes.split_at_checked(12) {
        let word = |at: usize| head[at..at + 4].try_into().map(u32::from_ne_bytes).ok();
        let (name_len, id_len, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
        let (name, rest) = rest.split_at_checked(name_len.next_multiple_of(4))?;
        if kind == BUILD_ID && name == b"GNU\0" {
            return rest.get(..id_len);
        }
        notes = rest.get(id_len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Frame, Payload};

    fn nothing(_: u64, _: &mut Payload<'_>, _: &mut Frame) -> Result<(), Failure> {
        Ok(())
    }

    #[test]
    fn a_function_is_found_again() {
        let image = Image::of_this_process();
        let offset = image.offset_of(nothing).unwrap();
        // SAFETY: the offset comes from this very image.
        let found = unsafe { image.function_at(offset) }.unwrap();
        assert_eq!(found as usize, nothing as *const () as usize);
    }

    #[test]
    fn what_is_outside_the_code_is_no_function() {
        let image = Image::of_this_process();
        for offset in [0, u64::MAX, u64::MAX / 2] {
            // SAFETY: no function is made of it, as this asserts.
            assert!(unsafe { image.function_at(offset) }.is_none());
        }
        assert!(!image.is_code(libc::getpid as *const () as usize));
    }

    #[test]
    fn the_build_id_is_found_behind_other_notes() {
        let mut notes = vec![];
        for (kind, id) in [(1u32, &b"abcdef"[..]), (3, b"ident")] {
            for word in [4, id.len() as u32, kind] {
                notes.extend(word.to_ne_bytes());
            }
            notes.extend(b"GNU\0");
            notes.extend(id);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(find_build_id(&notes), Some(&b"ident"[..]));
        for cut in 0..notes.len() - 3 {
            assert_eq!(find_build_id(&notes[..cut]), None, "cut at {cut}");
        }
    }
}
