//! A thread that makes the log's next segment before it is needed, and takes back the ones that hold nothing any more: no append
//! waits for zeros, names or directories.
//!
//! A segment that is taken back loses its name first, durably and in ascending order, so that no crash leaves a gap; only then is
//! its file written as another segment. A bounded number of them is kept for that.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::Syncer;
use crate::chance;
use crate::durable_file::sync_dir;
use crate::files;
use crate::limits::{LOG_SPARE_SEGMENTS, LOG_SUPPLY_REQUESTS};
use crate::log_segment::Segment;

const SPARE: &str = "spare";
const UNFINISHED: &str = "unfinished";

/// What the writer wants.
pub(crate) enum Request {
    Make { number: u32, bytes: u64 },
    TakeBack(Vec<Arc<Segment>>),
}

/// Has a request served; what is made comes the other way.
pub(crate) type Serve = Box<dyn FnMut(Request) -> io::Result<()> + Send>;

/// The writer's end.
pub(crate) struct Supply {
    serve: Serve,
    made: Receiver<Segment>,
    is_asked: bool,
    ready: Option<Segment>,
}

impl Supply {
    /// `ready` is the segment that an earlier process made ahead.
    pub(crate) fn new(ready: Option<Segment>, serve: Serve, made: Receiver<Segment>) -> Self {
        Self { serve, made, is_asked: false, ready }
    }

    /// Asks for the segment of `number`, unless one was asked for or is ready.
    pub(crate) fn ask(&mut self, number: u32, bytes: u64) -> io::Result<()> {
        if self.is_asked || self.ready.is_some() {
            return Ok(());
        }
        self.is_asked = true;
        (self.serve)(Request::Make { number, bytes })
    }

    /// The segment that was asked for; waits while it is being made.
    pub(crate) fn take(&mut self) -> io::Result<Segment> {
        if let Some(segment) = self.ready.take() {
            return Ok(segment);
        }
        let segment = self.made.recv().map_err(|_| ended())?;
        self.is_asked = false;
        Ok(segment)
    }

    /// Gives back segments that hold nothing any more, the lowest first.
    pub(crate) fn take_back(&mut self, segments: Vec<Arc<Segment>>) -> io::Result<()> {
        (self.serve)(Request::TakeBack(segments))
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that makes segments has ended")
}

/// The thread's end.
pub(crate) struct Work {
    requests: Receiver<Request>,
    made: SyncSender<Segment>,
}

/// Both ends.
pub(crate) fn supply(ready: Option<Segment>) -> (Supply, Work) {
    let (requests, asked) = sync_channel(LOG_SUPPLY_REQUESTS);
    let (made, taken) = sync_channel(1);
    let serve = move |request| requests.send(request).map_err(|_| ended());
    (Supply::new(ready, Box::new(serve), taken), Work { requests: asked, made })
}

impl Work {
    /// Serves the writer until it is gone.
    pub(crate) fn run(self, mut maker: Maker) -> io::Result<()> {
        for request in self.requests {
            if let Some(segment) = maker.serve(request)? {
                // The writer may be gone: then nobody wants it.
                drop(self.made.send(segment));
            }
        }
        Ok(())
    }
}

/// Makes segments, and takes them back.
pub(crate) struct Maker {
    dir: PathBuf,
    full_bytes: u64,
    syncer: Arc<dyn Syncer>,
    /// Looked for at the first request.
    spares: Option<Vec<PathBuf>>,
}

impl Maker {
    /// `full_bytes` is the size of a segment that is worth keeping. Touches nothing before the first request.
    pub(crate) fn new(dir: &Path, full_bytes: u64, syncer: Arc<dyn Syncer>) -> Self {
        Self { dir: dir.to_owned(), full_bytes, syncer, spares: None }
    }

    /// Does what is asked; gives the segment if one was to be made.
    pub(crate) fn serve(&mut self, request: Request) -> io::Result<Option<Segment>> {
        let spares = match &mut self.spares {
            Some(spares) => spares,
            none => none.insert(find_spares(&self.dir)?),
        };
        match request {
            Request::Make { number, bytes } => {
                let path = spares.pop().unwrap_or_else(|| self.dir.join("next").with_extension(UNFINISHED));
                Segment::make(&path, number, chance::random(), bytes, &*self.syncer).map(Some)
            }
            Request::TakeBack(segments) => {
                for segment in segments {
                    take_back(&self.dir, &segment, self.full_bytes, spares)?;
                }
                Ok(None)
            }
        }
    }
}

fn take_back(dir: &Path, segment: &Segment, full_bytes: u64, spares: &mut Vec<PathBuf>) -> io::Result<()> {
    if spares.len() < LOG_SPARE_SEGMENTS && segment.file.metadata()?.len() == full_bytes {
        let spare = segment.path.with_extension(SPARE);
        files::rename(&segment.path, &spare)?;
        spares.push(spare);
    } else {
        files::remove_file(&segment.path)?;
    }
    sync_dir(dir)
}

/// Spares that an earlier process left; what it did not finish, and spares over the bound, are removed.
fn find_spares(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut spares = Vec::new();
    for entry in files::read_dir(dir)? {
        let path = entry?.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if kind == Some(SPARE) && spares.len() < LOG_SPARE_SEGMENTS {
            spares.push(path);
        } else if matches!(kind, Some(SPARE | UNFINISHED)) {
            files::remove_file(path)?;
        }
    }
    Ok(spares)
}
