//! Arrays as joblib writes them: a `NumpyArrayWrapper` that says what they are, and their memory.

use super::pickler::Pickler;
use crate::array::{Block, DType, Gathered, Order};
use crate::error::{Error, Result};
use crate::format::MAX_AXES;
use crate::pickle::opcode as op;

/// The alignment that joblib gives the memory of arrays since 1.2, and asks for when it maps it.
const ALIGNMENT: u64 = 16;

/// What numpy has to know about an array before its memory.
pub(super) struct Wrapper<'a> {
    /// Module and name of the class: `numpy.ndarray`, `numpy.matrix`.
    pub(super) class: (&'a str, &'a str),
    pub(super) shape: &'a [usize],
    pub(super) order: Order,
    pub(super) byte_len: usize,
}

/// The class of most arrays.
pub(super) const NDARRAY: (&str, &str) = ("numpy", "ndarray");

impl Pickler<'_> {
    /// Writes an array that was found behind an origin.
    pub(super) fn block(&mut self, block: &Block<'_>) -> Result<()> {
        let dtype = numpy_name(block.dtype()).ok_or_else(|| no_such_dtype(block.dtype()))?;
        let wrapper = Wrapper {
            class: NDARRAY,
            shape: block.shape(),
            order: block.order(),
            byte_len: block.byte_len(),
        };
        self.wrapper(&wrapper, |pickler| pickler.simple_dtype(dtype))?;
        self.begin_payload(wrapper.byte_len)?;
        block.try_for_each_chunk(|bytes| self.payload(bytes))?;
        self.end_payload();
        Ok(())
    }

    /// Writes an array that was put together.
    pub(super) fn gathered(&mut self, array: &Gathered) -> Result<()> {
        let dtype = numpy_name(array.dtype).ok_or_else(|| no_such_dtype(array.dtype))?;
        let (shape, byte_len) = (&array.shape[..], array.bytes.len());
        let wrapper = Wrapper { class: NDARRAY, shape, order: Order::C, byte_len };
        self.wrapper(&wrapper, |pickler| pickler.simple_dtype(dtype))?;
        self.begin_payload(byte_len)?;
        self.payload(&array.bytes)?;
        self.end_payload();
        Ok(())
    }

    /// Everything before the memory of an array; joblib's `Unpickler.load_build` reads that when
    /// it meets the `BUILD`.
    pub(super) fn wrapper(
        &mut self,
        wrapper: &Wrapper<'_>,
        dtype: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if self.keys > 0 {
            return Err(Error::unwritable("an array in the key of a map: Python cannot hash it"));
        }
        self.global("joblib.numpy_pickle", "NumpyArrayWrapper")?;
        self.ops([op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_DICT, op::MARK])?;
        self.text("subclass")?;
        self.global(wrapper.class.0, wrapper.class.1)?;
        self.text("shape")?;
        self.shape(wrapper.shape)?;
        self.text("order")?;
        self.text(if wrapper.order == Order::F { "F" } else { "C" })?;
        self.text("dtype")?;
        dtype(self)?;
        self.text("allow_mmap")?;
        // There is no map of nothing.
        self.boolean(!self.compressed && wrapper.byte_len > 0)?;
        self.op(op::SETITEMS)?;
        self.build_aligned()
    }

    /// Ends the wrapper so that the memory of the array, which follows, can be mapped.
    ///
    /// joblib 1.2 and newer align it by bytes between wrapper and memory and say so in the
    /// wrapper; older ones would take those for elements. Opcodes that do nothing, in front of the
    /// wrapper's last one, have the same effect for all of them.
    fn build_aligned(&mut self) -> Result<()> {
        if self.compressed {
            return self.op(op::BUILD);
        }
        let has_bytes = self.protocol.has_bytes();
        self.room()?;
        let gap = (self.position() + 1).wrapping_neg() % ALIGNMENT;
        let gap = if gap == 1 { gap + ALIGNMENT } else { gap };
        let buffer = self.room()?;
        match (gap as u8).checked_sub(3) {
            Some(len) => {
                // A string that is forgotten at once.
                buffer.extend_from_slice(&[
                    if has_bytes { op::SHORT_BINBYTES } else { op::SHORT_BINSTRING },
                    len,
                ]);
                buffer.resize(buffer.len() + usize::from(len), b' ');
                buffer.push(op::POP);
            }
            None if gap == 2 => buffer.extend_from_slice(&[op::NONE, op::POP]),
            None => {}
        }
        buffer.push(op::BUILD);
        Ok(())
    }

    pub(super) fn shape(&mut self, shape: &[usize]) -> Result<()> {
        if shape.len() > MAX_AXES {
            let axes = shape.len();
            let detail = format!("an array of {axes} axes, numpy takes up to {MAX_AXES}");
            return Err(Error::unwritable(detail));
        }
        if shape.len() > 3 {
            self.op(op::MARK)?;
        }
        shape.iter().try_for_each(|&len| self.wide_int(len as i128))?;
        self.tuple(shape.len())
    }

    /// The `numpy.dtype` of numbers, such as `f8`.
    pub(super) fn simple_dtype(&mut self, name: &'static str) -> Result<()> {
        if let Some(&index) = self.dtypes.get(name) {
            return self.get(index);
        }
        self.global("numpy", "dtype")?;
        self.text(name)?;
        self.ops([op::NEWFALSE, op::NEWTRUE, op::TUPLE3, op::REDUCE])?;
        if let Some(index) = self.memoize()? {
            self.dtypes.insert(name, index);
        }
        self.ops([op::MARK, op::BININT1, 3])?;
        self.text(if name.ends_with('1') { "|" } else { "<" })?;
        self.ops([op::NONE, op::NONE, op::NONE])?;
        self.int(-1)?;
        self.int(-1)?;
        self.ops([op::BININT1, 0, op::TUPLE, op::BUILD])
    }
}

fn numpy_name(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "b1",
        DType::U8 => "u1",
        DType::I8 => "i1",
        DType::U16 => "u2",
        DType::I16 => "i2",
        DType::U32 => "u4",
        DType::I32 => "i4",
        DType::U64 => "u8",
        DType::I64 => "i8",
        DType::F16 => "f2",
        DType::F32 => "f4",
        DType::F64 => "f8",
        DType::C64 => "c8",
        DType::C128 => "c16",
        _ => return None,
    })
}

#[cold]
fn no_such_dtype(dtype: DType) -> Error {
    Error::unwritable(format!(
        "an array of {dtype}, which numpy has not: write 64-bit integers, or a `Vec`, which becomes a \
         list"
    ))
}
