//! Calls whose arguments are results of other calls.
//!
//! A [`Node`] is a description: nothing runs until [`Parallel::compute`](crate::Parallel::compute). It
//! puts all nodes that are needed in an order (`order`), and runs each as soon as its arguments are
//! there (`state`): on workers that share our memory by loops that take one node after the other
//! (`runner`), elsewhere in batches of calls of one function (`shipment`). A backend that can keeps
//! results where they were made: what is here then only stands for them (`value`), and the engine
//! brings each to the calls that need it.

mod argument;
mod call;
mod compute;
mod order;
mod runner;
mod shipment;
mod state;
mod value;
mod wanted;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use argument::Fetch;
pub(crate) use call::Call;
pub(crate) use compute::compute;
pub(crate) use value::Value;
pub use wanted::Wanted;

use call::Constant;

/// A call that has not been made yet, and whose result may be an argument of other calls.
///
/// Made from a call by [`Portable::node`](crate::Portable::node), or from a value by
/// [`Node::value`]; computed by [`Parallel::compute`](crate::Parallel::compute). A clone is the same
/// node: it is computed once, however many calls use it.
///
/// As an argument of [`delayed!`](macro@crate::delayed), `&node` becomes `&R` for the function, and
/// `node` becomes `R`: the last call to need a result gets it, earlier ones get a copy. Lists of nodes
/// become lists of results: `Vec<Node<R>>` a `Vec<R>`, and `&Vec<Node<R>>` a `&[R]`. A call with
/// nodes among its arguments is no [`Task`](crate::Task): only `compute` runs it.
///
/// ```
/// use joblib_parallel::{Node, Parallel, delayed};
///
/// fn load(n: u32) -> Vec<f64> {
///     (0..n).map(f64::from).collect()
/// }
///
/// fn power_sum(values: &[f64], exponent: i32) -> f64 {
///     values.iter().map(|value| value.powi(exponent)).sum()
/// }
///
/// let values = delayed!(load(4)).node();
/// let sums: Vec<Node<f64>> = (1..4).map(|n| delayed!(power_sum(&values, n)).node()).collect();
/// let largest = delayed!((|sums: &[f64]| sums.iter().copied().fold(0.0, f64::max))(&sums)).node();
///
/// // `load` runs once, the three sums on two workers.
/// assert_eq!(Parallel::new().n_jobs(2).compute(&largest)?, 36.0);
/// assert_eq!(Parallel::new().compute(&sums)?, [6.0, 14.0, 36.0]);
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
pub struct Node<R> {
    vertex: Arc<Vertex>,
    result: PhantomData<fn() -> R>,
}

/// A node without the type of its result.
#[derive(Debug)]
pub struct Vertex {
    call: Box<dyn Call>,
}

impl<R> Node<R> {
    pub(crate) fn new(call: impl Call + 'static) -> Self {
        Self { vertex: Arc::new(Vertex { call: Box::new(call) }), result: PhantomData }
    }
}

impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> Node<R> {
    /// A node whose result is there already: data that many calls use. To workers without shared
    /// memory, a large array in it travels once.
    ///
    /// ```
    /// use joblib_parallel::{Node, Parallel, delayed};
    ///
    /// let words = Node::value(vec!["one".to_owned(), "three".to_owned()]);
    /// let length = delayed!((|words: &Vec<String>| words.concat().len())(&words)).node();
    /// assert_eq!(Parallel::new().compute(&length)?, 8);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn value(value: R) -> Self {
        Self::new(Constant::new(value))
    }
}

impl<R> Clone for Node<R> {
    fn clone(&self) -> Self {
        Self { vertex: Arc::clone(&self.vertex), result: PhantomData }
    }
}

impl<R> fmt::Debug for Node<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.vertex.call.name())
    }
}

impl Drop for Vertex {
    /// Chains of nodes may be long: dropping one inside the other would overflow the stack.
    fn drop(&mut self) {
        let mut unused = Vec::new();
        self.call.release(&mut unused);
        while let Some(vertex) = unused.pop() {
            if let Some(mut vertex) = Arc::into_inner(vertex) {
                vertex.call.release(&mut unused);
            }
        }
    }
}
