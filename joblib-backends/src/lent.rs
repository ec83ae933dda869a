//! Values that tasks have a reference to.

use std::ops::Deref;
use std::rc::Rc;

/// A value that a task is lent; from [`Payload::read_borrowed`](crate::Payload::read_borrowed).
#[derive(Debug)]
pub struct Lent<T>(Form<T>);

#[derive(Debug)]
enum Form<T> {
    Own(T),
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only workers keep values"))]
    Kept(Rc<T>),
}

impl<T> Lent<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Form::Own(value))
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn kept(value: Rc<T>) -> Self {
        Self(Form::Kept(value))
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Form::Own(value) => value,
            Form::Kept(value) => value,
        }
    }
}
