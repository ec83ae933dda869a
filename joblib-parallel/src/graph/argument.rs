//! Nodes as arguments of calls.

use std::marker::PhantomData;
use std::slice::Iter;
use std::sync::Arc;
use std::vec::IntoIter;

use joblib_backends::{Failure, Frame};
use serde::{Serialize, de::DeserializeOwned};

use super::{Node, Value, Vertex, copy, take, typed};
use crate::argument::{Argument, Borrowed, ByRef, Held, Input, Known, List, Own, Probe};

/// An argument of a node's call: something to be computed first, or an ordinary argument, which
/// stays with the node and is copied for each computation.
pub trait Fetch<K: Argument>: Input<K> + Send + Sync + 'static {
    /// What a task would hold in this place.
    type Plain: Held<K>;

    /// What a call keeps while it runs.
    type Fetched;

    /// Names the nodes whose results are needed, in the order in which the other methods take them.
    fn inputs(&self, _visit: &mut dyn FnMut(&Arc<Vertex>)) {}

    /// Gives the nodes away: the call is no longer needed.
    fn release(&mut self, _unused: &mut Vec<Arc<Vertex>>) {}

    /// Takes the results and makes the argument of them.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if a copy is needed and cannot be made.
    fn fetch(&self, results: &mut IntoIter<Value>) -> Result<Self::Fetched, Failure>;

    /// Lends the argument to the function; `slot` keeps it alive.
    fn lend(fetched: Self::Fetched, slot: &mut Option<Self::Fetched>) -> K::Lent<'_>;

    /// Writes the argument down for a call in another process.
    ///
    /// # Errors
    ///
    /// [`Failure::Codec`] if its serializer refuses.
    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure>;
}

impl<K: Argument, H: Held<K> + Sync + 'static> Fetch<K> for H {
    type Plain = H;
    type Fetched = H;

    fn fetch(&self, _: &mut IntoIter<Value>) -> Result<H, Failure> {
        self.again()
    }

    fn lend(fetched: H, _: &mut Option<H>) -> K::Lent<'_> {
        fetched.lend()
    }

    fn write(&self, _: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        Held::write(self, out)
    }
}

/// `&node`: the function borrows the result.
#[derive(Debug)]
pub struct Lend<R>(Option<Node<R>>);

/// `node`: the function gets the result.
#[derive(Debug)]
pub struct Take<R>(Option<Node<R>>);

/// A list of nodes: the function gets, or borrows, a list of results.
#[derive(Debug)]
pub struct Gather<R>(Vec<Node<R>>);

impl<R: Borrowed + 'static> Input<ByRef<R>> for Lend<R> {}
impl<R: DeserializeOwned + 'static> Input<Own<R>> for Take<R> {}
impl<R: DeserializeOwned + 'static> Input<Own<Vec<R>>> for Gather<R> {}
impl<R: DeserializeOwned + 'static> Input<ByRef<[R]>> for Gather<R> {}

/// The next of the results that a call was promised.
fn next<R: Send + Sync + 'static>(value: Option<Value>) -> Result<Arc<R>, Failure> {
    value.ok_or(Failure::Lost).and_then(typed)
}

impl<R> Fetch<ByRef<R>> for Lend<R>
where
    R: Borrowed + Serialize + Send + Sync + 'static,
{
    type Plain = &'static R;
    type Fetched = Arc<R>;

    fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.0.iter().for_each(|node| visit(&node.vertex));
    }

    fn release(&mut self, unused: &mut Vec<Arc<Vertex>>) {
        unused.extend(self.0.take().map(|node| node.vertex));
    }

    fn fetch(&self, results: &mut IntoIter<Value>) -> Result<Arc<R>, Failure> {
        next(results.next())
    }

    fn lend(fetched: Arc<R>, slot: &mut Option<Arc<R>>) -> &R {
        slot.insert(fetched)
    }

    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        let value = next::<R>(results.next().cloned())?;
        // Another result may lie in the same place later: only constants stay for the whole call.
        let stays = self.0.as_ref().is_some_and(|node| node.vertex.call.given().is_some());
        if stays { out.write_borrowed(&*value) } else { out.write(&*value) }
    }
}

impl<R> Fetch<Own<R>> for Take<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Plain = R;
    type Fetched = R;

    fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.0.iter().for_each(|node| visit(&node.vertex));
    }

    fn release(&mut self, unused: &mut Vec<Arc<Vertex>>) {
        unused.extend(self.0.take().map(|node| node.vertex));
    }

    fn fetch(&self, results: &mut IntoIter<Value>) -> Result<R, Failure> {
        results.next().ok_or(Failure::Lost).and_then(take)
    }

    fn lend(fetched: R, _: &mut Option<R>) -> R {
        fetched
    }

    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        out.write(&*next::<R>(results.next().cloned())?)
    }
}

impl<R> Gather<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    fn visit(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.0.iter().for_each(|node| visit(&node.vertex));
    }

    fn drain(&mut self, unused: &mut Vec<Arc<Vertex>>) {
        unused.extend(self.0.drain(..).map(|node| node.vertex));
    }

    fn list(&self, results: &mut IntoIter<Value>) -> Result<Vec<R>, Failure> {
        results.take(self.0.len()).map(take).collect()
    }

    /// A list of references would be written in another way than the list of values.
    fn copies(&self, results: &mut Iter<'_, Value>) -> Result<Vec<R>, Failure> {
        results.take(self.0.len()).map(|value| copy(&*typed::<R>(Arc::clone(value))?)).collect()
    }
}

impl<R> Fetch<Own<Vec<R>>> for Gather<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Plain = Vec<R>;
    type Fetched = Vec<R>;

    fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.visit(visit);
    }

    fn release(&mut self, unused: &mut Vec<Arc<Vertex>>) {
        self.drain(unused);
    }

    fn fetch(&self, results: &mut IntoIter<Value>) -> Result<Vec<R>, Failure> {
        self.list(results)
    }

    fn lend(fetched: Vec<R>, _: &mut Option<Vec<R>>) -> Vec<R> {
        fetched
    }

    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        out.write(&self.copies(results)?)
    }
}

impl<R> Fetch<ByRef<[R]>> for Gather<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Plain = &'static [R];
    type Fetched = Vec<R>;

    fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.visit(visit);
    }

    fn release(&mut self, unused: &mut Vec<Arc<Vertex>>) {
        self.drain(unused);
    }

    fn fetch(&self, results: &mut IntoIter<Value>) -> Result<Vec<R>, Failure> {
        self.list(results)
    }

    fn lend(fetched: Vec<R>, slot: &mut Option<Vec<R>>) -> &[R] {
        slot.insert(fetched)
    }

    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        out.write(self.copies(results)?.as_slice())
    }
}

/// The kind of an argument that is a node, or several.
#[derive(Debug)]
pub struct NodeKind<K>(PhantomData<fn() -> K>);

impl<R: Borrowed> Probe<&Node<R>> {
    /// A result by reference.
    pub fn kind(&self) -> NodeKind<ByRef<R>> {
        NodeKind(PhantomData)
    }
}

impl<R: DeserializeOwned> Probe<Node<R>> {
    /// A result by value.
    pub fn kind(&self) -> NodeKind<Own<R>> {
        NodeKind(PhantomData)
    }
}

impl<R: DeserializeOwned> Probe<Vec<Node<R>>> {
    /// Results by value.
    pub fn kind(&self) -> NodeKind<Own<Vec<R>>> {
        NodeKind(PhantomData)
    }
}

impl<R: DeserializeOwned> List<&Vec<Node<R>>> {
    /// Results by reference.
    pub fn kind(&self) -> NodeKind<ByRef<[R]>> {
        NodeKind(PhantomData)
    }
}

impl<R: DeserializeOwned> Probe<&[Node<R>]> {
    /// Results by reference.
    pub fn kind(&self) -> NodeKind<ByRef<[R]>> {
        NodeKind(PhantomData)
    }
}

/// Something that refers to nodes.
pub trait Refers<K> {
    /// What a call keeps of it.
    type Held;

    /// Keeps it.
    fn hold(self) -> Self::Held;
}

impl<R: Borrowed> Refers<ByRef<R>> for &Node<R> {
    type Held = Lend<R>;

    fn hold(self) -> Lend<R> {
        Lend(Some(self.clone()))
    }
}

impl<R> Refers<Own<R>> for Node<R> {
    type Held = Take<R>;

    fn hold(self) -> Take<R> {
        Take(Some(self))
    }
}

impl<R> Refers<Own<Vec<R>>> for Vec<Node<R>> {
    type Held = Gather<R>;

    fn hold(self) -> Gather<R> {
        Gather(self)
    }
}

impl<R, L: AsRef<[Node<R>]> + ?Sized> Refers<ByRef<[R]>> for &L {
    type Held = Gather<R>;

    fn hold(self) -> Gather<R> {
        Gather(self.as_ref().to_vec())
    }
}

impl<K> NodeKind<K> {
    /// Puts the kind and the argument together.
    pub fn of<N: Refers<K>>(self, probe: Probe<N>) -> Known<K, N::Held> {
        Known::new(probe.0.hold())
    }
}
