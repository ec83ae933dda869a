//! Nodes as arguments of calls.

use std::marker::PhantomData;
use std::slice::Iter;
use std::sync::Arc;
use std::vec::IntoIter;

use joblib_backends::{Failure, Frame, Payload};
use serde::{Serialize, de::DeserializeOwned};

use super::{Node, Value, Vertex};
use crate::argument::{Argument, Borrowed, ByRef, Held, Input, Known, List, Own, Probe};

/// An argument of a node's call: something to be computed first, or an ordinary argument, which
/// stays with the node and is copied for each computation.
pub trait Fetch<K: Argument>: Input<K> + Send + Sync + 'static {
    /// As which kind it travels.
    type Kind: for<'x> Argument<Lent<'x> = K::Lent<'x>>;

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
    type Kind = K;
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
    value.ok_or(Failure::Lost).and_then(Value::typed)
}

/// Writes the next of the results that a call was promised, or notes that it is where the call goes.
fn write<R>(results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure>
where
    R: Serialize + Send + Sync + 'static,
{
    let value = results.next().ok_or(Failure::Lost)?;
    match value.kept() {
        Some(kept) => out.write_kept(kept),
        None => out.write(&*value.clone().typed::<R>()?)?,
    }
    Ok(())
}

impl<R> Fetch<ByRef<R>> for Lend<R>
where
    R: Borrowed + Serialize + Send + Sync + 'static,
{
    type Kind = ByRef<R>;
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
        // Another result may lie in the same place later: only constants stay for the whole call.
        let stays = self.0.as_ref().is_some_and(|node| node.vertex.call.given().is_some());
        if stays {
            return out.write_borrowed(&*next::<R>(results.next().cloned())?);
        }
        write::<R>(results, out)
    }
}

impl<R> Fetch<Own<R>> for Take<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Kind = Own<R>;
    type Fetched = R;

    fn inputs(&self, visit: &mut dyn FnMut(&Arc<Vertex>)) {
        self.0.iter().for_each(|node| visit(&node.vertex));
    }

    fn release(&mut self, unused: &mut Vec<Arc<Vertex>>) {
        unused.extend(self.0.take().map(|node| node.vertex));
    }

    fn fetch(&self, results: &mut IntoIter<Value>) -> Result<R, Failure> {
        results.next().ok_or(Failure::Lost).and_then(Value::take)
    }

    fn lend(fetched: R, _: &mut Option<R>) -> R {
        fetched
    }

    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        write::<R>(results, out)
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
        results.take(self.0.len()).map(Value::take).collect()
    }

    fn write(&self, results: &mut Iter<'_, Value>, out: &mut Frame) -> Result<(), Failure> {
        out.write(&(self.0.len() as u64))?;
        self.0.iter().try_for_each(|_| write::<R>(results, out))
    }
}

impl<R> Fetch<Own<Vec<R>>> for Gather<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Kind = Apart<Own<Vec<R>>>;
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
        self.write(results, out)
    }
}

impl<R> Fetch<ByRef<[R]>> for Gather<R>
where
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Kind = Apart<ByRef<[R]>>;
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
        self.write(results, out)
    }
}

/// A list whose elements travel one by one, because each is the result of a call.
#[derive(Debug)]
pub struct Apart<K>(PhantomData<fn() -> K>);

fn read_apart<R: DeserializeOwned>(payload: &mut Payload<'_>) -> Result<Vec<R>, Failure> {
    let len: u64 = payload.read()?;
    (0..len).map(|_| payload.read()).collect()
}

impl<R: DeserializeOwned + 'static> Argument for Apart<Own<Vec<R>>> {
    type Owned = Vec<R>;
    type Lent<'x> = Vec<R>;

    fn lend(owned: Vec<R>, _: &mut Option<Vec<R>>) -> Vec<R> {
        owned
    }

    fn read(payload: &mut Payload<'_>) -> Result<Vec<R>, Failure> {
        read_apart(payload)
    }
}

impl<R: DeserializeOwned + 'static> Argument for Apart<ByRef<[R]>> {
    type Owned = Vec<R>;
    type Lent<'x> = &'x [R];

    fn lend(owned: Vec<R>, slot: &mut Option<Vec<R>>) -> &[R] {
        slot.insert(owned)
    }

    fn read(payload: &mut Payload<'_>) -> Result<Vec<R>, Failure> {
        read_apart(payload)
    }
}

/// An argument that is nowhere here: a call that another process makes is only named here.
#[derive(Debug)]
pub(super) enum Elsewhere {}

impl<K: Argument> Held<K> for Elsewhere {
    fn lend<'x>(self) -> K::Lent<'x> {
        match self {}
    }

    fn write(&self, _: &mut Frame) -> Result<(), Failure> {
        match *self {}
    }

    fn again(&self) -> Result<Self, Failure> {
        match *self {}
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
