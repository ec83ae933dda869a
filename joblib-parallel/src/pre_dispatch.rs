//! How far the input is read ahead: `"all"`, a number, or an expression of `n_jobs`.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use crate::{Error, Result};

/// Longer texts are refused, which also bounds the nesting of parentheses.
const LONGEST: usize = 30;

/// No number on the way to the result may be larger.
const LARGEST: f64 = 1e6;

/// More than any input has; counting on from here does not overflow.
const ALL: NonZeroUsize = NonZeroUsize::new(usize::MAX / 2).unwrap();

/// How many batches are handed to the backend ahead of the workers.
///
/// `"all"`, a number, or an arithmetic expression of `n_jobs` with `+ - * / // % **` and
/// parentheses, as in Python. The result is rounded towards zero.
#[derive(Clone, Debug)]
pub struct PreDispatch(Cow<'static, str>);

impl Default for PreDispatch {
    fn default() -> Self {
        Self(Cow::Borrowed("2 * n_jobs"))
    }
}

impl From<usize> for PreDispatch {
    fn from(batches: usize) -> Self {
        Self(batches.to_string().into())
    }
}

impl From<&str> for PreDispatch {
    fn from(expression: &str) -> Self {
        Self(expression.to_owned().into())
    }
}

impl PreDispatch {
    /// The number of batches for this number of workers.
    pub(crate) fn batches(&self, n_jobs: usize) -> Result<NonZeroUsize> {
        let text = self.0.trim();
        if text == "all" {
            return Ok(ALL);
        }
        // A plain number is not an expression, and may be as large as it likes.
        if let Some(batches) = text.parse().ok().and_then(NonZeroUsize::new) {
            return Ok(batches.min(ALL));
        }
        let value = evaluate(text, n_jobs as f64).map_err(|reason| Error::BadPreDispatch {
            expression: self.0.clone().into_owned(),
            reason,
        })?;
        let value = value as i64;
        usize::try_from(value).ok().and_then(NonZeroUsize::new).ok_or_else(|| {
            Error::NoPreDispatch { expression: self.0.clone().into_owned(), value, n_jobs }
        })
    }
}

/// The value of an arithmetic expression (joblib 1.5, `_utils.py`, `eval_expr`).
fn evaluate(text: &str, n_jobs: f64) -> Result<f64, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    let mut parser = Parser { rest: text, n_jobs };
    let value = parser.sum()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(format!("has `{}` where an operator should be", parser.rest)),
    }
}

struct Parser<'a> {
    rest: &'a str,
    n_jobs: f64,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Takes `token` if it comes next.
    fn take(&mut self, token: &str) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        loop {
            if self.take("+") {
                value = bounded(value + self.product()?)?;
            } else if self.take("-") {
                value = bounded(value - self.product()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.sign()?;
        loop {
            if self.take("//") {
                value = bounded((value / self.divisor()?).floor())?;
            } else if self.take("/") {
                value = bounded(value / self.divisor()?)?;
            } else if self.take("%") {
                let divisor = self.divisor()?;
                // The sign of the divisor, as in Python.
                value = bounded(value - divisor * (value / divisor).floor())?;
            } else if self.take("*") {
                value = bounded(value * self.sign()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn divisor(&mut self) -> Result<f64, String> {
        let divisor = self.sign()?;
        if divisor == 0.0 { Err("divides by zero".to_owned()) } else { Ok(divisor) }
    }

    /// A sign binds weaker than the power to its right, and stronger than the one to its left.
    fn sign(&mut self) -> Result<f64, String> {
        if self.take("-") {
            Ok(-self.sign()?)
        } else if self.take("+") {
            self.sign()
        } else {
            self.power()
        }
    }

    fn power(&mut self) -> Result<f64, String> {
        let base = self.atom()?;
        if self.take("**") { bounded(base.powf(self.sign()?)) } else { Ok(base) }
    }

    fn atom(&mut self) -> Result<f64, String> {
        if self.take("(") {
            let value = self.sum()?;
            return if self.take(")") { Ok(value) } else { Err("lacks a `)`".to_owned()) };
        }
        if self.take("n_jobs") {
            return bounded(self.n_jobs);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        match digits.parse() {
            Ok(value) => {
                self.rest = rest;
                bounded(value)
            }
            Err(_) if self.rest.is_empty() => Err("ends where a number should be".to_owned()),
            Err(_) => Err(format!("has `{}` where a number should be", self.rest)),
        }
    }
}

fn bounded(value: f64) -> Result<f64, String> {
    if value.abs() <= LARGEST { Ok(value) } else { Err(format!("exceeds {LARGEST} on the way")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(expression: &str) -> Result<usize> {
        PreDispatch::from(expression).batches(4).map(NonZeroUsize::get)
    }

    #[test]
    fn expressions_have_pythons_meaning() {
        for (expression, value) in [
            ("2*n_jobs", 8),
            (" 1.5 * n_jobs ", 6),
            ("n_jobs+3*2", 10),
            ("(n_jobs+3)*2", 14),
            ("7//2", 3),
            ("-7//2+10", 6),
            ("7/2", 3),
            ("-7%4", 1),
            ("2**3**2", 512),
            ("2**-1*n_jobs", 2),
            ("-2**2+n_jobs*2", 4),
            ("n_jobs--1", 5),
            ("12", 12),
            ("5000000", 5_000_000),
        ] {
            assert_eq!(batches(expression).unwrap(), value, "{expression}");
        }
        assert_eq!(batches("all").unwrap(), ALL.get());
        assert_eq!(PreDispatch::from(usize::MAX).batches(4).unwrap(), ALL);
        assert_eq!(PreDispatch::from(3).batches(4).unwrap().get(), 3);
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (expression, reason) in [
            ("", "ends where a number should be"),
            ("2*", "ends where a number should be"),
            ("(2", "lacks a `)`"),
            ("2 3", "has `3` where an operator should be"),
            ("os.exit()", "has `os.exit()` where a number should be"),
            ("1/(n_jobs-4)", "divides by zero"),
            ("10**7", "exceeds 1000000 on the way"),
            ("1.2.3", "has `1.2.3` where a number should be"),
            ("1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1", "is longer than 30 characters"),
        ] {
            let error = batches(expression).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`pre_dispatch = {expression:?}` {reason} \
                     (expected `all`, a number, or such as `2 * n_jobs`)"
                )
            );
        }
    }

    #[test]
    fn nothing_ahead_is_an_error_and_never_loses_tasks() {
        for expression in ["0", "n_jobs-4", "-3", "0.5"] {
            assert!(
                matches!(batches(expression), Err(Error::NoPreDispatch { .. })),
                "{expression}"
            );
        }
        assert_eq!(
            batches("n_jobs - 6").unwrap_err().to_string(),
            "`pre_dispatch = \"n_jobs - 6\"` gives -2 with 4 workers: at least 1 is needed"
        );
    }

    #[test]
    fn deep_nesting_is_bounded_by_the_length() {
        let deep = format!("{}1{}", "(".repeat(14), ")".repeat(14));
        assert_eq!(batches(&deep).unwrap(), 1);
    }
}
