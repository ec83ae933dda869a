//! How single values are written into frames: the one place that names the encoding.

use std::any::type_name;

use postcard::ser_flavors::Flavor;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Failure, Frame, Payload};

impl Frame {
    /// Appends `value`. What [`Payload::read`] gives back on the other side is equal to it.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if `value` refuses to be serialized; the frame is then as before.
    pub fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let start = self.bytes.len();
        postcard::serialize_with_flavor(value, Tail(&mut self.bytes)).map_err(|error| {
            self.bytes.truncate(start);
            failure("writing", type_name::<T>(), &error)
        })
    }
}

impl Payload<'_> {
    /// Takes the next value off the front.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if the bytes are no `T`; nothing is taken then.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let (value, rest) = postcard::take_from_bytes(self.bytes)
            .map_err(|error| failure("reading", type_name::<T>(), &error))?;
        self.bytes = rest;
        Ok(value)
    }
}

fn failure(action: &str, of: &str, error: &postcard::Error) -> Failure {
    Failure::Codec { message: format!("{action} a value of type `{of}` failed: {error}") }
}

/// Appends to a vector that survives an error, in slices rather than byte by byte.
struct Tail<'a>(&'a mut Vec<u8>);

impl Flavor for Tail<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_their_order() {
        let mut frame = Frame::default();
        frame.write("ab").unwrap();
        frame.write(&(1u8, -2i64)).unwrap();
        let mut payload = Payload::new(frame.as_bytes());
        assert_eq!(payload.read::<String>().unwrap(), "ab");
        assert_eq!(payload.read::<(u8, i64)>().unwrap(), (1, -2));
        assert!(payload.as_bytes().is_empty());
    }

    #[test]
    fn a_value_that_refuses_leaves_the_frame_as_it_was() {
        struct Half;
        impl Serialize for Half {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                use serde::ser::{Error, SerializeTuple};
                let mut tuple = s.serialize_tuple(2)?;
                tuple.serialize_element(&7u8)?;
                Err(S::Error::custom("no more"))
            }
        }
        let mut frame = Frame::default();
        frame.write(&1u8).unwrap();
        assert!(matches!(frame.write(&Half), Err(Failure::Codec { .. })));
        assert_eq!(frame.as_bytes(), [1]);
    }

    #[test]
    fn a_short_payload_is_an_error_and_stays_whole() {
        let mut payload = Payload::new(&[5, b'a']);
        let error = payload.read::<String>().unwrap_err();
        assert!(matches!(error, Failure::Codec { .. }));
        assert_eq!(payload.as_bytes(), [5, b'a']);
    }
}
