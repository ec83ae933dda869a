//! What went wrong with an object, in our words.

use std::io;

use object_store::Error as Cause;

/// Why something could not be done with an object. The cause is what the service said.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{url}` failed{remedy}")]
struct Fault {
    action: &'static str,
    url: String,
    remedy: &'static str,
    source: Cause,
}

/// The error of `action` on the object at `url`.
pub(super) fn fault(action: &'static str, url: &str, source: Cause) -> io::Error {
    let (kind, remedy) = judge(url, &source);
    io::Error::new(kind, Fault { action, url: url.to_owned(), remedy, source })
}

/// Whether `error`, or what caused it, is that a service could not be reached or did not answer as
/// it should: asking again at once would be of no use.
#[must_use]
pub fn is_outage(error: &io::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        // The inside of an `io::Error` is not its source: that would be the source of the inside.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inside.is_some_and(|inside| inside.is::<Fault>()) {
            return error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::Other);
        }
        next = inside.map(|inside| inside as _).or_else(|| error.source());
    }
    false
}

fn judge(url: &str, cause: &Cause) -> (io::ErrorKind, &'static str) {
    use io::ErrorKind;
    match cause {
        Cause::NotFound { .. } => (ErrorKind::NotFound, ": there is no such object or bucket"),
        Cause::AlreadyExists { .. } => (ErrorKind::AlreadyExists, ""),
        Cause::PermissionDenied { .. } | Cause::Unauthenticated { .. } => {
            (ErrorKind::PermissionDenied, credentials(url))
        }
        Cause::NotSupported { .. } | Cause::NotImplemented { .. } => {
            (ErrorKind::Unsupported, ": the service cannot do that")
        }
        Cause::InvalidPath { .. } => (ErrorKind::InvalidInput, ""),
        Cause::Precondition { .. } | Cause::NotModified { .. } => {
            (ErrorKind::Other, ": somebody changed the object meanwhile")
        }
        _ => (ErrorKind::Other, reach(url)),
    }
}

/// What to look at when the service refuses.
fn credentials(url: &str) -> &'static str {
    match scheme(url) {
        "s3" | "s3a" => {
            ": check the credentials in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` and their \
             rights to the bucket"
        }
        "gs" => {
            ": check the credentials in `GOOGLE_SERVICE_ACCOUNT` or \
             `GOOGLE_APPLICATION_CREDENTIALS` and their rights to the bucket"
        }
        "http" | "https" => "",
        _ => {
            ": check the credentials in `AZURE_STORAGE_ACCOUNT_NAME` and \
             `AZURE_STORAGE_ACCOUNT_KEY` and their rights to the container"
        }
    }
}

/// What to look at when the service does not answer, or not as it should.
fn reach(url: &str) -> &'static str {
    match scheme(url) {
        "s3" | "s3a" => {
            ": check network, region (`AWS_REGION`), credentials (`AWS_ACCESS_KEY_ID`) and, for a \
             service other than Amazon's, `AWS_ENDPOINT`, with `AWS_ALLOW_HTTP=true` if it is \
             `http://`"
        }
        "gs" => ": check network and credentials (`GOOGLE_SERVICE_ACCOUNT`)",
        "http" | "https" | "memory" => "",
        _ => {
            ": check network, account (`AZURE_STORAGE_ACCOUNT_NAME`) and credentials \
             (`AZURE_STORAGE_ACCOUNT_KEY`)"
        }
    }
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}
