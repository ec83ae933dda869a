//! Slices of numbers as lists, without a call per element.

use super::pickler::{Pickler, append_float, append_int};
use crate::array::{Block, DType};
use crate::error::Result;
use crate::pickle::opcode as op;

/// How many items a list or dict is given at a time, as in Python: they wait on the reader's stack.
pub(super) const BATCH: usize = 1000;

impl Pickler<'_> {
    /// Writes a slice of numbers as a list; false if serde shall do it.
    pub(super) fn numbers(&mut self, block: &Block<'_>) -> Result<bool> {
        let Some(bytes) = block.memory() else { return Ok(false) };
        match block.dtype() {
            DType::F64 => self.list(bytes, |buffer, e| append_float(buffer, f64::from_le_bytes(e))),
            DType::F32 => {
                self.list(bytes, |buffer, e| append_float(buffer, f32::from_le_bytes(e).into()))
            }
            DType::I64 => self.list(bytes, |buffer, e| append_int(buffer, i64::from_le_bytes(e))),
            DType::I32 => {
                self.list(bytes, |buffer, e| append_int(buffer, i32::from_le_bytes(e).into()))
            }
            DType::U32 => {
                self.list(bytes, |buffer, e| append_int(buffer, u32::from_le_bytes(e).into()))
            }
            DType::U8 => self.list(bytes, |buffer, [e]| append_int(buffer, e.into())),
            _ => return Ok(false),
        }?;
        Ok(true)
    }

    fn list<const SIZE: usize>(
        &mut self,
        bytes: &[u8],
        append: impl Fn(&mut Vec<u8>, [u8; SIZE]),
    ) -> Result<()> {
        let elements = bytes.as_chunks::<SIZE>().0;
        self.op(op::EMPTY_LIST)?;
        for batch in elements.chunks(BATCH) {
            let buffer = self.room()?;
            buffer.push(op::MARK);
            batch.iter().for_each(|&element| append(buffer, element));
            buffer.push(op::APPENDS);
        }
        Ok(())
    }
}
