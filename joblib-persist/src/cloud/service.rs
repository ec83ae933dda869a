//! From a URL to the service behind it, set up from the environment.

use std::collections::HashMap;
use std::env;
use std::io;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig,
};
use url::{Position, Url};

use super::fault::fault;

/// A request may take this long as a whole: a gigabyte over a slow line. What stalls is noticed by
/// [`STALL`].
const WHOLE: &str = "6 hours";

/// A service that is silent for this long is taken for gone; a part of 8 MiB has to be sent in it.
const STALL: &str = "60 seconds";

/// Failed requests are repeated this often: after that a cache had better compute.
const RETRIES: usize = 3;

/// The service, and the path in it.
pub(super) fn connect(url: &str) -> io::Result<(Arc<dyn ObjectStore>, Path)> {
    let parsed = Url::parse(url).map_err(|error| invalid(url, &error.to_string()))?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(invalid(
            url,
            "`?` and `#` have no meaning here; in a name, write `%3F`, `%23`",
        ));
    }
    if parsed.scheme() == "memory" {
        let path = Path::from_url_path(parsed.path()).map_err(|e| invalid(url, &e.to_string()))?;
        return Ok((in_memory(parsed.host_str().unwrap_or_default()), path));
    }
    let (scheme, path) =
        ObjectStoreScheme::parse(&parsed).map_err(|error| invalid(url, &error.to_string()))?;
    have_tls();
    let service = build(&scheme, &parsed).map_err(|source| fault("opening", url, source))?;
    Ok((service, path))
}

/// The values of the environment count; what we set is for those that are not there.
macro_rules! with_defaults {
    ($builder:expr, $prefix:literal, $key:path) => {{
        let mut builder = $builder.with_retry(retry());
        for (key, variable, value) in [
            (ClientConfigKey::Timeout, concat!($prefix, "_TIMEOUT"), WHOLE),
            (ClientConfigKey::ReadTimeout, concat!($prefix, "_READ_TIMEOUT"), STALL),
        ] {
            if env::var_os(variable).is_none() {
                builder = builder.with_config($key(key), value);
            }
        }
        builder
    }};
}

fn build(scheme: &ObjectStoreScheme, url: &Url) -> object_store::Result<Arc<dyn ObjectStore>> {
    use object_store::aws::AmazonS3ConfigKey;
    use object_store::azure::AzureConfigKey;
    use object_store::gcp::GoogleConfigKey;

    let text = url.as_str();
    Ok(match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::from_env().with_url(text);
            Arc::new(with_defaults!(builder, "AWS", AmazonS3ConfigKey::Client).build()?)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(text);
            Arc::new(with_defaults!(builder, "GOOGLE", GoogleConfigKey::Client).build()?)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(text);
            Arc::new(with_defaults!(builder, "AZURE", AzureConfigKey::Client).build()?)
        }
        _ => {
            let options = ClientOptions::new()
                .with_allow_http(true)
                .with_config(ClientConfigKey::Timeout, WHOLE)
                .with_config(ClientConfigKey::ReadTimeout, STALL);
            let builder = HttpBuilder::new().with_url(&url[..Position::BeforePath]);
            Arc::new(builder.with_client_options(options).with_retry(retry()).build()?)
        }
    })
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 3.0,
        },
        max_retries: RETRIES,
        retry_timeout: Duration::from_secs(30),
    }
}

/// Chooses who encrypts, unless the program has chosen.
fn have_tls() {
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        // An error says that somebody else was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The objects of `memory://name/…`, which live as long as the process.
fn in_memory(name: &str) -> Arc<dyn ObjectStore> {
    static STORES: Mutex<Option<HashMap<String, Arc<InMemory>>>> = Mutex::new(None);
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let store = stores.get_or_insert_default().entry(name.to_owned()).or_default();
    Arc::clone(store) as _
}

fn invalid(url: &str, problem: &str) -> io::Error {
    let message = format!("`{url}` is no address of an object: {problem}");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
