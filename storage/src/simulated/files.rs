//! `std::fs` over the disks of this thread, as far as the stores use it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::disk::{Entry, MemoryDisk};

thread_local! {
    /// By their root: the first component of a path tells the disk.
    static DISKS: RefCell<BTreeMap<PathBuf, MemoryDisk>> = const { RefCell::new(BTreeMap::new()) };
}

/// Puts a disk at `root`, in the place of one that is there.
pub(super) fn insert(root: &Path, disk: MemoryDisk) {
    DISKS.with_borrow_mut(|disks| disks.insert(root.to_owned(), disk));
}

/// Forgets all disks of this thread.
pub(super) fn clear() {
    DISKS.with_borrow_mut(BTreeMap::clear);
}

/// Does something with the disk that `path` is on; none if there is none.
pub(super) fn at<R>(path: &Path, act: impl FnOnce(&mut MemoryDisk) -> R) -> Option<R> {
    DISKS.with_borrow_mut(|disks| disks.iter_mut().find(|(root, _)| path.starts_with(root)).map(|(_, disk)| act(disk)))
}

/// Does something with the disk that `path` is on, as the process that uses it.
fn with_disk<R>(path: &Path, act: impl FnOnce(&mut MemoryDisk) -> io::Result<R>) -> io::Result<R> {
    let done = at(path, |disk| disk.check(disk.process()).and_then(|()| act(disk)));
    done.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
}

/// An open file or directory.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    entry: Entry,
    process: u64,
    cursor: usize,
}

impl File {
    /// Opens for reading.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        with_disk(path, |disk| Ok(Self { path: path.to_owned(), entry: disk.entry(path)?, process: disk.process(), cursor: 0 }))
    }

    /// As `sync_all`.
    pub fn sync_data(&self) -> io::Result<()> {
        self.with(|disk, entry| match entry {
            Entry::File(file) => disk.sync_file(file),
            Entry::Dir => {
                disk.sync_dir(&self.path);
                Ok(())
            }
        })
    }

    /// Stores bytes, or the names in a directory.
    pub fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    /// Its length.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.with(|disk, entry| Ok(Metadata(length(disk, entry))))
    }

    /// Always succeeds: processes of one disk follow each other.
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the signature of std")]
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        Ok(())
    }

    fn with<R>(&self, act: impl FnOnce(&mut MemoryDisk, Entry) -> io::Result<R>) -> io::Result<R> {
        with_disk(&self.path, |disk| disk.check(self.process).and_then(|()| act(disk, self.entry)))
    }
}

fn length(disk: &MemoryDisk, entry: Entry) -> u64 {
    match entry {
        Entry::File(file) => disk.bytes(file).len() as u64,
        Entry::Dir => 0,
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl FileExt for File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = position(offset)?;
        self.with(|disk, entry| {
            let Entry::File(file) = entry else { return Err(io::ErrorKind::IsADirectory.into()) };
            let rest = disk.bytes(file).get(offset..).unwrap_or_default();
            let length = rest.len().min(into.len());
            into[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let offset = position(offset)?;
        self.with(|disk, entry| {
            let Entry::File(file) = entry else { return Err(io::ErrorKind::IsADirectory.into()) };
            disk.write(file, bytes, offset);
            Ok(bytes.len())
        })
    }
}

impl Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.read_at(into, self.cursor as u64)?;
        self.cursor += length;
        Ok(length)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.write_at(bytes, self.cursor as u64)?;
        self.cursor += length;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Length of a file.
#[derive(Clone, Copy, Debug)]
pub struct Metadata(u64);

impl Metadata {
    /// In bytes.
    #[allow(clippy::len_without_is_empty, reason = "the signature of std")]
    pub fn len(&self) -> u64 {
        self.0
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenOptions {
    creates: bool,
    truncates: bool,
}

impl OpenOptions {
    /// None of the options.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Every file is opened for both.
    pub(crate) fn read(&mut self, _: bool) -> &mut Self {
        self
    }

    /// Every file is opened for both.
    pub(crate) fn write(&mut self, _: bool) -> &mut Self {
        self
    }

    /// Whether a missing file is made.
    pub(crate) fn create(&mut self, creates: bool) -> &mut Self {
        self.creates = creates;
        self
    }

    /// Whether the file is emptied.
    pub(crate) fn truncate(&mut self, truncates: bool) -> &mut Self {
        self.truncates = truncates;
        self
    }

    /// Opens it.
    pub(crate) fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        with_disk(path, |disk| {
            let file = match disk.file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.creates => disk.make_file(path),
                found => found?,
            };
            if self.truncates {
                disk.truncate(file);
            }
            Ok(File { path: path.to_owned(), entry: Entry::File(file), process: disk.process(), cursor: 0 })
        })
    }
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, _: u32) -> &mut Self {
        self
    }

    fn custom_flags(&mut self, _: i32) -> &mut Self {
        self
    }
}

/// Makes directories.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DirBuilder {
    recursive: bool,
}

impl DirBuilder {
    /// One directory, which must not exist.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether an existing one will do.
    pub(crate) fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Makes it.
    pub(crate) fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        with_disk(path, |disk| match disk.entry(path) {
            Ok(Entry::Dir) if self.recursive => Ok(()),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {
                disk.make_dir(path);
                Ok(())
            }
        })
    }
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, _: u32) -> &mut Self {
        self
    }
}

/// Something in a directory.
#[derive(Clone, Debug)]
pub(crate) struct DirEntry(PathBuf);

impl DirEntry {
    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.clone()
    }

    /// Its last component.
    pub(crate) fn file_name(&self) -> std::ffi::OsString {
        self.0.file_name().unwrap_or_default().to_owned()
    }

    /// Its length.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        metadata(&self.0)
    }
}

/// What is in a directory, by name.
pub(crate) fn read_dir(path: impl AsRef<Path>) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    let path = path.as_ref();
    let entries = with_disk(path, |disk| disk.entry(path).map(|_| disk.list(path)))?;
    Ok(entries.into_iter().map(|path| Ok(DirEntry(path))))
}

/// All of a file.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    with_disk(path, |disk| disk.file(path).map(|file| disk.bytes(file).to_vec()))
}

/// The length of a file.
pub(crate) fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref();
    with_disk(path, |disk| disk.entry(path).map(|entry| Metadata(length(disk, entry))))
}

/// Whether a file has this name.
pub(crate) fn is_file(path: impl AsRef<Path>) -> bool {
    with_disk(path.as_ref(), |disk| disk.file(path.as_ref())).is_ok()
}

/// Gives a file another name.
pub(crate) fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    with_disk(from.as_ref(), |disk| disk.rename(from.as_ref(), to.as_ref()))
}

/// Takes a file's name away.
pub(crate) fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    with_disk(path.as_ref(), |disk| disk.remove_file(path.as_ref()))
}

/// Does nothing: there is one user.
pub(crate) fn set_permissions(path: impl AsRef<Path>, _: Permissions) -> io::Result<()> {
    with_disk(path.as_ref(), |disk| disk.entry(path.as_ref()).map(drop))
}

/// Whether something has this name.
pub(crate) fn exists(path: &Path) -> bool {
    with_disk(path, |disk| disk.entry(path)).is_ok()
}
