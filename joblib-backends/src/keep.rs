//! Results that stay where they were made.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::{Frame, Payload};

/// What becomes of a result, where a backend [can keep it](crate::Capabilities::keeps_results).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Keep {
    /// It comes with the answer, and is gone from where it was made.
    #[default]
    No,
    /// It stays, and the answer has a [`Kept`] in its place.
    Yes,
    /// Both.
    AndSend,
}

/// A result that a backend keeps for batches to come: whatever the backend needs to find it again. It
/// is let go with the last clone.
#[derive(Clone)]
pub struct Kept(Arc<dyn Any + Send + Sync>);

impl Kept {
    /// With what the backend needs; when that is dropped, nobody needs the result any more.
    pub fn new(handle: impl Any + Send + Sync) -> Self {
        Self(Arc::new(handle))
    }

    /// What it was made with, if that was a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl Frame {
    /// Appends a result that the backend keeps: whoever ships the frame puts its bytes here, as they
    /// came out of the call that made it.
    pub fn write_kept(&mut self, kept: &Kept) {
        self.gaps.push((self.bytes.len(), kept.clone()));
    }

    /// Which results belong where between the [bytes](Self::as_bytes), from the first place to the last.
    pub fn gaps(&self) -> &[(usize, Kept)] {
        &self.gaps
    }
}

impl Payload<'_> {
    /// The same for a result that the backend keeps, whether its bytes are there or not.
    #[must_use]
    pub fn with_kept(self, kept: Kept) -> Self {
        Self { kept: Some(kept), ..self }
    }

    /// The result as the backend keeps it.
    pub fn take_kept(&mut self) -> Option<Kept> {
        self.kept.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_where_it_was_written_and_gone_when_the_frame_is_cleared() {
        let handle = Arc::new(7_u32);
        let kept = Kept::new(Arc::clone(&handle));
        let mut frame = Frame { bytes: vec![1, 2], ..Frame::default() };
        frame.write_kept(&kept);
        frame.bytes.push(3);
        frame.write_kept(&kept);
        let places: Vec<_> = frame.gaps().iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [2, 3]);
        assert_eq!(frame.gaps()[0].1.downcast_ref::<Arc<u32>>(), Some(&handle));
        frame.clear();
        assert!(frame.gaps().is_empty() && frame.as_bytes().is_empty());
        let mut payload = Payload::new(&[]).with_kept(kept);
        assert!(payload.take_kept().is_some() && payload.take_kept().is_none());
        drop(payload);
        assert_eq!(Arc::strong_count(&handle), 1, "it is let go");
    }
}
