//! Snapshot files of a directory: `<index>-<term>.snap`, the newest two.
//!
//! A file gets its name only when it is whole and synced; the directory is synced after each rename. So a crash leaves at
//! most a `.part` file, which the next opening removes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::abort;
use crate::durable_file::sync_dir;
use crate::files::{self, File};
use crate::limits::SNAPSHOTS_KEPT;
use crate::planted::{self, Planted};
use crate::snapshot_reader::{header, read_whole};
use crate::{OpenError, SnapshotReader, SnapshotReceiver, SnapshotWriter};

const SUFFIX: &str = "snap";
const PART_SUFFIX: &str = "part";

/// A complete snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Last entry in it.
    pub index: u64,
    /// Term of that entry.
    pub term: u64,
    /// What its maker put beside the state: opaque.
    pub meta: Bytes,
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub file_bytes: u64,
}

impl SnapshotInfo {
    /// The file as it is, to be sent to a peer. It stays readable through this handle when newer snapshots replace it.
    pub fn open_raw(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

/// What was made of a snapshot while it was checked.
#[derive(Debug)]
pub struct Loaded<T> {
    /// Which one it was.
    pub info: SnapshotInfo,
    /// What its reader made of it.
    pub value: T,
}

/// The snapshots of a data directory. A cheap handle.
#[derive(Clone, Debug)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Names of the files that were set aside.
    damaged: Vec<String>,
    /// Never held over a change of the directory: who only asks does not wait for a disk.
    state: Mutex<State>,
    /// Held while a file gets its name and others go.
    naming: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Good snapshots, oldest first.
    good: Vec<SnapshotInfo>,
    parts: u64,
}

impl State {
    /// Those whose place it takes.
    fn add(&mut self, new: SnapshotInfo) -> Vec<SnapshotInfo> {
        self.good.retain(|other| other.path != new.path);
        self.good.push(new);
        self.good.sort_by_key(|info| (info.index, info.term));
        let too_many = self.good.len().saturating_sub(SNAPSHOTS_KEPT);
        self.good.drain(..too_many).collect()
    }
}

impl Snapshots {
    /// Has `read` read the newest file, which is checked whole in the course of it; the one before only if it is damaged, which `read`
    /// may find too. Of all others the header is checked. Damaged ones are set aside, unfinished ones removed.
    pub(crate) fn open<T>(
        dir: &Path,
        mut read: impl FnMut(&mut SnapshotReader) -> io::Result<T>,
    ) -> Result<(Self, Option<Loaded<T>>), OpenError> {
        let (mut found, mut loaded, mut damaged) = (Vec::new(), None, Vec::new());
        let mut set_aside = |path: &Path| damaged.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        for entry in files::read_dir(dir).map_err(OpenError::io(dir))? {
            let path = entry.map_err(OpenError::io(dir))?.path();
            if !files::is_file(&path) {
                continue;
            }
            match path.extension().and_then(|suffix| suffix.to_str()) {
                Some(SUFFIX) => match check(&path, header)? {
                    Some(info) => found.push(info),
                    None => set_aside(&path),
                },
                Some(PART_SUFFIX) => files::remove_file(&path).map_err(OpenError::io(&path))?,
                _ => {}
            }
        }
        found.sort_by_key(|info| (info.index, info.term));
        while let Some(newest) = found.last() {
            if let Some(value) = check(&newest.path, |path| read_whole(path, &mut read))? {
                loaded = Some(Loaded { info: newest.clone(), value });
                break;
            }
            set_aside(&newest.path);
            found.pop();
        }
        let state = Mutex::new(State { good: found, parts: 0 });
        Ok((Self { inner: Arc::new(Inner { dir: dir.to_owned(), damaged, state, naming: Mutex::default() }) }, loaded))
    }

    /// Reads every file whole but the newest, which the opening read; the name of one that is damaged.
    pub fn find_damaged_older(&self) -> io::Result<Option<String>> {
        let older = self.state().good.iter().rev().skip(1).cloned().collect::<Vec<_>>();
        for info in older {
            match read_whole(&info.path, |_| Ok(())) {
                Ok(()) => {}
                Err(error) if is_damage(&error) => {
                    return Ok(info.path.file_name().map(|name| name.to_string_lossy().into_owned()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Names of the files that were damaged, and were set aside, when the directory was opened.
    pub fn damaged(&self) -> &[String] {
        &self.inner.damaged
    }

    /// The newest good snapshot.
    pub fn newest(&self) -> Option<SnapshotInfo> {
        self.state().good.last().cloned()
    }

    /// Whether a snapshot is still kept: newer ones take the place of the oldest.
    pub fn keeps(&self, info: &SnapshotInfo) -> bool {
        self.state().good.contains(info)
    }

    /// Begins a snapshot of the state at `index`; nothing is seen of it before it is finished.
    pub fn writer(&self, index: u64, term: u64, meta: impl AsRef<[u8]>) -> io::Result<SnapshotWriter> {
        SnapshotWriter::begin(self.clone(), self.part_path(), index, term, meta.as_ref())
    }

    /// Begins to take a peer's snapshot file, byte for byte.
    pub fn receiver(&self) -> io::Result<SnapshotReceiver> {
        SnapshotReceiver::begin(self.clone(), self.part_path())
    }

    /// Reads a snapshot's chunks.
    pub fn reader(&self, info: &SnapshotInfo) -> io::Result<SnapshotReader> {
        SnapshotReader::open(&info.path)
    }

    /// Gives a whole, synced file its name, and lets the oldest go.
    pub(crate) fn publish(&self, part: &Path, mut info: SnapshotInfo) -> io::Result<SnapshotInfo> {
        info.path = self.inner.dir.join(format!("{}-{}.{SUFFIX}", info.index, info.term));
        let _naming = self.inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
        abort::point("snapshot-rename");
        files::rename(part, &info.path)?;
        abort::point("snapshot-named");
        if !planted::is(Planted::SnapshotNameNotSynced) {
            sync_dir(&self.inner.dir)?;
        }
        let replaced = self.state().add(info.clone());
        for old in replaced {
            files::remove_file(&old.path)?;
        }
        Ok(info)
    }

    fn part_path(&self) -> PathBuf {
        let mut state = self.state();
        state.parts += 1;
        self.inner.dir.join(format!("{}.{PART_SUFFIX}", state.parts))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// What `read` makes of the snapshot at `path`; none if it is damaged, after setting it aside.
fn check<T>(path: &Path, read: impl FnOnce(&Path) -> io::Result<T>) -> Result<Option<T>, OpenError> {
    match read(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_damage(&error) => {
            tracing::error!(path = %path.display(), %error, "a snapshot is damaged and set aside: the one before it is tried");
            files::rename(path, path.with_extension("damaged")).map_err(OpenError::io(path))?;
            Ok(None)
        }
        // Of the system, or of whoever made something of the file.
        Err(source) if source.raw_os_error().is_some() => Err(OpenError::Io { path: path.to_owned(), source }),
        Err(source) => Err(OpenError::Snapshot { path: path.to_owned(), source }),
    }
}
