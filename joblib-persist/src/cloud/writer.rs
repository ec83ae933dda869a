//! Writing an object that appears whole or not at all, in parts if it is large.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::time::Duration;

use bytes::Bytes;
use object_store::{
    Error as Cause, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};

use super::bucket::Object;
use super::fault::fault;
use super::runtime::{self, Pending};

/// Bytes of a part. Services want 5 MiB at least.
const PART: usize = 8 << 20;

/// After so many parts they become one [`PART`] longer, because services take at most 10,000: so
/// there is room for 440 GB.
const PARTS_ALIKE: usize = 1000;

/// How many parts are under way while the next one is filled.
const UNDER_WAY: usize = 2;

/// How long an abandoned writer waits for the service to forget the parts.
const FAREWELL: Duration = Duration::from_secs(5);

/// What to do with an object that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteMode {
    /// Put the new one in its place.
    Replace,
    /// Keep it. Up to 8 MiB the service itself sees to that, if it can; for what is larger, or
    /// with a service that cannot, it is looked for just before the end: of two writers who finish
    /// in the same moment the later one wins.
    IfAbsent,
}

/// An object being written: not there before [`finish`](Self::finish), and never if that is not
/// called.
///
/// Up to 8 MiB are one request; more goes in parts while writing, of which at most three are held
/// in memory. A service that takes no parts (WebDAV) gets any object in one request, from memory.
pub struct ObjectWriter {
    /// The object; why there can be none is told by the first write.
    object: Option<Object>,
    refused: Option<io::Error>,
    mode: WriteMode,
    buffer: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
    /// Whether the service takes no parts.
    is_whole: bool,
    parts: usize,
    under_way: VecDeque<Pending<object_store::Result<()>>>,
}

impl ObjectWriter {
    pub(super) fn new(object: io::Result<Object>, mode: WriteMode) -> Self {
        let (object, refused) = match object {
            Ok(object) => (Some(object), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            object,
            refused,
            mode,
            buffer: Vec::new(),
            upload: None,
            is_whole: false,
            parts: 0,
            under_way: VecDeque::new(),
        }
    }

    /// Makes the object appear; says whether it is the one written here, which it always is with
    /// [`WriteMode::Replace`].
    ///
    /// # Errors
    ///
    /// If the service cannot be asked or refuses. There is no new object then, unless the
    /// connection broke while the service confirmed it.
    pub fn finish(mut self) -> io::Result<bool> {
        let object = self.object()?;
        if self.upload.is_none() {
            return put(&object, mem::take(&mut self.buffer), self.mode);
        }
        if !self.buffer.is_empty() {
            self.send_part()?;
        }
        self.wait_until_under_way(0)?;
        if self.mode == WriteMode::IfAbsent && object.head()?.is_some() {
            return Ok(false);
        }
        let Some(mut upload) = self.upload.take() else { return Ok(false) };
        let (upload, completed) = runtime::block_on(async move {
            let completed = upload.complete().await;
            (upload, completed)
        })?;
        if let Err(source) = completed {
            self.upload = Some(upload);
            return Err(fault("writing", &object.url, source));
        }
        Ok(true)
    }

    fn object(&mut self) -> io::Result<Object> {
        match (&self.object, self.refused.take()) {
            (Some(object), _) => Ok(object.clone()),
            (None, Some(error)) => Err(error),
            (None, None) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn part_len(&self) -> usize {
        if self.is_whole { usize::MAX } else { PART * (1 + self.parts / PARTS_ALIKE) }
    }

    /// Sends the buffer on its way.
    fn send_part(&mut self) -> io::Result<()> {
        let object = self.object()?;
        self.wait_until_under_way(UNDER_WAY - 1)?;
        if self.upload.is_none() {
            self.upload = begin_upload(&object)?;
        }
        let Some(upload) = &mut self.upload else {
            self.is_whole = true;
            return Ok(());
        };
        let part = Bytes::from(mem::take(&mut self.buffer));
        let sent = upload.put_part(part.into());
        self.parts += 1;
        self.under_way.push_back(runtime::begin(sent)?);
        Ok(())
    }

    fn wait_until_under_way(&mut self, count: usize) -> io::Result<()> {
        while self.under_way.len() > count {
            let Some(part) = self.under_way.pop_front() else { break };
            let sent = part.wait()?;
            let url = self.object.as_ref().map_or("", |object| &object.url);
            sent.map_err(|source| fault("writing", url, source))?;
        }
        Ok(())
    }
}

/// None if the service takes no parts.
fn begin_upload(object: &Object) -> io::Result<Option<Box<dyn MultipartUpload>>> {
    let Object { service, path, url } = object.clone();
    match runtime::block_on(async move { service.put_multipart(&path).await })? {
        Ok(upload) => Ok(Some(upload)),
        Err(Cause::NotImplemented { .. } | Cause::NotSupported { .. }) => Ok(None),
        Err(source) => Err(fault("writing more than 8 MiB to", &url, source)),
    }
}

/// Writes a small object in one request.
fn put(object: &Object, bytes: Vec<u8>, mode: WriteMode) -> io::Result<bool> {
    let bytes = Bytes::from(bytes);
    let create = match mode {
        WriteMode::Replace => return put_as(object, bytes, PutMode::Overwrite),
        WriteMode::IfAbsent => put_as(object, bytes.clone(), PutMode::Create),
    };
    match create {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => match object.head()? {
            Some(_) => Ok(false),
            None => put_as(object, bytes, PutMode::Overwrite),
        },
        other => other,
    }
}

fn put_as(object: &Object, bytes: Bytes, mode: PutMode) -> io::Result<bool> {
    let Object { service, path, url } = object.clone();
    let options = PutOptions::from(mode);
    let put =
        runtime::block_on(async move { service.put_opts(&path, bytes.into(), options).await })?;
    match put {
        Ok(_) => Ok(true),
        Err(source @ Cause::Precondition { .. }) => {
            let url = url.clone();
            let source = Cause::AlreadyExists { path: url.clone(), source: Box::new(source) };
            Err(fault("writing", &url, source))
        }
        Err(source) => Err(fault("writing", &url, source)),
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.object.is_none() {
            self.object()?;
        }
        let room = self.part_len() - self.buffer.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == self.part_len() {
            self.send_part()?;
        }
        Ok(taken.len())
    }

    /// Does nothing: what is not finished is not there.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ObjectWriter {
    /// Has the service forget the parts, which would cost their owner money. Where that fails, or
    /// the process is killed, they stay invisible until the bucket's own rules remove them.
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        let under_way = mem::take(&mut self.under_way);
        let forget = async move { upload.abort().await };
        for part in under_way {
            part.wait_for(FAREWELL);
        }
        if let Ok(forgotten) = runtime::begin(forget) {
            forgotten.wait_for(FAREWELL);
        }
    }
}

impl fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWriter")
            .field("url", &self.object.as_ref().map(|object| &object.url))
            .field("mode", &self.mode)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
