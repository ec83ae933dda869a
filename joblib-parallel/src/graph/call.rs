//! What a node does, without the types of its function.

#![expect(
    private_interfaces,
    reason = "nobody outside can name the trait: it is in a private module"
)]

use std::fmt;
use std::sync::Arc;

use joblib_backends::{Failure, Frame, Payload, Target};
use serde::{Serialize, de::DeserializeOwned};

use super::argument::Elsewhere;
use super::{Fetch, Node, Value, Vertex};
use crate::Task;
use crate::argument::Argument;
use crate::portable::{Named, Portable};
use crate::trace::{self, Span};

/// The call of a node. Its inputs are the results of other nodes.
pub trait Call: Send + Sync {
    /// The function, for messages.
    fn name(&self) -> &'static str;

    /// The result, if it is there without a call.
    fn given(&self) -> Option<Value> {
        None
    }

    /// Names the nodes whose results it needs, one for each use.
    fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>));

    /// Gives these nodes away: the call is no longer needed.
    fn release(&mut self, unused: &mut Vec<Arc<Vertex>>);

    /// Makes the call here. A panic passes through.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if an argument cannot be copied.
    fn run(&self, inputs: Vec<Value>) -> Result<Value, Failure>;

    /// The function to be called in another process, which takes the time if `traced`.
    fn target(&self, traced: bool) -> Option<Target>;

    /// Appends the arguments.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if one cannot be written down.
    fn encode(&self, inputs: &[Value], out: &mut Frame) -> Result<(), Failure>;

    /// Reads what the [`target`](Self::target) wrote.
    fn decode(&self, result: Payload<'_>, traced: bool) -> (Result<Value, Failure>, Option<Span>);
}

impl fmt::Debug for dyn Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A result without a call.
pub(super) struct Constant(Value);

impl Constant {
    pub(super) fn new<R: Send + Sync + 'static>(value: R) -> Self {
        Self(Value::new(value))
    }
}

impl Call for Constant {
    fn name(&self) -> &'static str {
        "value"
    }

    fn given(&self) -> Option<Value> {
        Some(self.0.clone())
    }

    fn inputs(&self, _: &mut dyn FnMut(&Arc<Vertex>)) {}

    fn release(&mut self, _: &mut Vec<Arc<Vertex>>) {}

    fn run(&self, _: Vec<Value>) -> Result<Value, Failure> {
        self.given().ok_or(Failure::Lost)
    }

    fn target(&self, _: bool) -> Option<Target> {
        None
    }

    fn encode(&self, _: &[Value], _: &mut Frame) -> Result<(), Failure> {
        Err(Failure::Lost)
    }

    fn decode(&self, _: Payload<'_>, _: bool) -> (Result<Value, Failure>, Option<Span>) {
        (Err(Failure::Lost), None)
    }
}

impl<N, F, H, K, R> Portable<N, F, H, K, R>
where
    Self: Call + 'static,
{
    /// Makes a node of the call, to be run by [`Parallel::compute`](crate::Parallel::compute): alone,
    /// or because another node has it among its arguments. Arguments that are no nodes must own their
    /// data, and so must the result, which several calls may borrow at once.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let four = delayed!(u64::pow(2, 2)).node();
    /// let product = delayed!((|a: &u64, b: &u64| a * b)(&four, &four)).node();
    /// assert_eq!(Parallel::new().n_jobs(2).compute(&product)?, 16);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn node(self) -> Node<R> {
        Node::new(self)
    }
}

/// What is held for each argument of a call that another process makes.
macro_rules! elsewhere {
    ($K:ident) => {
        Elsewhere
    };
}

/// One impl for each number of arguments.
macro_rules! arity {
    ($($K:ident $H:ident $held:ident $slot:ident),*) => {
        impl<N, F, R, $($K, $H),*> Call for Portable<N, F, ($($H,)*), ($($K,)*), R>
        where
            N: Named,
            $($K: Argument, $H: Fetch<$K>,)*
            F: for<'x> Fn($($K::Lent<'x>),*) -> R + Copy + Send + Sync + 'static,
            R: Serialize + DeserializeOwned + Send + Sync + 'static,
        {
            fn name(&self) -> &'static str {
                N::NAME
            }

            fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
                let ($($held,)*) = &self.held;
                $($held.inputs(visit);)*
                let _ = visit;
            }

            fn release(&mut self, unused: &mut Vec<Arc<Vertex>>) {
                let ($($held,)*) = &mut self.held;
                $($held.release(unused);)*
                let _ = unused;
            }

            fn run(&self, inputs: Vec<Value>) -> Result<Value, Failure> {
                let mut inputs = inputs.into_iter();
                let ($($held,)*) = &self.held;
                $(let $held = $held.fetch(&mut inputs)?;)*
                let _ = &mut inputs;
                $(let mut $slot = None;)*
                Ok(Value::new((self.function)($($H::lend($held, &mut $slot)),*)))
            }

            fn target(&self, traced: bool) -> Option<Target> {
                type There<N, F, R, $($K, $H),*> =
                    Portable<N, F, ($(elsewhere!($K),)*), ($(<$H as Fetch<$K>>::Kind,)*), R>;
                if traced {
                    trace::wire::target::<There<N, F, R, $($K, $H),*>>()
                } else {
                    Some(There::<N, F, R, $($K, $H),*>::portable()?.target)
                }
            }

            fn encode(&self, inputs: &[Value], out: &mut Frame) -> Result<(), Failure> {
                let mut inputs = inputs.iter();
                let ($($held,)*) = &self.held;
                $(Fetch::<$K>::write($held, &mut inputs, out)?;)*
                let _ = (&mut inputs, out);
                Ok(())
            }

            fn decode(
                &self,
                mut result: Payload<'_>,
                traced: bool,
            ) -> (Result<Value, Failure>, Option<Span>) {
                type There<N, F, R, $($K, $H),*> =
                    Portable<N, F, ($(elsewhere!($K),)*), ($(<$H as Fetch<$K>>::Kind,)*), R>;
                if let Some(kept) = result.take_kept() {
                    if result.as_bytes().is_empty() {
                        return (Ok(Value::Away(kept)), None);
                    }
                    let value = result.read::<R>();
                    return (value.map(|value| Value::Both(Arc::new(value), kept)), None);
                }
                let (output, span) = if traced {
                    trace::wire::read::<There<N, F, R, $($K, $H),*>>(&mut result)
                } else {
                    (result.read::<R>(), None)
                };
                (output.map(Value::new), span)
            }
        }
    };
}

arity!();
arity!(K1 H1 a1 s1);
arity!(K1 H1 a1 s1, K2 H2 a2 s2);
arity!(K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3);
arity!(K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4);
arity!(K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5);
arity!(K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5, K6 H6 a6 s6);
arity!(K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5, K6 H6 a6 s6, K7 H7 a7 s7);
arity!(K1 H1 a1 s1, K2 H2 a2 s2, K3 H3 a3 s3, K4 H4 a4 s4, K5 H5 a5 s5, K6 H6 a6 s6, K7 H7 a7 s7,
    K8 H8 a8 s8);
