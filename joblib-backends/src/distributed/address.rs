//! Where an engine is: `dask://host:8786?ship=true`.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::{Error, Result};

/// The names of addresses, and the engine each stands for.
const ENGINES: &[(&str, Engine)] = &[
    ("dask", Engine::Dask),
    ("ipyparallel", Engine::IPyParallel),
    ("python", Engine::Executor),
    ("ray", Engine::Ray),
    ("spark", Engine::Spark),
    ("tls", Engine::Dask),
];

/// What runs the batches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Engine {
    Dask,
    IPyParallel,
    Ray,
    Spark,
    /// Any `concurrent.futures.Executor`.
    Executor,
}

impl Engine {
    /// As users and the side process call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dask => "dask",
            Self::IPyParallel => "ipyparallel",
            Self::Ray => "ray",
            Self::Spark => "spark",
            Self::Executor => "python",
        }
    }

    /// The address as the engine itself wants it.
    fn location(self, scheme: &str, rest: &str) -> String {
        let bare = rest.strip_prefix("//").unwrap_or(rest);
        match self {
            Self::Dask if bare.is_empty() => String::new(),
            Self::Dask if scheme == "tls" => format!("tls://{bare}"),
            Self::Dask => format!("tcp://{bare}"),
            // `spark://host:7077` is a master's own address; `spark:local[2]` and `spark:yarn` are not.
            Self::Spark if rest.starts_with("//") => format!("spark://{bare}"),
            _ => bare.to_owned(),
        }
    }
}

/// Every name an address may begin with.
pub(crate) fn schemes() -> impl Iterator<Item = &'static str> {
    ENGINES.iter().map(|(scheme, _)| *scheme)
}

/// An address, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Address {
    pub(super) text: String,
    pub(super) engine: Engine,
    pub(super) location: String,
    /// What follows the question mark.
    pub(super) options: BTreeMap<String, String>,
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (place, options) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = place.split_once(':').unwrap_or((place, ""));
        let engine = ENGINES.iter().find(|(name, _)| *name == scheme).map(|(_, engine)| *engine);
        let Some(engine) = engine else {
            let known = schemes().map(str::to_owned).collect();
            return Err(Error::UnknownBackend { name: text.to_owned(), known });
        };
        let options = options.split('&').filter(|option| !option.is_empty());
        let options = options.map(|option| match option.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Error::BadOption { address: text.to_owned(), option: option.to_owned() }),
        });
        Ok(Self {
            text: text.to_owned(),
            engine,
            location: engine.location(scheme, rest),
            options: options.collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Engine, String) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.text, text);
        (address.engine, address.location)
    }

    #[test]
    fn each_engine_gets_its_own_kind_of_address() {
        for (text, engine, location) in [
            ("dask://host:8786", Engine::Dask, "tcp://host:8786"),
            ("tls://host:8786", Engine::Dask, "tls://host:8786"),
            ("dask", Engine::Dask, ""),
            ("ipyparallel://default", Engine::IPyParallel, "default"),
            ("ipyparallel:///a/client.json", Engine::IPyParallel, "/a/client.json"),
            ("ray://host:6379", Engine::Ray, "host:6379"),
            ("spark://host:7077", Engine::Spark, "spark://host:7077"),
            ("spark:local[2]", Engine::Spark, "local[2]"),
            ("spark:yarn", Engine::Spark, "yarn"),
            (
                "python:mpi4py.futures:MPIPoolExecutor",
                Engine::Executor,
                "mpi4py.futures:MPIPoolExecutor",
            ),
            ("python://a:b", Engine::Executor, "a:b"),
        ] {
            assert_eq!(parsed(text), (engine, location.to_owned()), "{text}");
        }
    }

    #[test]
    fn options_follow_the_question_mark() {
        let address: Address = "dask://h:1?ship=true&retries=0".parse().unwrap();
        assert_eq!(address.location, "tcp://h:1");
        assert_eq!(address.options["ship"], "true");
        assert_eq!(address.options["retries"], "0");
        let error = "dask://h:1?ship".parse::<Address>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`ship` in the address `dask://h:1?ship` is no option (write `key=value`)"
        );
    }

    #[test]
    fn an_unknown_engine_is_answered_with_the_known_ones() {
        let error = "desk://h:1".parse::<Address>().unwrap_err().to_string();
        assert!(error.contains("`desk://h:1`") && error.contains("dask, ipyparallel"), "{error}");
    }
}
