//! The nodes that a computation needs, arguments before the calls that use them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Vertex;

/// All nodes of a computation.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) steps: Vec<Step>,
    /// The steps whose results are wanted, as they were asked for.
    pub(super) wanted: Vec<u32>,
    places: HashMap<*const Vertex, u32>,
}

/// One node. Steps are named by their places.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) vertex: Arc<Vertex>,
    /// Whose results it needs, one for each use.
    pub(super) inputs: Vec<u32>,
    /// Who needs its result, once for each use.
    pub(super) users: Vec<u32>,
    /// How often the caller wants its result.
    pub(super) wanted: u32,
}

/// A node on the way from a wanted one to those that need nothing.
struct Visit {
    vertex: Arc<Vertex>,
    /// Its arguments that were not looked at yet, the last one first.
    left: Vec<Arc<Vertex>>,
    inputs: Vec<u32>,
}

impl Visit {
    fn new(vertex: &Arc<Vertex>) -> Self {
        let mut left = Vec::new();
        vertex.call.inputs(&mut |input| left.push(Arc::clone(input)));
        left.reverse();
        Self { vertex: Arc::clone(vertex), inputs: Vec::with_capacity(left.len()), left }
    }
}

impl Order {
    /// Takes in a node that is wanted, and all it needs.
    pub(super) fn want(&mut self, vertex: &Arc<Vertex>) {
        let place = self.place(vertex);
        self.wanted.push(place);
        self.steps[place as usize].wanted += 1;
    }

    fn place(&mut self, vertex: &Arc<Vertex>) -> u32 {
        if let Some(place) = self.places.get(&Arc::as_ptr(vertex)) {
            return *place;
        }
        // A path instead of recursion: chains may be long.
        let mut path = Vec::new();
        let mut visit = Visit::new(vertex);
        loop {
            if let Some(input) = visit.left.pop() {
                match self.places.get(&Arc::as_ptr(&input)) {
                    Some(place) => visit.inputs.push(*place),
                    None => path.push(std::mem::replace(&mut visit, Visit::new(&input))),
                }
                continue;
            }
            let place = self.append(visit);
            match path.pop() {
                Some(user) => visit = user,
                None => return place,
            }
            visit.inputs.push(place);
        }
    }

    fn append(&mut self, Visit { vertex, inputs, .. }: Visit) -> u32 {
        let place = self.steps.len() as u32;
        for input in &inputs {
            self.steps[*input as usize].users.push(place);
        }
        self.places.insert(Arc::as_ptr(&vertex), place);
        self.steps.push(Step { vertex, inputs, users: Vec::new(), wanted: 0 });
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;
    use crate::delayed;

    fn add(a: &u32, b: &u32) -> u32 {
        a + b
    }

    #[test]
    fn arguments_come_first_and_what_is_shared_comes_once() {
        let one = Node::value(1);
        let two = delayed!(add(&one, &one)).node();
        let three = delayed!(add(&two, &one)).node();
        let mut order = Order::default();
        order.want(&three.vertex);
        order.want(&two.vertex);
        let inputs: Vec<_> = order.steps.iter().map(|step| &step.inputs[..]).collect();
        assert_eq!(inputs, [&[][..], &[0, 0], &[1, 0]]);
        let users: Vec<_> = order.steps.iter().map(|step| &step.users[..]).collect();
        assert_eq!(users, [&[1, 1, 2][..], &[2], &[]]);
        assert_eq!(order.wanted, [2, 1]);
    }
}
