//! How many workers were asked for, with joblib's meaning of negative numbers.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::{Error, Result};

/// How many workers were asked for: a positive number of them, or counted from all cores
/// (-1 all, -2 all but one, …).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NJobs(i32);

impl From<i32> for NJobs {
    fn from(n: i32) -> Self {
        Self(n)
    }
}

impl From<NJobs> for i32 {
    fn from(n: NJobs) -> Self {
        n.0
    }
}

impl fmt::Display for NJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for NJobs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = text.trim().parse();
        number.map(Self).map_err(|_| Error::BadNJobs { text: text.to_owned() })
    }
}

impl NJobs {
    /// The number of workers on a machine with `cpus` cores: `n` itself when positive, else
    /// `max(cpus + 1 + n, 1)` (joblib 1.5, `_parallel_backends.py`, `effective_n_jobs`).
    ///
    /// # Errors
    ///
    /// [`Error::ZeroJobs`] for zero.
    pub fn resolve(self, cpus: NonZeroUsize) -> Result<NonZeroUsize> {
        let n = match self.0 {
            0 => return Err(Error::ZeroJobs),
            n if n > 0 => n as usize,
            n => (cpus.get() + 1).saturating_sub(n.unsigned_abs() as usize),
        };
        Ok(NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_four_cores(n: i32) -> usize {
        NJobs::from(n).resolve(NonZeroUsize::new(4).unwrap()).unwrap().get()
    }

    #[test]
    fn negative_numbers_count_from_all_cores() {
        assert_eq!(on_four_cores(-1), 4);
        assert_eq!(on_four_cores(-2), 3);
        assert_eq!(on_four_cores(-5), 1);
        assert_eq!(on_four_cores(i32::MIN), 1);
    }

    #[test]
    fn positive_numbers_may_exceed_the_cores() {
        assert_eq!(on_four_cores(9), 9);
    }

    #[test]
    fn what_is_displayed_can_be_read_again() {
        for n in [i32::MIN, -1, 0, 1, i32::MAX] {
            let n = NJobs::from(n);
            assert_eq!(n.to_string().parse::<NJobs>().unwrap(), n);
        }
        let error = "two".parse::<NJobs>().unwrap_err();
        assert!(error.to_string().starts_with("`two` is no number of workers"), "{error}");
    }
}
