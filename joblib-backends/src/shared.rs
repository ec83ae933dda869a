//! Values that many tasks use and that travel once.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A value that travels to each worker process once, however many tasks use it.
///
/// It reads like a reference: `&shared` is accepted where `&T` is. On threads it is nothing but an
/// [`Arc`]. Where tasks leave the process, it is written down once, into memory that the workers
/// share, and each worker reads it when its first task needs it; tasks carry only its place.
/// Arrays of type `MappedArray` (of `joblib-persist`) in it are not even copied there, but looked
/// at in that memory. An engine gets it once, too, and each of its machines keeps it for its tasks. Workers forget it when the last clone in this process is gone. The memory has no name in the file
/// system, so that no crash can leave it behind.
///
/// Anywhere else (in a file, as a key) it is serialized as the value itself.
///
/// ```
/// use joblib_backends::Shared;
///
/// let table = Shared::new(vec![1.0, 2.0, 3.0]);
/// let sum = |values: &Vec<f64>| values.iter().sum::<f64>();
/// assert_eq!(sum(&table), 6.0);
/// ```
pub struct Shared<T>(pub(crate) Arc<Inner<T>>);

pub(crate) struct Inner<T> {
    value: T,
    /// The value as workers read it, once a task has needed that.
    #[cfg(all(feature = "processes", target_os = "linux"))]
    segment: std::sync::OnceLock<Result<crate::processes::Segment, String>>,
    /// The value on engines and on workers that share no memory with us.
    #[cfg(all(feature = "processes", target_os = "linux"))]
    pub(crate) blobs: crate::scatter::Blobs,
}

impl<T> Shared<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Inner {
            value,
            #[cfg(all(feature = "processes", target_os = "linux"))]
            segment: std::sync::OnceLock::new(),
            #[cfg(all(feature = "processes", target_os = "linux"))]
            blobs: crate::scatter::Blobs::default(),
        }))
    }
}

impl<T> Clone for Shared<T> {
    /// Another handle of the same value.
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(feature = "processes")]
mod travel {
    use std::marker::PhantomData;

    use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Shared;
    use crate::codec::is_travelling;

    /// How a travelling value is written: as itself (from a worker, whose memory does not outlive
    /// it), as its place, or, to where no memory is shared, as an id that stands for a place there.
    const VALUE: u8 = 0;
    #[cfg(target_os = "linux")]
    const PLACE: u8 = 1;
    #[cfg(target_os = "linux")]
    const ID: u8 = 2;

    impl<T: Serialize> Serialize for Shared<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if !is_travelling() {
                return T::serialize(self, serializer);
            }
            #[cfg(target_os = "linux")]
            if let Some(parcel) = crate::scatter::Parcel::current() {
                use serde::ser::Error;
                return match parcel.share(self).map_err(S::Error::custom)? {
                    Some(id) => (ID, id).serialize(serializer),
                    None => (VALUE, &**self).serialize(serializer),
                };
            }
            #[cfg(target_os = "linux")]
            if !crate::inside_worker() {
                use serde::ser::Error;
                let place = self.place().map_err(S::Error::custom)?;
                return (PLACE, place).serialize(serializer);
            }
            (VALUE, &**self).serialize(serializer)
        }
    }

    #[cfg(target_os = "linux")]
    impl<T: Serialize> Shared<T> {
        fn place(&self) -> Result<crate::processes::Place, &String> {
            use crate::processes::Segment;
            let segment = self.0.segment.get_or_init(|| Segment::holding(&self.0.value));
            segment.as_ref().map(Segment::place)
        }
    }

    impl<'de, T> Deserialize<'de> for Shared<T>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if is_travelling() {
                deserializer.deserialize_tuple(2, Travelled(PhantomData))
            } else {
                T::deserialize(deserializer).map(Self::new)
            }
        }
    }

    struct Travelled<T>(PhantomData<fn() -> T>);

    impl<'de, T: DeserializeOwned + Send + Sync + 'static> Visitor<'de> for Travelled<T> {
        type Value = Shared<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a shared value or its place")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Shared<T>, A::Error> {
            let missing = || A::Error::invalid_length(0, &"2 parts");
            match parts.next_element()?.ok_or_else(missing)? {
                VALUE => parts.next_element()?.map(Shared::new).ok_or_else(missing),
                #[cfg(target_os = "linux")]
                PLACE => {
                    let place = parts.next_element()?.ok_or_else(missing)?;
                    crate::processes::shared_at(place).map_err(A::Error::custom)
                }
                #[cfg(target_os = "linux")]
                ID => {
                    let id = parts.next_element()?.ok_or_else(missing)?;
                    let place = crate::processes::far::place_of(id).map_err(A::Error::custom)?;
                    crate::processes::shared_at(place).map_err(A::Error::custom)
                }
                kind => Err(A::Error::custom(format!("no shared value is of the kind {kind}"))),
            }
        }
    }
}
