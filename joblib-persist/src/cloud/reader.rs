//! Reading an object while the next piece of it is under way.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore};

use super::bucket::Object;
use super::fault::fault;
use super::runtime::{self, Pending};

/// How much is fetched ahead of the reader: enough to hide the way to the other thread.
const AHEAD: usize = 1 << 20;

/// An object that is read from its start, or from anywhere after a [`Seek`].
///
/// One request reads all; a seek costs another one. At most two pieces of about 1 MiB are held. If
/// the object is replaced meanwhile, reading goes on with the old one or fails.
pub struct ObjectReader {
    object: Object,
    len: u64,
    e_tag: Option<String>,
    modified: SystemTime,
    position: u64,
    /// Fetched and not read yet.
    pieces: VecDeque<Bytes>,
    coming: Option<Pending<Batch>>,
}

type Pieces = BoxStream<'static, object_store::Result<Bytes>>;

/// A few pieces, and what is to come behind them.
struct Batch {
    pieces: object_store::Result<VecDeque<Bytes>>,
    rest: Option<Pieces>,
}

impl ObjectReader {
    pub(super) fn open(object: Object) -> io::Result<Self> {
        let opened = get(&object, GetOptions::default())?;
        let (len, e_tag) = (opened.meta.size, opened.meta.e_tag.clone());
        let modified = opened.meta.last_modified.into();
        let coming = Some(fetch(opened.into_stream())?);
        Ok(Self { object, len, e_tag, modified, position: 0, pieces: VecDeque::new(), coming })
    }

    /// Bytes of the whole object.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.len
    }

    /// When the object was written, by the clock of the service.
    #[must_use]
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Waits for the next pieces, and has those behind them fetched.
    fn advance(&mut self) -> io::Result<()> {
        let coming = match self.coming.take() {
            Some(coming) => coming,
            None => fetch(self.reopen()?.into_stream())?,
        };
        let batch = coming.wait()?;
        if let Some(rest) = batch.rest {
            self.coming = Some(fetch(rest)?);
        }
        self.pieces = batch.pieces.map_err(|source| self.fault(source))?;
        if self.pieces.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Asks again, for what is behind the position.
    fn reopen(&self) -> io::Result<GetResult> {
        let range = Some(GetRange::Offset(self.position));
        let options = GetOptions { range, if_match: self.e_tag.clone(), ..GetOptions::default() };
        get(&self.object, options)
    }

    fn fault(&self, source: object_store::Error) -> io::Error {
        fault("reading", &self.object.url, source)
    }
}

fn get(object: &Object, options: GetOptions) -> io::Result<GetResult> {
    let Object { service, path, url } = object.clone();
    let got = runtime::block_on(async move { service.get_opts(&path, options).await })?;
    got.map_err(|source| fault("reading", &url, source))
}

fn fetch(mut stream: Pieces) -> io::Result<Pending<Batch>> {
    runtime::begin(async move {
        let (mut pieces, mut held) = (VecDeque::new(), 0);
        while held < AHEAD {
            match stream.next().await {
                // An empty piece would look like the end.
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    held += piece.len();
                    pieces.push_back(piece);
                }
                Some(Err(error)) => return Batch { pieces: Err(error), rest: None },
                None => return Batch { pieces: Ok(pieces), rest: None },
            }
        }
        Batch { pieces: Ok(pieces), rest: Some(stream) }
    })
}

impl Read for ObjectReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() || self.position >= self.len {
            return Ok(0);
        }
        if self.pieces.is_empty() {
            self.advance()?;
        }
        let Some(piece) = self.pieces.front_mut() else { return Ok(0) };
        let taken = piece.split_to(piece.len().min(bytes.len()));
        bytes[..taken.len()].copy_from_slice(&taken);
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        self.position += taken.len() as u64;
        Ok(taken.len())
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let target = target.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start of an object")
        })?;
        if target != self.position {
            self.pieces.clear();
            self.coming = None;
            self.position = target;
        }
        Ok(target)
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader")
            .field("url", &self.object.url)
            .field("bytes", &self.len)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
