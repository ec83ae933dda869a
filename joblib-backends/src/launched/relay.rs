//! The other side of the pipes: takes batches from standard input, has them run by a worker of its own
//! machine, and writes the answers to standard output.
//!
//! A task that crashes costs that worker, and the relay tells exactly how it ended. When the pipes
//! close, whatever closed them, both end.

#![allow(unsafe_code, reason = "turns an offset into a function")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::frames::{self, Job, News, Order, Setup};
use crate::processes::Segment;
use crate::processes::remote::{self, Record, word};
use crate::{
    Backend, Batch, CallFn, CallId, Failure, Frame, Payload, Processes, Target, WorkerOptions,
};

/// Answers are sent when they are so many bytes.
const ENOUGH: usize = 64 << 10;
/// How long what runs may go on after the end: long enough for an idle worker to leave in good order.
const LEAVE: Duration = Duration::from_millis(100);

/// Serves whoever is at the other end of standard input and output, until that ends.
pub(crate) fn serve() -> i32 {
    match Relay::start() {
        Ok(mut relay) => {
            // An error is the end, too: there is nobody it could be told.
            relay.work().ok();
            relay.leave();
            0
        }
        Err(_) => 1,
    }
}

struct Relay {
    input: File,
    out: Arc<Out>,
    pool: Option<Processes>,
    /// What batches refer to, in memory that the worker maps.
    kept: HashMap<u64, Segment>,
}

/// What goes back.
struct Out {
    output: Mutex<File>,
    prints: [Prints; 2],
}

/// What the worker prints to one of its two outputs.
struct Prints {
    kind: News,
    pipe: Mutex<PipeReader>,
    /// The same, to wait for.
    watched: PipeReader,
}

impl Prints {
    fn new(kind: News, pipe: PipeReader) -> io::Result<Self> {
        Ok(Self { kind, watched: pipe.try_clone()?, pipe: Mutex::new(pipe) })
    }
}

impl Relay {
    /// Takes the pipes, and puts others in their place, which tasks may print to.
    fn start() -> io::Result<Self> {
        let (output_reader, output_writer) = io::pipe()?;
        let (errors_reader, errors_writer) = io::pipe()?;
        let (input, mut output) = remote::take_pipes(output_writer.as_fd(), errors_writer.as_fd())?;
        output.write_all(&remote::handshake())?;
        let prints =
            [Prints::new(News::Output, output_reader)?, Prints::new(News::Errors, errors_reader)?];
        let out = Arc::new(Out { output: Mutex::new(output), prints });
        for index in 0..out.prints.len() {
            let out = Arc::clone(&out);
            thread::Builder::new().name("joblib-prints".into()).spawn(move || {
                let prints = &out.prints[index];
                loop {
                    // Not under the lock: the end of a batch must not wait for the next print.
                    remote::is_readable(prints.watched.as_fd(), None);
                    if out.forward(prints).is_err() {
                        break;
                    }
                }
            })?;
        }
        Ok(Self { input, out, pool: None, kept: HashMap::new() })
    }

    fn work(&mut self) -> io::Result<()> {
        while let Some((order, payload)) = frames::read_order(&mut self.input)? {
            match (order, &self.pool) {
                (Order::Setup, _) => match pool(&payload) {
                    Ok(pool) => self.pool = Some(pool),
                    Err(why) => self.out.send(News::Unable, why.as_bytes())?,
                },
                (Order::Batch, Some(pool)) => {
                    let batch = Travelled::new(payload, &self.out, &self.kept);
                    pool.submit(Box::new(batch.ok_or(io::ErrorKind::InvalidData)?));
                }
                (Order::Abort, Some(pool)) => {
                    let call = payload.first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                    pool.abort(CallId(u64::from_le_bytes(*call)));
                }
                (Order::Put, _) => {
                    let (id, bytes) =
                        payload.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                    // Without memory the tasks that refer to it fail, and say what is missing.
                    if let Ok(segment) = Segment::with(bytes) {
                        self.kept.insert(u64::from_le_bytes(*id), segment);
                    }
                }
                (Order::Drop, _) => {
                    let id = payload.first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                    self.kept.remove(&u64::from_le_bytes(*id));
                }
                // It was told that there is no pool.
                (Order::Batch | Order::Abort, None) => {}
            }
        }
        Ok(())
    }

    fn leave(&self) {
        if let Some(pool) = &self.pool {
            pool.shutdown(LEAVE).ok();
        }
        self.out.forward_prints().ok();
    }
}

/// A pool of one worker.
fn pool(setup: &[u8]) -> Result<Processes, String> {
    let setup: Setup = postcard::from_bytes(setup).map_err(|error| error.to_string())?;
    let mut options = WorkerOptions::new()
        // Nothing here could be mapped by whoever wrote the arguments or reads the results.
        .max_nbytes(None)
        .inner_max_num_threads(setup.inner_threads)
        .max_tasks_per_worker(setup.max_tasks)
        .memory_limit(setup.memory_limit)
        .idle_timeout(None);
    if let Some(initializer) = setup.initializer {
        let target = target(initializer.function, initializer.fingerprint)
            .ok_or("the initializer is not part of the worker's executable")?;
        let frame = Frame { bytes: initializer.arguments, ..Frame::default() };
        options = options.initializer(target, frame);
    }
    Processes::with_options(NonZeroUsize::MIN, &options).map_err(|error| error.to_string())
}

fn target(function: u64, fingerprint: u64) -> Option<Target> {
    // SAFETY: whoever sent the offset has compared our greeting with its own: it is the same build.
    let call: CallFn = unsafe { remote::function_at(function)? };
    Some(Target { call, fingerprint, name: "a function of the caller" })
}

impl Out {
    fn send(&self, news: News, payload: &[u8]) -> io::Result<()> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        frames::write_news(&mut *output, news, payload)
    }

    /// Sends all that was printed so far.
    fn forward_prints(&self) -> io::Result<()> {
        self.prints.iter().try_for_each(|prints| {
            while self.forward(prints)? {}
            Ok(())
        })
    }

    /// Sends some of what was printed; false if there is nothing.
    fn forward(&self, prints: &Prints) -> io::Result<bool> {
        let mut pipe = prints.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if !remote::is_readable(pipe.as_fd(), Some(Duration::ZERO)) {
            return Ok(false);
        }
        let mut bytes = vec![0; ENOUGH];
        let n = pipe.read(&mut bytes)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Under the lock, so that prints keep their order.
        self.send(prints.kind, &bytes[..n])?;
        Ok(true)
    }
}

/// A batch that came through the pipe.
struct Travelled {
    job: Job,
    payload: Vec<u8>,
    /// Where each task's record is.
    records: Vec<Range<usize>>,
    /// Where the worker finds what they refer to.
    places: Vec<u8>,
    answers: Vec<u8>,
    out: Arc<Out>,
}

impl Travelled {
    /// `None` if nobody of our build can have written these bytes.
    fn new(payload: Vec<u8>, out: &Arc<Out>, kept: &HashMap<u64, Segment>) -> Option<Self> {
        let (job, start) = Job::read(&payload)?;
        let (count, rest) = payload[start..].split_first_chunk()?;
        let ids = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(8)?;
        let (ids, mut rest) = rest.split_at_checked(ids)?;
        let ids = ids.chunks_exact(8).map(|id| word(id, 0));
        let places = ids.filter_map(|id| Some((id, kept.get(&id)?.number()?)));
        let places = places.flat_map(|(id, place)| [id.to_le_bytes(), place.to_le_bytes()]);
        let places = places.flatten().collect();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let begin = payload.len() - rest.len();
            let record = Record::take(&mut rest).ok()??;
            if record.task as usize != records.len() {
                return None;
            }
            records.push(begin..payload.len() - rest.len());
        }
        let is_batch = !records.is_empty() && u32::try_from(records.len()).is_ok();
        let out = Arc::clone(out);
        is_batch.then_some(Self { job, payload, records, places, answers: Vec::new(), out })
    }

    fn send_answers(&mut self) {
        if !self.answers.is_empty() {
            // Whoever does not listen any more has closed the other pipe, too.
            self.out.send(News::Answers, &self.answers).ok();
            self.answers.clear();
        }
    }
}

impl Batch for Travelled {
    fn call(&self) -> CallId {
        CallId(self.job.call)
    }

    fn len(&self) -> u32 {
        self.records.len() as u32
    }

    fn target(&self) -> Option<Target> {
        target(self.job.function, self.job.fingerprint)
    }

    fn time_limit(&self) -> Option<Duration> {
        (self.job.limit > 0).then(|| Duration::from_nanos(self.job.limit))
    }

    /// It is for workers.
    fn run(self: Box<Self>) {}

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        let garbage = || Failure::Codec { message: "the arguments of a task make no sense".into() };
        let mut record = &self.payload[self.records[task as usize].clone()];
        let record = Record::take(&mut record).ok().flatten().ok_or_else(garbage)?;
        out.places.clone_from(&self.places);
        out.bytes.extend_from_slice(record.answer().map_err(|_| garbage())??);
        Ok(())
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        let answer = answer.as_ref().map(Payload::as_bytes).map_err(Clone::clone);
        remote::push_record(&mut self.answers, task, answer);
        if self.answers.len() >= ENOUGH {
            self.send_answers();
        }
    }
}

impl Drop for Travelled {
    fn drop(&mut self) {
        self.send_answers();
        // Lines that a task printed are there before its call ends.
        self.out.forward_prints().ok();
        self.out.send(News::End, &[]).ok();
    }
}
