//! How single values are written into frames: the one place that names the encoding.
//!
//! It is the message form of `joblib-persist`: arrays travel as their memory, and whatever serde
//! can describe comes back (flattened and untagged types, too, which denser encodings cannot read).

use std::any::type_name;
use std::cell::Cell;
use std::error::Error;

use joblib_persist::array::Origin;
use joblib_persist::message;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Failure, Frame, Lent, Payload};

impl Frame {
    /// Appends `value`. What [`Payload::read`] gives back on the other side is equal to it.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if `value` refuses to be serialized; the frame is then as before.
    pub fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.append(value, false)
    }

    /// Appends `value`, which stays as it is until the call is over: what tasks have a reference to.
    /// If it is a large array, it is copied once for all tasks of the call.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_borrowed<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.append(value, is_array(value))
    }

    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "nothing is mapped"))]
    fn append<T: Serialize + ?Sized>(&mut self, value: &T, borrowed: bool) -> Result<(), Failure> {
        travelling(|| match self {
            #[cfg(target_os = "linux")]
            Frame { bytes, carrier: Some(carrier), .. } => {
                message::encode_with(value, bytes, &mut |array| Ok(carrier.carry(array, borrowed)))
            }
            Frame { bytes, .. } => message::encode(value, bytes),
        })
        .map_err(|error| failure("writing", type_name::<T>(), &error))
    }
}

impl Payload<'_> {
    /// Takes the next value off the front.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if the bytes are no `T`; nothing is taken then.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        travelling(|| match self {
            #[cfg(target_os = "linux")]
            Payload { bytes, fetch: Some(fetch), .. } => {
                message::decode_with(bytes, &mut |n| fetch(n))
            }
            Payload { bytes, .. } => message::decode(bytes),
        })
        .map_err(|error| failure("reading", type_name::<T>(), &error))
    }

    /// Takes the next value off the front, to which the task gets a reference.
    ///
    /// A large array that was written with [`write_borrowed`](Frame::write_borrowed) is rebuilt once
    /// for all tasks of a call that a worker runs, and let go soon after the call has ended.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_borrowed<T: DeserializeOwned + 'static>(&mut self) -> Result<Lent<T>, Failure> {
        #[cfg(target_os = "linux")]
        return crate::processes::read_kept(self);
        #[cfg(not(target_os = "linux"))]
        self.read().map(Lent::new)
    }
}

/// Whether `value` is an array itself: nothing in it can change behind a shared reference, which
/// cannot be said of what only contains one (a `Mutex` does).
fn is_array<T: ?Sized>(value: &T) -> bool {
    let origin = Origin::of(value);
    origin.array().or_else(|| origin.slice()).is_some()
        || type_name::<T>().starts_with("joblib_persist::mapped::")
}

thread_local! {
    static TRAVELLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether what this thread is serializing is on its way between parent and worker.
pub(crate) fn is_travelling() -> bool {
    TRAVELLING.get()
}

fn travelling<R>(action: impl FnOnce() -> R) -> R {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            TRAVELLING.set(self.0);
        }
    }
    let _reset = Reset(TRAVELLING.replace(true));
    action()
}

fn failure(action: &str, of: &str, error: &dyn Error) -> Failure {
    let why = explain(error);
    Failure::Codec { message: format!("{action} a value of type `{of}` failed: {why}") }
}

/// An error with its causes: what goes to another process is a text.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
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
        let Err(Failure::Codec { message }) = frame.write(&Half) else {
            panic!("it was written");
        };
        assert!(message.ends_with("no more"), "{message}");
        assert_eq!(Payload::new(frame.as_bytes()).read::<u8>().unwrap(), 1);
    }

    #[test]
    fn a_short_payload_is_an_error_and_stays_whole() {
        let mut frame = Frame::default();
        frame.write("abcdef").unwrap();
        let short = &frame.as_bytes()[..4];
        let mut payload = Payload::new(short);
        assert!(matches!(payload.read::<String>(), Err(Failure::Codec { .. })));
        assert_eq!(payload.as_bytes(), short);
    }

    #[test]
    fn what_only_describes_itself_comes_back() {
        #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
        #[serde(untagged)]
        enum Cell {
            Number(f64),
            Text(String),
        }
        let mut frame = Frame::default();
        frame.write(&[Cell::Number(0.5), Cell::Text("a".into())]).unwrap();
        let cells: Vec<Cell> = Payload::new(frame.as_bytes()).read().unwrap();
        assert_eq!(cells, [Cell::Number(0.5), Cell::Text("a".into())]);
    }
}
