//! Objects of any class, and the names of classes and functions.

use std::fmt;

use super::arena::{Arena, Making, ObjectItem};
use super::{Items, Kind, Pairs, ValueRef};

/// A class or function by its name. It is never looked up: it stays a name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Global<'a> {
    /// Such as `sklearn.linear_model._logistic`.
    pub module: &'a str,
    /// Such as `LogisticRegression`; with dots for what is inside a class.
    pub name: &'a str,
}

impl Global<'_> {
    /// Whether it is the given name of the given module.
    pub fn is(&self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }
}

impl fmt::Display for Global<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// An object of a class that has no kind of its own, as the calls that make it.
///
/// Python makes it so: call [`callable`](Self::callable), append the [`items`](Self::items), set
/// the [`entries`](Self::entries), and hand [`state`](Self::state) to `__setstate__` or, if there
/// is none, into its attributes. Here nothing of that happens.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    pub(super) arena: &'a Arena,
    pub(crate) item: &'a ObjectItem,
}

impl<'a> Object<'a> {
    fn at(&self, node: super::node::Node) -> ValueRef<'a> {
        ValueRef { arena: self.arena, node }
    }

    /// By which call it is made.
    pub fn making(&self) -> Making {
        self.item.making
    }

    /// The class for [`Making::New`], otherwise the function, or class, that is called.
    pub fn callable(&self) -> ValueRef<'a> {
        self.at(self.item.callable)
    }

    /// The arguments of the call, a tuple in all but odd files.
    pub fn arguments(&self) -> ValueRef<'a> {
        self.at(self.item.arguments)
    }

    /// The keyword arguments of the call, a dict, if it has any.
    pub fn keywords(&self) -> Option<ValueRef<'a>> {
        Some(self.at(self.item.keywords)).filter(|keywords| !keywords.is_none())
    }

    /// What is appended to it; not empty only for lists of a kind.
    pub fn items(&self) -> Items<'a> {
        Items { arena: self.arena, nodes: &self.item.items }
    }

    /// What is set by key; not empty only for dicts of a kind, such as `OrderedDict`.
    pub fn entries(&self) -> Pairs<'a> {
        Pairs { arena: self.arena, nodes: &self.item.entries }
    }

    /// Its state, if it has one: mostly a dict of its attributes.
    pub fn state(&self) -> Option<ValueRef<'a>> {
        self.item.state.map(|node| self.at(node))
    }

    /// The attributes, if the state is a dict, or the pair of dicts that `__slots__` lead to.
    pub fn attributes(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        let dicts = match self.state().map(ValueRef::kind) {
            Some(Kind::Dict(pairs)) => [Some(pairs), None],
            Some(Kind::Tuple(items)) if items.len() == 2 => {
                [0, 1].map(|index| items.get(index).and_then(ValueRef::as_dict))
            }
            _ => [None, None],
        };
        dicts.into_iter().flatten().flatten()
    }

    /// The class by name: the callable, or its first argument where the callable is one of
    /// Python's own helpers that take the class (`copyreg._reconstructor`, `__newobj__`).
    pub fn class(&self) -> Option<Global<'a>> {
        let callable = self.callable().as_global()?;
        let takes_class = callable.module == "copyreg" || callable.module == "copy_reg";
        if !takes_class {
            return Some(callable);
        }
        let first = self.arguments().as_sequence().and_then(|arguments| arguments.get(0));
        Some(first.and_then(ValueRef::as_global).unwrap_or(callable))
    }
}
