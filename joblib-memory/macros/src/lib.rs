//! The `#[cache]` attribute of joblib-memory.
