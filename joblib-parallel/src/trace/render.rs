//! The picture in its two formats.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Bar, Ending, Recorder, Title};

/// The page, with a hole for the numbers.
const PAGE: &str = include_str!("timeline.html");
const HOLE: &str = "{/*picture*/}";

/// A call that is over. Times are nanoseconds from its beginning.
pub(super) struct Picture<'a> {
    title: &'a Title,
    begin: u64,
    took: u64,
    bars: Vec<Bar>,
    hidden: usize,
    /// Process and thread, in the order in which they began.
    workers: Vec<(u32, u64)>,
}

impl<'a> Picture<'a> {
    pub(super) fn new(call: &'a Recorder, mut bars: Vec<Bar>, hidden: usize, end: u64) -> Self {
        bars.sort_by_key(|bar| bar.span.start);
        // Clocks of other machines may be early.
        let first = bars.first().map_or(call.begin, |bar| bar.span.start);
        let begin = call.begin.min(first);
        let last = bars.iter().map(|bar| bar.span.end()).max().unwrap_or(begin);
        let mut workers: Vec<(u32, u64)> = Vec::new();
        for bar in &bars {
            let worker = (bar.span.process, bar.span.thread);
            if !workers.contains(&worker) {
                workers.push(worker);
            }
        }
        let took = end.max(last) - begin;
        Self { title: &call.title, begin, took, bars, hidden, workers }
    }

    fn worker(&self, bar: &Bar) -> usize {
        let own = (bar.span.process, bar.span.thread);
        self.workers.iter().position(|worker| *worker == own).unwrap_or(0)
    }

    fn name(&self, worker: usize) -> String {
        let (process, thread) = self.workers[worker];
        if process == std::process::id() {
            format!("thread {}", worker + 1)
        } else if thread == 1 {
            format!("process {process}")
        } else {
            format!("process {process}, thread {thread}")
        }
    }

    /// The format of `chrome://tracing` and Perfetto: times in microseconds.
    pub(super) fn chrome(&self, out: &mut dyn Write) -> io::Result<()> {
        let micros = |nanos: u64| format!("{}.{:03}", nanos / 1000, nanos % 1000);
        write!(out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{},", self.facts())?;
        out.write_all(b"\"traceEvents\":[\n")?;
        let function = self.title.function.unwrap_or("task");
        for (worker, (process, thread)) in self.workers.iter().enumerate() {
            let name = quoted(&self.name(worker));
            writeln!(
                out,
                "{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{process},\"tid\":{thread},\
                 \"args\":{{\"name\":{name}}}}},"
            )?;
        }
        for bar in &self.bars {
            let Bar { first, tasks, attempt, batch, size, span, .. } = bar;
            let (process, start) = (span.process, micros(span.start - self.begin));
            writeln!(
                out,
                "{{\"ph\":\"X\",\"cat\":\"task\",\"name\":{},\"pid\":{process},\"tid\":{},\
                 \"ts\":{start},\"dur\":{},\"args\":{{\"task\":{first},\"tasks\":{tasks},\
                 \"batch\":{batch},\"batch_size\":{size},\"attempt\":{attempt},\"ending\":\"{}\"}}}},",
                quoted(&format!("{function} {first}")),
                span.thread,
                micros(span.took),
                ending(bar.ending),
            )?;
            if span.memory > 0 {
                let (at, bytes) = (micros(span.end() - self.begin), span.memory);
                writeln!(
                    out,
                    "{{\"ph\":\"C\",\"name\":\"memory\",\"pid\":{process},\"ts\":{at},\
                     \"args\":{{\"bytes\":{bytes}}}}},"
                )?;
            }
        }
        // Closes the list, which may not end with a comma.
        let (pid, took) = (std::process::id(), micros(self.took));
        writeln!(
            out,
            "{{\"ph\":\"i\",\"name\":\"end\",\"pid\":{pid},\"tid\":0,\"ts\":{took},\"s\":\"g\"}}]}}"
        )
    }

    /// One page that needs nothing else.
    pub(super) fn page(&self, out: &mut dyn Write) -> io::Result<()> {
        let (before, after) = PAGE.split_once(HOLE).unwrap_or((PAGE, ""));
        out.write_all(before.as_bytes())?;
        write!(out, "{{\"facts\":{},\"workers\":[", self.facts())?;
        for (worker, (process, _)) in self.workers.iter().enumerate() {
            let comma = if worker > 0 { "," } else { "" };
            write!(out, "{comma}[{},{process}]", quoted(&self.name(worker)))?;
        }
        out.write_all(b"],\"bars\":[")?;
        for (index, bar) in self.bars.iter().enumerate() {
            let Bar { first, tasks, attempt, batch, size, span, .. } = bar;
            let comma = if index > 0 { ",\n" } else { "\n" };
            let (worker, start) = (self.worker(bar), span.start - self.begin);
            write!(
                out,
                "{comma}[{worker},{start},{},{first},{tasks},{batch},{size},\"{}\",{attempt},{}]",
                span.took,
                ending(bar.ending),
                span.memory,
            )?;
        }
        out.write_all(b"]}")?;
        out.write_all(after.as_bytes())
    }

    fn facts(&self) -> String {
        let Title { backend, n_jobs, function } = self.title;
        let function = function.map_or("null".to_owned(), quoted);
        let (backend, took, hidden) = (quoted(backend), self.took, self.hidden);
        format!(
            "{{\"function\":{function},\"backend\":{backend},\"n_jobs\":{n_jobs},\
             \"nanoseconds\":{took},\"tasks_not_shown\":{hidden}}}"
        )
    }
}

fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Failed => "failed",
        Ending::Again => "again",
    }
}

/// A text in JSON, also within a page: nothing in it ends a script.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_around_it() {
        assert_eq!(quoted("a \"b\"\n</script>"), r#""a \"b\"\u000a\u003c/script\u003e""#);
    }

    #[test]
    fn the_page_has_one_hole() {
        assert_eq!(PAGE.matches(HOLE).count(), 1);
        assert!(!PAGE.contains("http"), "nothing is fetched");
    }
}
