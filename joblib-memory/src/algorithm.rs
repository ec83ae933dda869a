//! How arguments become digests.

/// How arguments become a [`Digest`](crate::Digest), from
/// [`MemoryBuilder::digest`](crate::MemoryBuilder::digest).
///
/// Results of both may lie in one store and are kept apart by the lengths of their names: a memory
/// finds those of its own algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// 128 bits of xxh3, the default: as fast as memory is read. Two values share a digest by
    /// accident once in 2⁶⁴ or so, but whoever chooses the values can have it happen.
    #[default]
    Xxh3,
    /// 256 bits of BLAKE3, which nobody can have collide, at about a gigabyte per second and half a
    /// microsecond more for small arguments (feature `blake3`).
    ///
    /// For functions whose arguments come from strangers: requests to a server, files that were
    /// uploaded. With xxh3 one of them could make two arguments of one digest, ask with the first,
    /// and have somebody who asks with the second be given the result of the first.
    #[cfg(feature = "blake3")]
    Blake3,
}

impl Algorithm {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: &[Self] = &[
        Self::Xxh3,
        #[cfg(feature = "blake3")]
        Self::Blake3,
    ];
}
