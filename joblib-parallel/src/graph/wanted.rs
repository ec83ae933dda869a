//! What a computation is asked for.

use std::sync::Arc;

use joblib_backends::Failure;
use serde::{Serialize, de::DeserializeOwned};

use super::{Node, Value, Vertex};

/// One node, a list of nodes of one type, or a tuple of up to four of these:
/// [`Parallel::compute`](crate::Parallel::compute) gives a result, a `Vec` or a tuple.
pub trait Wanted {
    /// What the nodes are computed to.
    type Results;

    /// Names the nodes.
    #[doc(hidden)]
    fn vertices(&self, visit: &mut dyn FnMut(&Arc<Vertex>));

    /// Takes their results, in the same order.
    #[doc(hidden)]
    fn results(&self, values: &mut dyn Iterator<Item = Value>) -> Result<Self::Results, Failure>;
}

impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> Wanted for &Node<R> {
    type Results = R;

    fn vertices(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        visit(&self.vertex);
    }

    fn results(&self, values: &mut dyn Iterator<Item = Value>) -> Result<R, Failure> {
        values.next().ok_or(Failure::Lost).and_then(Value::take)
    }
}

impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> Wanted for &[Node<R>] {
    type Results = Vec<R>;

    fn vertices(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.iter().for_each(|node| visit(&node.vertex));
    }

    fn results(&self, values: &mut dyn Iterator<Item = Value>) -> Result<Vec<R>, Failure> {
        values.take(self.len()).map(Value::take).collect()
    }
}

impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> Wanted for &Vec<Node<R>> {
    type Results = Vec<R>;

    fn vertices(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.as_slice().vertices(visit);
    }

    fn results(&self, values: &mut dyn Iterator<Item = Value>) -> Result<Vec<R>, Failure> {
        self.as_slice().results(values)
    }
}

macro_rules! tuple {
    ($($W:ident $wanted:ident),*) => {
        impl<$($W: Wanted),*> Wanted for ($($W,)*) {
            type Results = ($($W::Results,)*);

            fn vertices(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
                let ($($wanted,)*) = self;
                $($wanted.vertices(visit);)*
            }

            fn results(
                &self,
                values: &mut dyn Iterator<Item = Value>,
            ) -> Result<Self::Results, Failure> {
                let ($($wanted,)*) = self;
                Ok(($($wanted.results(values)?,)*))
            }
        }
    };
}

tuple!(W1 w1, W2 w2);
tuple!(W1 w1, W2 w2, W3 w3);
tuple!(W1 w1, W2 w2, W3 w3, W4 w4);
