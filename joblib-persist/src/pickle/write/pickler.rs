//! Opcodes in frames, and what was memoised.

use std::collections::HashMap;
use std::sync::Arc;

use super::protocol::Protocol;
use super::strings::Strings;
use crate::error::{Error, ErrorKind, Result};
use crate::format::MAX_DEPTH;
use crate::frame_sink::Output;
use crate::pickle::opcode as op;
use crate::value::ElementType;

/// A frame ends with the opcode that makes it this long; as in Python.
const FRAME: usize = 64 * 1024;

/// The opcode of a frame and its length.
const FRAME_HEADER: usize = 9;

/// The buffer is handed on when it holds this much, and payloads of this much go past it.
const BUFFER: usize = 128 * 1024;

/// Writes one pickle.
pub(super) struct Pickler<'w> {
    output: &'w mut dyn Output,
    pub(super) protocol: Protocol,
    pub(super) compressed: bool,
    buffer: Vec<u8>,
    /// Where the current frame starts in the buffer, behind its header.
    frame: usize,
    /// How many bytes went to the output.
    written: u64,
    memoized: u32,
    strings: Strings,
    globals: HashMap<Box<str>, HashMap<Box<str>, u32>>,
    /// The memo's indices of the element types of arrays.
    pub(super) dtypes: HashMap<&'static str, u32>,
    pub(super) element_types: HashMap<Arc<ElementType>, u32>,
    depth: u32,
    /// Inside how many keys of maps we are.
    pub(super) keys: u32,
    /// Set by the serializer of a value that shows itself as an array of no type that is known.
    pub(super) is_wrapped: bool,
}

impl<'w> Pickler<'w> {
    pub(super) fn new(output: &'w mut dyn Output, protocol: Protocol, compressed: bool) -> Self {
        let mut pickler = Pickler {
            output,
            protocol,
            compressed,
            buffer: vec![op::PROTO, protocol.number()],
            frame: 0,
            written: 0,
            memoized: 0,
            strings: Strings::default(),
            globals: HashMap::new(),
            dtypes: HashMap::new(),
            element_types: HashMap::new(),
            depth: 0,
            keys: 0,
            is_wrapped: false,
        };
        pickler.begin_frame();
        pickler
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.op(op::STOP)?;
        self.end_frame();
        self.write_buffer()
    }

    fn begin_frame(&mut self) {
        if self.protocol.has_frames() {
            self.buffer.extend_from_slice(&[0; FRAME_HEADER]);
        }
        self.frame = self.buffer.len();
    }

    fn end_frame(&mut self) {
        if !self.protocol.has_frames() {
            return;
        }
        let (before, frame) = self.buffer.split_at_mut(self.frame);
        let start = before.len() - FRAME_HEADER;
        if frame.is_empty() {
            self.buffer.truncate(start);
            return;
        }
        before[start] = op::FRAME;
        before[start + 1..].copy_from_slice(&(frame.len() as u64).to_le_bytes());
    }

    fn write_buffer(&mut self) -> Result<()> {
        self.output.write_all(&self.buffer).map_err(writing)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn next_frame(&mut self) -> Result<()> {
        self.end_frame();
        if self.buffer.len() >= BUFFER {
            self.write_buffer()?;
        }
        self.begin_frame();
        Ok(())
    }

    /// The buffer, for whole opcodes to be appended.
    #[inline]
    pub(super) fn room(&mut self) -> Result<&mut Vec<u8>> {
        if self.buffer.len() >= self.frame + FRAME {
            self.next_frame()?;
        }
        Ok(&mut self.buffer)
    }

    /// Where the next byte will be, counted from the start of the pickle.
    pub(super) fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes `bytes` that are not opcodes: to be called again for the next ones, and followed by
    /// [`end_payload`](Self::end_payload).
    pub(super) fn payload(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() < BUFFER {
            if self.buffer.len() >= BUFFER {
                self.write_buffer()?;
            }
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_buffer()?;
        self.output.write_all(bytes).map_err(writing)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Ends the frame, so that a payload of `len` bytes can follow.
    pub(super) fn begin_payload(&mut self, len: usize) -> Result<()> {
        self.end_frame();
        if len >= BUFFER {
            self.write_buffer()?;
            self.output.expect(len as u64).map_err(writing)?;
        }
        Ok(())
    }

    pub(super) fn end_payload(&mut self) {
        self.begin_frame();
    }

    /// An opcode, its length, and that many bytes.
    fn counted(&mut self, head: &[u8], bytes: &[u8]) -> Result<()> {
        if bytes.len() < FRAME {
            let buffer = self.room()?;
            buffer.extend_from_slice(head);
            buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.begin_payload(bytes.len())?;
        self.payload(head)?;
        self.payload(bytes)?;
        self.end_payload();
        Ok(())
    }

    #[inline]
    pub(super) fn op(&mut self, op: u8) -> Result<()> {
        self.room()?.push(op);
        Ok(())
    }

    #[inline]
    pub(super) fn ops<const N: usize>(&mut self, ops: [u8; N]) -> Result<()> {
        self.room()?.extend_from_slice(&ops);
        Ok(())
    }

    #[inline]
    pub(super) fn int(&mut self, number: i64) -> Result<()> {
        append_int(self.room()?, number);
        Ok(())
    }

    pub(super) fn wide_int(&mut self, number: i128) -> Result<()> {
        match i64::try_from(number) {
            Ok(number) => self.int(number),
            Err(_) => self.long(&number.to_le_bytes()),
        }
    }

    /// An integer of any size: two's complement, little-endian.
    pub(super) fn long(&mut self, bytes: &[u8]) -> Result<()> {
        let bytes = shortest(bytes);
        match u8::try_from(bytes.len()) {
            Ok(len) => self.counted(&[op::LONG1, len], bytes),
            Err(_) => self.counted(&with_len4(op::LONG4, bytes.len())?, bytes),
        }
    }

    #[inline]
    pub(super) fn float(&mut self, number: f64) -> Result<()> {
        append_float(self.room()?, number);
        Ok(())
    }

    #[inline]
    pub(super) fn boolean(&mut self, value: bool) -> Result<()> {
        self.op(if value { op::NEWTRUE } else { op::NEWFALSE })
    }

    /// A string; a short one that was written lately, by its index in the memo.
    #[inline]
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        if text.len() > Strings::LONGEST {
            return self.long_text(text);
        }
        let place = match self.strings.find(text) {
            Ok(index) => return self.get(index),
            Err(place) => place,
        };
        self.new_text(text)?;
        if let Some(index) = self.memoize()? {
            self.strings.set(place, text, index);
        }
        Ok(())
    }

    #[inline]
    fn new_text(&mut self, text: &str) -> Result<()> {
        match u8::try_from(text.len()) {
            Ok(len) if self.protocol.has_frames() => {
                let buffer = self.room()?;
                buffer.extend_from_slice(&[op::SHORT_BINUNICODE, len]);
                buffer.extend_from_slice(text.as_bytes());
                Ok(())
            }
            _ => self.long_text(text),
        }
    }

    fn long_text(&mut self, text: &str) -> Result<()> {
        let len = text.len();
        if self.protocol.has_frames() {
            if let Ok(len) = u8::try_from(len) {
                return self.counted(&[op::SHORT_BINUNICODE, len], text.as_bytes());
            }
            if u32::try_from(len).is_err() {
                return self.counted(&with_len8(op::BINUNICODE8, len), text.as_bytes());
            }
        }
        self.counted(&with_len4(op::BINUNICODE, len)?, text.as_bytes())
    }

    /// Text that is not valid Unicode, in the UTF-8 of Python's `surrogatepass`.
    pub(super) fn wide_text(&mut self, bytes: &[u8]) -> Result<()> {
        self.counted(&with_len4(op::BINUNICODE, bytes.len())?, bytes)
    }

    /// Bytes with a length of eight bytes in front.
    pub(super) fn long_bytes(&mut self, op: u8, bytes: &[u8]) -> Result<()> {
        self.counted(&with_len8(op, bytes.len()), bytes)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.protocol.has_bytes() {
            return self.encoded_bytes(bytes);
        }
        if let Ok(len) = u8::try_from(bytes.len()) {
            return self.counted(&[op::SHORT_BINBYTES, len], bytes);
        }
        if self.protocol.has_frames() && u32::try_from(bytes.len()).is_err() {
            return self.counted(&with_len8(op::BINBYTES8, bytes.len()), bytes);
        }
        self.counted(&with_len4(op::BINBYTES, bytes.len())?, bytes)
    }

    /// Bytes for protocol 2, which has none: made from a string by a call, as Python 3 does.
    fn encoded_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.global("_codecs", "encode")?;
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        self.long_text(&text)?;
        self.text("latin1")?;
        self.ops([op::TUPLE2, op::REDUCE])
    }

    /// Remembers what was written last under the next index, unless there is none left.
    #[inline]
    pub(super) fn memoize(&mut self) -> Result<Option<u32>> {
        let index = self.memoized;
        if index == u32::MAX {
            return Ok(None);
        }
        self.memoized += 1;
        let has_frames = self.protocol.has_frames();
        let buffer = self.room()?;
        if has_frames {
            buffer.push(op::MEMOIZE);
        } else {
            append_index(buffer, op::BINPUT, op::LONG_BINPUT, index);
        }
        Ok(Some(index))
    }

    /// What is in the memo.
    #[inline]
    pub(super) fn get(&mut self, index: u32) -> Result<()> {
        append_index(self.room()?, op::BINGET, op::LONG_BINGET, index);
        Ok(())
    }

    /// A class or function by its name.
    pub(super) fn global(&mut self, module: &str, name: &str) -> Result<()> {
        if let Some(&index) = self.globals.get(module).and_then(|names| names.get(name)) {
            return self.get(index);
        }
        if self.protocol.has_frames() {
            self.text(module)?;
            self.text(name)?;
            self.op(op::STACK_GLOBAL)?;
        } else {
            if [module, name].iter().any(|part| part.contains('\n')) {
                return Err(Error::unwritable(format!(
                    "a line break in the name `{module}.{name}`"
                )));
            }
            let line = [&[op::GLOBAL], module.as_bytes(), b"\n", name.as_bytes(), b"\n"].concat();
            self.room()?.extend_from_slice(&line);
        }
        if let Some(index) = self.memoize()? {
            self.globals.entry(module.into()).or_default().insert(name.into(), index);
        }
        Ok(())
    }

    /// Makes a tuple of the last `len` objects, which follow a mark if they are more than three.
    pub(super) fn tuple(&mut self, len: usize) -> Result<()> {
        self.op(match len {
            0 => op::EMPTY_TUPLE,
            1 => op::TUPLE1,
            2 => op::TUPLE2,
            3 => op::TUPLE3,
            _ => op::TUPLE,
        })
    }

    /// Goes one level deeper.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Error::new(ErrorKind::TooDeep)) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

#[cold]
fn writing(source: std::io::Error) -> Error {
    Error::io("writing", source)
}

#[inline]
pub(super) fn append_int(buffer: &mut Vec<u8>, number: i64) {
    if let Ok(byte) = u8::try_from(number) {
        buffer.extend_from_slice(&[op::BININT1, byte]);
    } else if let Ok(number) = u16::try_from(number) {
        let [low, high] = number.to_le_bytes();
        buffer.extend_from_slice(&[op::BININT2, low, high]);
    } else if let Ok(number) = i32::try_from(number) {
        let [a, b, c, d] = number.to_le_bytes();
        buffer.extend_from_slice(&[op::BININT, a, b, c, d]);
    } else {
        let bytes = number.to_le_bytes();
        let bytes = shortest(&bytes);
        buffer.extend_from_slice(&[op::LONG1, bytes.len() as u8]);
        buffer.extend_from_slice(bytes);
    }
}

#[inline]
pub(super) fn append_float(buffer: &mut Vec<u8>, number: f64) {
    let mut item = [op::BINFLOAT; 9];
    item[1..].copy_from_slice(&number.to_be_bytes());
    buffer.extend_from_slice(&item);
}

#[inline]
fn append_index(buffer: &mut Vec<u8>, short: u8, long: u8, index: u32) {
    if let Ok(index) = u8::try_from(index) {
        buffer.extend_from_slice(&[short, index]);
    } else {
        let [a, b, c, d] = index.to_le_bytes();
        buffer.extend_from_slice(&[long, a, b, c, d]);
    }
}

/// Two's complement without the bytes that only repeat the sign.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [rest @ .., before, last] = bytes
        && (*last, *before >> 7) == (0u8.wrapping_sub(*before >> 7), *before >> 7)
    {
        bytes = &bytes[..rest.len() + 1];
    }
    if *bytes == [0] { &[] } else { bytes }
}

fn with_len4(op: u8, len: usize) -> Result<[u8; 5]> {
    let too_long = |_| {
        Error::unwritable(format!(
            "{len} bytes in one piece, more than protocols before 4 can hold"
        ))
    };
    let [a, b, c, d] = u32::try_from(len).map_err(too_long)?.to_le_bytes();
    Ok([op, a, b, c, d])
}

fn with_len8(op: u8, len: usize) -> [u8; 9] {
    let mut head = [op; 9];
    head[1..].copy_from_slice(&(len as u64).to_le_bytes());
    head
}
