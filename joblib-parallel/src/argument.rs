//! Arguments of a task that can leave the process: by value, or by shared reference.
//!
//! The caller *holds* an argument (`T` or `&T`); in a worker the function is lent one that was
//! rebuilt from its *owned* form. Which kind an argument is, the macro finds out by probing: method
//! resolution looks at [`Probe`] before it looks at what `Probe` dereferences to.

use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};

#[cfg(feature = "processes")]
use joblib_backends::{Failure, Frame, Lent, Payload};
use serde::{Serialize, de::DeserializeOwned};

/// A kind of argument: [`Own`] or [`ByRef`].
pub trait Argument: 'static {
    /// What travelled, as it is kept for the call.
    type Owned;

    /// What the function receives.
    type Lent<'x>;

    /// Lends what travelled; `slot` keeps it alive.
    fn lend<'x>(owned: Self::Owned, slot: &'x mut Option<Self::Owned>) -> Self::Lent<'x>;

    /// Reads what travelled.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if the bytes are something else.
    #[cfg(feature = "processes")]
    fn read(payload: &mut Payload<'_>) -> Result<Self::Owned, Failure>;
}

/// What the caller holds for an argument of kind `K`.
pub trait Held<K: Argument>: Send {
    /// Lends the argument to a call in this process.
    fn lend<'x>(self) -> K::Lent<'x>
    where
        Self: 'x;

    /// Writes the argument down for a call in another one.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if its serializer refuses.
    #[cfg(feature = "processes")]
    fn write(&self, out: &mut Frame) -> Result<(), Failure>;

    /// The same argument for another attempt: a value is written down and read again.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if its serializer refuses.
    #[cfg(feature = "processes")]
    fn again(&self) -> Result<Self, Failure>
    where
        Self: Sized;
}

/// What may stand in a call for an argument of kind `K`: what is held for it, or a node whose result
/// it will be.
pub trait Input<K: Argument> {}

impl<K: Argument, H: Held<K>> Input<K> for H {}

/// An argument by value.
#[derive(Debug)]
pub struct Own<T>(PhantomData<fn() -> T>);

/// An argument by shared reference.
#[derive(Debug)]
pub struct ByRef<T: ?Sized>(PhantomData<fn(&T)>);

/// A type that can be lent from its owned form: any value from itself, `str` from `String`, a
/// `Path` from a `PathBuf`, a slice from a `Vec`.
pub trait Borrowed {
    /// The owned form.
    type Owned: DeserializeOwned + 'static;

    /// The reference the function receives.
    fn borrow(owned: &Self::Owned) -> &Self;
}

impl<T: DeserializeOwned + 'static> Borrowed for T {
    type Owned = T;

    fn borrow(owned: &T) -> &T {
        owned
    }
}

impl Borrowed for str {
    type Owned = String;

    fn borrow(owned: &String) -> &str {
        owned
    }
}

impl Borrowed for Path {
    type Owned = PathBuf;

    fn borrow(owned: &PathBuf) -> &Path {
        owned
    }
}

impl<T: DeserializeOwned + 'static> Borrowed for [T] {
    type Owned = Vec<T>;

    fn borrow(owned: &Vec<T>) -> &[T] {
        owned
    }
}

impl<T: DeserializeOwned + 'static> Argument for Own<T> {
    type Owned = T;
    type Lent<'x> = T;

    fn lend(owned: T, _: &mut Option<T>) -> T {
        owned
    }

    #[cfg(feature = "processes")]
    fn read(payload: &mut Payload<'_>) -> Result<T, Failure> {
        payload.read()
    }
}

impl<T: Borrowed + ?Sized + 'static> Argument for ByRef<T> {
    #[cfg(feature = "processes")]
    type Owned = Lent<T::Owned>;
    #[cfg(not(feature = "processes"))]
    type Owned = T::Owned;
    type Lent<'x> = &'x T;

    fn lend(owned: Self::Owned, slot: &mut Option<Self::Owned>) -> &T {
        T::borrow(slot.insert(owned))
    }

    #[cfg(feature = "processes")]
    fn read(payload: &mut Payload<'_>) -> Result<Self::Owned, Failure> {
        payload.read_borrowed()
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Held<Own<T>> for T {
    fn lend<'x>(self) -> T
    where
        Self: 'x,
    {
        self
    }

    #[cfg(feature = "processes")]
    fn write(&self, out: &mut Frame) -> Result<(), Failure> {
        out.write(self)
    }

    #[cfg(feature = "processes")]
    fn again(&self) -> Result<Self, Failure> {
        let mut frame = Frame::default();
        frame.write(self)?;
        Payload::new(frame.as_bytes()).read()
    }
}

impl<T: Serialize + Borrowed + Sync + ?Sized + 'static> Held<ByRef<T>> for &T {
    fn lend<'x>(self) -> &'x T
    where
        Self: 'x,
    {
        self
    }

    #[cfg(feature = "processes")]
    fn write(&self, out: &mut Frame) -> Result<(), Failure> {
        out.write_borrowed::<T>(self)
    }

    #[cfg(feature = "processes")]
    fn again(&self) -> Result<Self, Failure> {
        Ok(self)
    }
}

/// An argument to be probed.
#[derive(Debug)]
pub struct Probe<H>(pub H);

/// An argument whose kind is known.
#[derive(Debug)]
pub struct Known<K, H> {
    pub(crate) held: H,
    kind: PhantomData<fn() -> K>,
}

impl<K, H> Known<K, H> {
    pub(crate) fn new(held: H) -> Self {
        Self { held, kind: PhantomData }
    }
}

/// A kind as a value.
#[derive(Debug)]
pub struct Kind<K>(PhantomData<fn() -> K>);

impl<K> Kind<K> {
    /// Puts the kind and the argument together.
    pub fn of<H>(self, probe: Probe<H>) -> Known<K, H> {
        Known::new(probe.0)
    }
}

impl<T: Borrowed + ?Sized> Probe<&T> {
    /// A reference to something that can be lent.
    pub fn kind(&self) -> Kind<ByRef<T>> {
        Kind(PhantomData)
    }
}

/// Everything else: reached only if neither `Probe` nor `List` has such a method.
#[derive(Debug)]
pub struct Other<H>(PhantomData<fn() -> H>);

/// References to lists of nodes are found here, because `Probe` itself cannot tell them from
/// references to other lists.
#[derive(Debug)]
pub struct List<H>(PhantomData<fn() -> H>);

impl<H> Deref for Probe<H> {
    type Target = List<H>;

    fn deref(&self) -> &List<H> {
        const { &List(PhantomData) }
    }
}

impl<H> Deref for List<H> {
    type Target = Other<H>;

    fn deref(&self) -> &Other<H> {
        const { &Other(PhantomData) }
    }
}

impl<T> Other<T> {
    /// A value.
    pub fn kind(&self) -> Kind<Own<T>> {
        Kind(PhantomData)
    }
}
