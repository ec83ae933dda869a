//! Engines that run elsewhere: Dask, ipyparallel, Ray, Spark, and any Python executor.
//!
//! ENGINES.md describes how a batch gets there and what happens when something dies.

mod address;
mod answer;
mod bridge;
mod frames;
mod script;
mod writer;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{Backend, Batch, CallId, Capabilities, Error, NJobs, Result, inside_worker};
use address::Address;
pub(crate) use address::schemes;
use bridge::Bridge;

/// A task of an engine costs up to a hundred milliseconds, most of which is waiting: with two batches for
/// each worker, this hides it. joblib 1.5 aims at 0.2 to 2 s.
const BATCH_TIME: Duration = Duration::from_millis(400);

/// Runs batches on a cluster: on the workers of an engine that speaks Python.
///
/// | address | engine | its workers are started by |
/// | --- | --- | --- |
/// | `dask://host:8786`, `tls://host:8786` | Dask | `dask scheduler`, `dask worker` |
/// | `ipyparallel://profile` or `…/client.json` | ipyparallel | `ipcluster start` |
/// | `ray://host:6379` | Ray | `ray start` |
/// | `spark://host:7077`, `spark:local[2]`, `spark:yarn` | Spark | Spark itself |
/// | `python:module:factory` | any `concurrent.futures.Executor` | whatever it does |
///
/// Options follow a question mark: `dask://host:8786?ship=true&retries=0`.
///
/// - `ship=true`: send this program along. Otherwise it must lie at the same path on each machine.
/// - `retries=3`: how often the engine runs a batch again whose worker died (Dask, ipyparallel, Ray,
///   Spark). Tasks thus run *at least* once; those with side effects want 0.
/// - `python=/path`: the interpreter with the engine's package; else `JOBLIB_PYTHON`, else `python3`.
/// - `cores=1`: how many cores a task may use, for parallel loops in it.
/// - `tls_ca_file=…`, `tls_client_cert=…`, `tls_client_key=…`: files for `tls://` (Dask).
/// - `wait_for_workers=10`: seconds to wait for the first worker (Dask, ipyparallel).
/// - Everything else goes to the executor (`python:…?max_workers=2`) or, beginning with `spark.`,
///   into Spark's configuration.
///
/// Arrays of more than 1 MiB, and [`Shared`](crate::Shared) values, travel once, however many tasks use them.
///
/// On each worker, our own process runs the tasks: this executable, started again as it is by the
/// [`Processes`](crate::Processes) backend. A task that crashes costs this process, not the engine's
/// worker. What tasks print comes back with their results.
pub struct Distributed {
    engine: &'static str,
    bridge: Bridge,
}

impl Distributed {
    /// Connects to the engine at `address`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBackend`] and [`Error::BadOption`] for an address that is none;
    /// [`Error::Engine`] if Python, the engine's package, the engine or its workers are not there;
    /// [`Error::InsideWorker`] in a worker.
    pub fn connect(address: &str) -> Result<Self> {
        let address: Address = address.parse()?;
        if inside_worker() {
            return Err(Error::InsideWorker);
        }
        Ok(Self { engine: address.engine.name(), bridge: Bridge::start(&address)? })
    }

    /// The process-wide connection to `address`, made at the first request and then kept.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn shared(address: &str) -> Result<Arc<Self>> {
        static CONNECTIONS: Mutex<BTreeMap<String, Arc<Distributed>>> = Mutex::new(BTreeMap::new());
        // Held while connecting: two calls at once want one connection.
        let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = connections.get(address).filter(|known| known.bridge.is_open()) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(Self::connect(address)?);
        let old = connections.insert(address.to_owned(), Arc::clone(&new));
        drop(connections);
        drop(old);
        Ok(new)
    }
}

impl std::fmt::Debug for Distributed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Distributed").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Backend for Distributed {
    fn name(&self) -> &str {
        self.engine
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kill: self.bridge.can_kill(),
            timeout: true,
            batch_time: Some(BATCH_TIME),
            keeps_results: self.bridge.can_keep(),
            ..Capabilities::default()
        }
    }

    /// As many as asked for, but no more than the engine has now; -1 is all of them.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        let workers = self.bridge.n_jobs();
        Ok(requested.resolve(workers)?.min(workers))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        self.bridge.submit(batch);
    }

    fn help(&self, _call: CallId) -> bool {
        false
    }

    fn abort(&self, call: CallId) {
        self.bridge.abort(call);
    }

    /// What still runs after `grace` is killed where the engine can do that; elsewhere it goes on, and
    /// nobody takes its answers. The engine itself is left as it is.
    fn shutdown(&self, grace: Duration) -> Result<()> {
        self.bridge.shutdown(grace);
        Ok(())
    }
}
