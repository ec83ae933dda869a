//! Backends by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{Backend, Error, NJobs, Result, Sequential, WorkerOptions};

/// Makes a backend, or hands out a shared one: from the text the user chose it by (a name, or an
/// address such as `dask://host:8786`), the number of workers asked for, and what they shall be like.
type Factory = Arc<dyn Fn(&str, NJobs, &WorkerOptions) -> Result<Arc<dyn Backend>> + Send + Sync>;

/// Other names under which Python's users know our backends.
const ALIASES: &[(&str, &str)] =
    &[("loky", "processes"), ("multiprocessing", "processes"), ("threading", "threads")];

/// The backend called `name`: `"sequential"`, `"threads"`, `"processes"`, or one that was
/// [registered](register_backend). Python's names (`"threading"`, `"loky"`, `"multiprocessing"`)
/// are understood. Of an address such as `dask://host:8786` or `launch:ssh host` the part
/// before the first colon is the name.
///
/// Pools are shared: asking twice for the same name and number gives the same, warm workers.
///
/// # Errors
///
/// [`Error::UnknownBackend`] if nothing is registered under that name, [`Error::ZeroJobs`] for
/// zero workers, and whatever hinders the backend to start.
///
/// ```
/// # #[cfg(feature = "threads")] {
/// use joblib_backends::{NJobs, backend_by_name};
///
/// let threads = backend_by_name("threading", NJobs::from(2))?;
/// assert_eq!(threads.name(), "threads");
/// # }
/// # Ok::<(), joblib_backends::Error>(())
/// ```
pub fn backend_by_name(name: &str, n_jobs: NJobs) -> Result<Arc<dyn Backend>> {
    backend_by_name_with(name, n_jobs, &WorkerOptions::default())
}

/// The same, with workers as `options` say. Of our own backends only `"processes"` and `"launch"` heed them, and one
/// that was registered does not see them.
///
/// # Errors
///
/// As [`backend_by_name`].
pub fn backend_by_name_with(
    name: &str,
    n_jobs: NJobs,
    options: &WorkerOptions,
) -> Result<Arc<dyn Backend>> {
    let scheme = name.split_once([':', '?']).map_or(name, |(scheme, _)| scheme);
    let canonical = ALIASES
        .iter()
        .find(|(alias, _)| *alias == scheme)
        .map_or(scheme, |(_, canonical)| canonical);
    let factory = factories().get(canonical).cloned();
    match factory {
        Some(factory) => factory(name, n_jobs, options),
        None => Err(Error::UnknownBackend { name: name.to_owned(), known: backend_names() }),
    }
}

/// Makes `factory` known as `name`, in the place of whatever had that name.
pub fn register_backend(
    name: impl Into<String>,
    factory: impl Fn(&str, NJobs) -> Result<Arc<dyn Backend>> + Send + Sync + 'static,
) {
    let factory: Factory = Arc::new(move |address, n_jobs, _| factory(address, n_jobs));
    factories().insert(name.into(), factory);
}

/// Every name a backend is registered under, sorted; without the aliases.
pub fn backend_names() -> Vec<String> {
    factories().keys().cloned().collect()
}

fn factories() -> MutexGuard<'static, BTreeMap<String, Factory>> {
    static FACTORIES: OnceLock<Mutex<BTreeMap<String, Factory>>> = OnceLock::new();
    FACTORIES.get_or_init(|| Mutex::new(builtin())).lock().unwrap_or_else(PoisonError::into_inner)
}

fn builtin() -> BTreeMap<String, Factory> {
    let mut known: BTreeMap<String, Factory> = BTreeMap::new();
    known.insert("sequential".into(), Arc::new(sequential));
    #[cfg(all(feature = "distributed", target_os = "linux"))]
    for scheme in crate::distributed::schemes() {
        known.insert(scheme.into(), Arc::new(distributed));
    }
    #[cfg(all(feature = "processes", target_os = "linux"))]
    known.insert("launch".into(), Arc::new(launch));
    #[cfg(feature = "processes")]
    known.insert("processes".into(), Arc::new(processes));
    #[cfg(feature = "threads")]
    known.insert("threads".into(), Arc::new(threads));
    known
}

fn sequential(_: &str, n_jobs: NJobs, _: &WorkerOptions) -> Result<Arc<dyn Backend>> {
    Sequential.effective_n_jobs(n_jobs)?;
    Ok(Arc::new(Sequential))
}

#[cfg(all(feature = "distributed", target_os = "linux"))]
fn distributed(address: &str, n_jobs: NJobs, _: &WorkerOptions) -> Result<Arc<dyn Backend>> {
    // Zero is refused before anything is started.
    n_jobs.resolve(crate::cpu_count())?;
    Ok(crate::Distributed::shared(address)?)
}

#[cfg(feature = "threads")]
fn threads(_: &str, n_jobs: NJobs, _: &WorkerOptions) -> Result<Arc<dyn Backend>> {
    Ok(crate::Threads::shared(n_jobs.resolve(crate::cpu_count())?)?)
}

#[cfg(all(feature = "processes", target_os = "linux"))]
fn processes(_: &str, n_jobs: NJobs, options: &WorkerOptions) -> Result<Arc<dyn Backend>> {
    Ok(crate::Processes::shared_with(n_jobs.resolve(crate::cpu_count())?, options)?)
}

/// `launch:` and the words in front of our executable.
#[cfg(all(feature = "processes", target_os = "linux"))]
fn launch(address: &str, n_jobs: NJobs, options: &WorkerOptions) -> Result<Arc<dyn Backend>> {
    // Zero is refused before anything is started.
    n_jobs.resolve(crate::cpu_count())?;
    let words = address.split_once(':').map_or("", |(_, words)| words);
    Ok(crate::Launched::shared_with(n_jobs, &words.parse()?, options)?)
}

#[cfg(all(feature = "processes", not(target_os = "linux")))]
fn processes(_: &str, n_jobs: NJobs, _: &WorkerOptions) -> Result<Arc<dyn Backend>> {
    n_jobs.resolve(crate::cpu_count())?;
    Err(Error::Unsupported { backend: "processes", reason: "it needs Linux; use `threads`" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let error = backend_by_name("lokky", NJobs::from(1)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("no backend named `lokky` (known: "), "{text}");
        assert!(text.contains("sequential"), "{text}");
    }

    #[test]
    fn zero_workers_are_refused() {
        for name in builtin().into_keys() {
            let error = backend_by_name(&name, NJobs::from(0)).unwrap_err();
            assert!(matches!(error, Error::ZeroJobs), "{name}: {error}");
        }
    }

    #[test]
    fn the_factory_sees_the_whole_address() {
        register_backend("elsewhere", |address, n_jobs| {
            assert_eq!(address, "elsewhere://host:1");
            sequential(address, n_jobs, &WorkerOptions::default())
        });
        assert!(backend_by_name("elsewhere://host:1", NJobs::from(1)).is_ok());
    }

    #[cfg(feature = "threads")]
    #[test]
    fn pools_are_shared_by_number_until_shut_down() {
        use std::time::Duration;

        let pool = |name| backend_by_name(name, NJobs::from(3)).unwrap();
        let first = pool("threads");
        assert!(Arc::ptr_eq(&first, &pool("threading")));
        first.shutdown(Duration::ZERO).unwrap();
        assert!(!Arc::ptr_eq(&first, &pool("threads")));
    }
}
