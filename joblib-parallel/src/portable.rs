//! Calls of functions that can leave the process.
//!
//! A [`Portable`] task is a wrapper closure around the function, without captures and hence without
//! size, and the arguments. What another process needs in order to make the same call is the
//! wrapper's *type*: it is baked into a trampoline, a plain function whose offset in the executable
//! is the same there.

#![allow(unsafe_code, reason = "the wrapper, which has no size, is made again from its type")]

use std::fmt;
use std::marker::PhantomData;

#[cfg(feature = "processes")]
use joblib_backends::{Failure, Frame, Payload, Target};
use serde::{Serialize, de::DeserializeOwned};

use crate::Task;
use crate::argument::{Argument, Held, Input, Known};
#[cfg(feature = "processes")]
use crate::{Again, Wire};

/// The text of the function in a call of [`delayed!`](macro@crate::delayed), as a type.
pub trait Named: 'static {
    /// The text.
    const NAME: &'static str;
}

/// The call of a function, made by [`delayed!`](macro@crate::delayed). It can leave the process.
///
/// `N` is the function's name, `F` the wrapper, `H` the arguments as the caller holds them, `K`
/// their kinds, `R` the result.
pub struct Portable<N, F, H, K, R> {
    pub(crate) function: F,
    pub(crate) held: H,
    types: PhantomData<Types<N, K, R>>,
}

/// Types that a task knows and holds no value of.
type Types<N, K, R> = fn() -> (N, K, R);

impl<N: Named, F, H, K, R> fmt::Debug for Portable<N, F, H, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portable({})", N::NAME)
    }
}

impl<N, F: Copy, H, K, R> Portable<N, F, H, K, R> {
    /// The wrapper, for the macro to check that it captures nothing.
    #[doc(hidden)]
    pub fn function(&self) -> F {
        self.function
    }
}

/// Takes the wrapper as a function pointer, which only closures without captures become: unlike
/// [`Sizeless`] it is seen by `cargo check`, and its name is part of the compiler's message.
#[doc(hidden)]
pub fn captured_variables_must_be_passed_as_arguments<P>(_: P) {}

/// Proof that a value of `F` may be made from nothing.
///
/// `F` has no size, can be copied, and a value of it exists or existed in a process running this
/// executable: only `Sizeless::of` makes a proof, and it takes a value.
pub(crate) struct Sizeless<F>(PhantomData<fn() -> F>);

impl<F: Copy> Sizeless<F> {
    /// Refuses, when the program is built, wrappers that capture something.
    pub(crate) fn of(_: &F) {
        const {
            assert!(
                size_of::<F>() == 0,
                "`delayed!`: the function captures variables, which cannot travel to another process: \
                 pass them as arguments, `delayed!((|a, b| …)(a, &b))`, or use the closure form \
                 `delayed(|| …)`, which stays in this process"
            );
        }
    }

    /// A value of `F`.
    ///
    /// # Safety
    ///
    /// A value of `F` was made in a process that runs this executable.
    #[cfg(feature = "processes")]
    pub(crate) unsafe fn again() -> F {
        const { assert!(size_of::<F>() == 0) };
        // SAFETY: reading a type without size reads no memory, a dangling pointer is aligned; `F`
        // is inhabited and has no destructor, because the caller vouches for a value of it and
        // `Copy` allows one more.
        unsafe { std::ptr::NonNull::<F>::dangling().read() }
    }
}

/// Checks the fingerprint that came with a call against the types of the trampoline.
#[cfg(feature = "processes")]
pub(crate) fn check(sent: u64, here: u64) -> Result<(), Failure> {
    if sent == here {
        return Ok(());
    }
    let message = "the worker's function has other types: it runs another executable".to_owned();
    Err(Failure::Refused { message })
}

/// A number that differs between types, with high probability; the same in every process that
/// runs this executable.
#[cfg(feature = "processes")]
pub(crate) fn fingerprint<T: 'static>() -> u64 {
    use std::any::TypeId;
    use std::hash::{Hash, Hasher};

    /// Keeps what it is fed: a type id is a digest already.
    struct Take(u64);
    impl Hasher for Take {
        fn write(&mut self, bytes: &[u8]) {
            for chunk in bytes.chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                self.write_u64(u64::from_le_bytes(word));
            }
        }
        fn write_u64(&mut self, word: u64) {
            self.0 = self.0.rotate_left(5) ^ word;
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }

    let mut take = Take(0);
    TypeId::of::<T>().hash(&mut take);
    take.finish()
}

/// One constructor and one impl for each number of arguments.
macro_rules! arity {
    ($new:ident $($K:ident $H:ident $held:ident $slot:ident),*) => {
        /// A task that calls `function` with these arguments.
        #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
        pub fn $new<N, F, R, $($K, $H),*>(
            _: N,
            function: F,
            $($held: Known<$K, $H>),*
        ) -> Portable<N, F, ($($H,)*), ($($K,)*), R>
        where
            N: Named,
            $($K: Argument, $H: Input<$K>,)*
            F: for<'x> Fn($($K::Lent<'x>),*) -> R + Copy + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            Sizeless::of(&function);
            Portable { function, held: ($($held.held,)*), types: PhantomData }
        }

        impl<N, F, R, $($K, $H),*> Task for Portable<N, F, ($($H,)*), ($($K,)*), R>
        where
            N: Named,
            $($K: Argument, $H: Held<$K>,)*
            F: for<'x> Fn($($K::Lent<'x>),*) -> R + Copy + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            type Output = R;

            fn run(self) -> R {
                let ($($held,)*) = self.held;
                (self.function)($($held.lend()),*)
            }

            #[cfg(feature = "processes")]
            fn portable() -> Option<Wire<Self>> {
                fn enter<F, R, $($K),*>(
                    sent: u64,
                    arguments: &mut Payload<'_>,
                    result: &mut Frame,
                ) -> Result<(), Failure>
                where
                    $($K: Argument,)*
                    F: for<'x> Fn($($K::Lent<'x>),*) -> R + Copy + Send + 'static,
                    R: Serialize + 'static,
                {
                    check(sent, fingerprint::<(F, ($($K,)*), R)>())?;
                    // SAFETY: the address of this very instance was taken from a `Portable` that
                    // holds an `F`, in a process that runs the same executable: the backend agrees
                    // that in its handshake, and the fingerprint above checks the instance.
                    let output = unsafe { call::<F, R, $($K),*>(arguments) }?;
                    result.write(&output)
                }

                /// # Safety
                ///
                /// As [`Sizeless::again`].
                unsafe fn call<F, R, $($K),*>(arguments: &mut Payload<'_>) -> Result<R, Failure>
                where
                    $($K: Argument,)*
                    F: for<'x> Fn($($K::Lent<'x>),*) -> R + Copy + Send + 'static,
                {
                    $(let $held = $K::read(arguments)?;)*
                    // SAFETY: the caller vouches for it.
                    let function = unsafe { Sizeless::<F>::again() };
                    $(let mut $slot = None;)*
                    let _ = &arguments;
                    Ok(function($($K::lend($held, &mut $slot)),*))
                }

                Some(Wire {
                    target: Target {
                        call: enter::<F, R, $($K),*>,
                        fingerprint: fingerprint::<(F, ($($K,)*), R)>(),
                        name: N::NAME,
                    },
                    // SAFETY: who has this type had a `Portable` of it, which holds an `F`, in a
                    // process that runs this executable; see `enter` for another one.
                    call: |arguments| unsafe { call::<F, R, $($K),*>(arguments) },
                    write: |output, out| out.write(output),
                    encode: |task, out| {
                        let ($($held,)*) = &task.held;
                        $($held.write(out)?;)*
                        let _ = out;
                        Ok(())
                    },
                    decode: |result| result.read(),
                })
            }

            #[cfg(feature = "processes")]
            fn again() -> Option<Again<Self>> {
                Some(|task| {
                    let ($($held,)*) = &task.held;
                    Ok(Self {
                        function: task.function,
                        held: ($($held.again()?,)*),
                        types: PhantomData,
                    })
                })
            }
        }
    };
}

arity!(portable0);
arity!(portable1 K1 H1 a1 s1);
arity!(portable2 K1 H1 a1 s1, K2 H2 a2 s2);
arity!(portable3 K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3);
arity!(portable4 K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4);
arity!(portable5 K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5);
arity!(portable6 K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5, K6 H6 a6 s6);
arity!(portable7 K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5, K6 H6 a6 s6,
    K7 H7 a7 s7);
arity!(portable8 K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5, K6 H6 a6 s6,
    K7 H7 a7 s7, K8 H8 a8 s8);
