//! Passing over an item and its contents. What it defines is kept: later items refer to it.

use super::decoder::{Decoder, Shape, unexpected};
use super::source::Source;
use crate::error::{Error, Result, Segment};
use crate::format::{VariantKind, tag};

impl<S: Source> Decoder<S> {
    /// Passes over the next item. Whether the blocks in it are compared with their checksums is
    /// the source's business.
    pub(crate) fn skip_item(&mut self) -> Result<()> {
        let tag = self.byte()?;
        match tag {
            0..=tag::INT_MAX | tag::UNIT..=tag::NONE => Ok(()),
            tag::SHORT_TEXT..=tag::SHORT_TEXT_END => {
                self.slice(usize::from(tag - tag::SHORT_TEXT), |_| Ok(()))
            }
            tag::U8 | tag::N8 => self.take::<1>().map(drop),
            tag::U16 | tag::N16 => self.take::<2>().map(drop),
            tag::U32 | tag::N32 | tag::F32 | tag::CHAR => self.take::<4>().map(drop),
            tag::U64 | tag::N64 | tag::F64 => self.take::<8>().map(drop),
            tag::U128 | tag::N128 => self.take::<16>().map(drop),
            tag::TEXT | tag::BYTES => {
                let len = self.len()?;
                self.slice(len, |_| Ok(()))
            }
            tag::ARRAY | tag::SMALL | tag::CARRIED => {
                let description = self.description()?;
                self.skip_elements(tag, &description)
            }
            tag::PART => self.len().map(drop),
            tag::SOME..=tag::VARIANT | tag::PARTS => {
                self.nested(|decoder| decoder.skip_contents(tag))
            }
            _ => Err(unexpected(tag, "an item")),
        }
    }

    fn skip_contents(&mut self, tag: u8) -> Result<()> {
        match tag {
            tag::SOME => self.skip_item(),
            tag::SEQ | tag::TUPLE => self.skip_items(1),
            tag::MAP => self.skip_items(2),
            tag::SEQ_OPEN | tag::MAP_OPEN | tag::PARTS => self.skip_to_end(),
            tag::STRUCT_NEW => self.skip_new_struct(),
            tag::STRUCT | tag::STRUCT_MIXED => self.skip_struct(),
            tag::VARIANT_NEW | tag::VARIANT => match self.variant(tag)?.1 {
                VariantKind::Unit => Ok(()),
                _ => self.skip_item(),
            },
            _ => Err(Error::damaged("an item without contents has some")),
        }
    }

    fn skip_items(&mut self, per_entry: usize) -> Result<()> {
        let len = self.len()? as u64;
        (0..len).try_for_each(|index| {
            (0..per_entry).try_for_each(|_| self.skip_item()).map_err(|error| at(error, index))
        })
    }

    fn skip_to_end(&mut self) -> Result<()> {
        let mut index = 0;
        while self.peek()? != tag::END {
            self.skip_item().map_err(|error| at(error, index))?;
            index += 1;
        }
        self.at += 1;
        Ok(())
    }

    fn skip_new_struct(&mut self) -> Result<()> {
        let shape = self.begin_shape()?;
        while self.peek()? != tag::END {
            let field = self.add_field()?;
            self.skip_field()
                .map_err(|error| error.within(Segment::Field(self.added_field(field).into())))?;
        }
        self.at += 1;
        self.end_shape(shape);
        Ok(())
    }

    fn skip_struct(&mut self) -> Result<()> {
        let number = self.len()?;
        let Shape { start, end, .. } = *self.shape(number)?;
        for field in start..end {
            if self.peek()? == tag::OTHER {
                self.at += 1;
                return self.skip_others();
            }
            self.skip_field()
                .map_err(|error| error.within(Segment::Field(self.field(field).into())))?;
        }
        Ok(())
    }

    fn skip_others(&mut self) -> Result<()> {
        while self.peek()? != tag::END {
            let name: Box<str> = self.name(|name| Ok(name.into()))?;
            self.skip_item().map_err(|error| error.within(Segment::Field(name)))?;
        }
        self.at += 1;
        Ok(())
    }

    fn skip_field(&mut self) -> Result<()> {
        if self.peek()? == tag::SKIP {
            self.at += 1;
            return Ok(());
        }
        self.skip_item()
    }
}

#[cold]
fn at(error: Error, index: u64) -> Error {
    error.within(Segment::Index(index))
}
