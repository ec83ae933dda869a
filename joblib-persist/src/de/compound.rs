//! Sequences, tuples and maps.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::decoder::Decoder;
use super::source::Source;
use crate::error::{Error, Result, Segment};
use crate::format::tag;

/// What follows a `SEQ`, `TUPLE` or `MAP`.
pub(super) struct Items<'d, S> {
    decoder: &'d mut Decoder<S>,
    /// How many are left; unknown if an `END` follows the last.
    left: Option<usize>,
    index: u64,
}

impl<'d, S: Source> Items<'d, S> {
    pub(super) fn new(decoder: &'d mut Decoder<S>, left: Option<usize>) -> Self {
        Items { decoder, left, index: 0 }
    }

    #[inline]
    pub(super) fn visit_seq<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_seq(&mut self)?;
        self.finish()?;
        Ok(value)
    }

    pub(super) fn visit_map<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_map(&mut self)?;
        self.finish()?;
        Ok(value)
    }

    /// Whether another item follows; counts it.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        match &mut self.left {
            Some(0) => return Ok(false),
            Some(left) => *left -= 1,
            None if self.decoder.peek()? == tag::END => {
                self.decoder.at += 1;
                self.left = Some(0);
                return Ok(false);
            }
            None => {}
        }
        self.index += 1;
        Ok(true)
    }

    /// By reference: to move what was just counted would wait for it.
    #[inline]
    fn finish(&mut self) -> Result<()> {
        if self.left != Some(0) && self.advance()? {
            let wanted = self.index - 1;
            return Err(Error::mismatch(
                "a sequence of more elements",
                format!("{wanted} elements"),
            ));
        }
        Ok(())
    }

    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        self.decoder.failed(error, Segment::Index(self.index - 1))
    }
}

impl<'de, S: Source> SeqAccess<'de> for Items<'_, S> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

impl<'de, S: Source> MapAccess<'de> for Items<'_, S> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        match seed.deserialize(&mut *self.decoder) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(self.failed(error)),
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(value),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}
