//! A reader that gives no more than it may.

use std::io::{self, Read};

/// Reads up to a limit, and fails if there is more.
pub(crate) struct LimitedReader<'r> {
    name: String,
    reader: Box<dyn Read + 'r>,
    limit: u64,
    left: u64,
}

impl<'r> LimitedReader<'r> {
    pub(crate) fn new(name: &str, reader: Box<dyn Read + 'r>, limit: u64) -> Self {
        Self { name: name.to_owned(), reader, limit, left: limit }
    }

    /// Nothing may come any more; whether something would.
    fn read_at_limit(&mut self) -> io::Result<usize> {
        if self.reader.read(&mut [0])? == 0 {
            return Ok(0);
        }
        // What was just read is lost: the next call must not find the end instead.
        self.reader = Box::new(io::repeat(0));
        let (name, limit) = (&self.name, self.limit);
        let message = format!(
            "the {name} stream holds more than the limit of {limit} bytes: set a higher \
             `output_limit` if it can be trusted"
        );
        Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
    }
}

impl Read for LimitedReader<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.read_at_limit();
        }
        let most = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut output[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_at_the_limit_stays_one() {
        let mut reader = LimitedReader::new("toy", Box::new(&b"four"[..]), 3);
        let mut output = Vec::new();
        for _ in 0..2 {
            let error = reader.read_to_end(&mut output).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the toy stream holds more than the limit of 3 bytes: set a higher `output_limit` \
                 if it can be trusted"
            );
        }
        assert_eq!(output, b"fou");
    }
}
