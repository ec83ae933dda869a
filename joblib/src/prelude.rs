//! What most programs need: `use joblib::prelude::*;`.

pub use crate::{
    DumpOptions, LoadOptions, MappedArray, Memory, MmapMode, Parallel, ParallelConfig, Retries,
    Shared, cache, code, cpu_count, delayed, dump, dump_to, effective_n_jobs, fold, load,
    load_from,
};
