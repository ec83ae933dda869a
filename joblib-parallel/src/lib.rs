//! The simplest parallel loop.
