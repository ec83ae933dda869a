//! Objects in the stores of clouds, read and written by callers that block (feature `cloud`).
//!
//! [`dump`](crate::dump) and [`load`](crate::load) take URLs where they take paths:
//!
//! ```
//! use joblib_persist::{dump, load};
//!
//! let url = "memory://docs/model.jbl.gz"; // or "s3://bucket/model.jbl.gz"
//! dump(&vec![0.5; 1000], url)?;
//! assert_eq!(load::<Vec<f64>>(url)?.len(), 1000);
//! # Ok::<(), joblib_persist::Error>(())
//! ```
//!
//! | URL | service | from the environment |
//! | --- | --- | --- |
//! | `s3://bucket/key` | Amazon S3 and what speaks its protocol | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`; roles of machines and containers |
//! | `gs://bucket/key` | Google Cloud Storage | `GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_APPLICATION_CREDENTIALS` |
//! | `az://container/key` | Azure Blob Storage | `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_KEY`, `AZURE_STORAGE_USE_EMULATOR` |
//! | `http://…`, `https://…` | any web server to read from, WebDAV to write up to 8 MiB and list | |
//! | `memory://name/key` | the memory of this process, for tests | |
//!
//! `%` and two digits stand for a byte in a URL; `?` and `#` have to be written so. Files of
//! profiles, such as `~/.aws/credentials`, are not read.
//!
//! All requests are made by one thread of their own, started by the first. So the functions can be
//! called anywhere, also inside an asynchronous runtime, where they block the calling thread as
//! file functions do. A failed request is repeated up to three times; a service that is silent for
//! a minute is an error.
//!
//! Values travel in pieces: at most about 32 MiB are held beyond the value itself, whatever its
//! size. An object appears when it is complete, or not at all.

mod bucket;
mod fault;
mod reader;
mod runtime;
mod service;
mod writer;

pub use bucket::{Bucket, ObjectInfo};
pub use fault::is_outage;
pub use reader::ObjectReader;
pub use writer::{ObjectWriter, WriteMode};
