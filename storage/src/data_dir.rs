//! A node's data directory: `lock identity starts peers log.made log/ orders/ snapshots/`, for this user only.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_inventory::{Incarnation, NodeId, codec};

use crate::chance;
use crate::dir_lock::DirLock;
use crate::durable_file::{DurableFile, sync_dir};
use crate::files::{self, DirBuilder};
use crate::identity::IdentityV1;
use crate::limits::{LOG_FIRST_SEGMENT_BYTES, LOG_SEGMENT_BYTES};
use crate::log_segment::SegmentBytes;
use crate::{Disk, DiskId, Identity, Loaded, LogStore, OpenError, OrderLog, OwnStarts, Peers, Roster, SnapshotReader, Snapshots, Syncer};

const IDENTITY_KIND: u8 = 1;
const PEERS_KIND: u8 = 2;
const STARTS_KIND: u8 = 3;
/// Sizes of the Raft log's files; small in a simulation, whose logs are short and must still fill some.
const SEGMENTS: SegmentBytes = if cfg!(feature = "simulation") {
    SegmentBytes { first: 16 << 10, most: 64 << 10 }
} else {
    SegmentBytes { first: LOG_FIRST_SEGMENT_BYTES, most: LOG_SEGMENT_BYTES }
};

const PARTS: [&str; 3] = ["log", "orders", "snapshots"];

/// Whether a missing directory is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Made if it does not exist.
    Create,
    /// Must exist.
    Existing,
}

/// An open data directory. Its lock is held while this value or any part opened from it lives.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: Arc<DirLock>,
    disk: Disk,
}

impl DataDir {
    /// Takes the directory: nobody else can until it is dropped. Files that are not a node's are refused.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, OpenError> {
        if !files::exists(path) {
            if mode == OpenMode::Existing {
                return Err(OpenError::Absent(path.to_owned()));
            }
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(OpenError::io(path))?;
        }
        refuse_foreign(path)?;
        files::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(OpenError::io(path))?;
        let lock = Arc::new(DirLock::take(path)?);
        let dir = Self { path: path.to_owned(), lock, disk: Disk::default() };
        dir.refuse_parts_without_identity()?;
        dir.refuse_member_without_log()?;
        Ok(dir)
    }

    /// The same directory, its stores on `disk`: a test can make that one fail or hang.
    #[must_use]
    pub fn on_disk(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a start of `node` on this directory: its incarnation is one higher than the last, synced before this returns.
    /// An empty directory gets its disk id and its owner here.
    pub fn start(&self, node: NodeId) -> Result<Identity, OpenError> {
        let before = self.read_identity()?;
        if let Some(owner) = before.as_ref().map(|identity| identity.node).filter(|owner| *owner != node) {
            return Err(OpenError::OtherNode { path: self.path.clone(), owner, asked: node });
        }
        let mut identity =
            before.unwrap_or_else(|| IdentityV1 { disk: DiskId(chance::random()), node, incarnation: Incarnation(0), cluster: None });
        identity.incarnation = Incarnation(identity.incarnation.0 + 1);
        self.write_identity(&identity).map_err(OpenError::io(self.identity_file().path()))?;
        let start_nonce = chance::random();
        let starts = self.note_start(identity.incarnation, start_nonce)?;
        for part in PARTS {
            make_dir(&self.path.join(part))?;
        }
        sync_dir(&self.path).map_err(OpenError::io(&self.path))?;
        if let Some(parent) = self.path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned)) {
            sync_dir(&parent).map_err(OpenError::io(parent))?;
        }
        Ok(identity.into_identity(start_nonce, starts))
    }

    /// Adds a start to those of this disk, synced before this returns: no peer hears of one that is not there.
    fn note_start(&self, incarnation: Incarnation, nonce: u64) -> Result<OwnStarts, OpenError> {
        let file = DurableFile::new(self.path.join("starts"), STARTS_KIND);
        let mut starts: OwnStarts = match file.read()? {
            None => OwnStarts::default(),
            Some(body) => codec::decode(&body).map_err(|e| OpenError::Damaged { path: file.path().to_owned(), reason: e.to_string() })?,
        };
        starts.add(incarnation, nonce);
        file.write(&codec::encode(&starts)).map_err(OpenError::io(file.path()))?;
        Ok(starts)
    }

    /// Who the directory was at its last start; none if it is empty. Changes nothing: for inspection of a stopped node.
    pub fn peek(&self) -> Result<Option<Identity>, OpenError> {
        Ok(self.read_identity()?.map(|identity| identity.into_identity(chance::random(), OwnStarts::default())))
    }

    /// Records the cluster that this disk belongs to; synced before this returns. A directory keeps its first cluster id.
    pub fn set_roster(&self, identity: &mut Identity, roster: Roster) -> Result<(), OpenError> {
        let path = self.identity_file().path().to_owned();
        if identity.cluster.as_ref().is_some_and(|now| now.cluster != roster.cluster) {
            return Err(OpenError::Damaged { path, reason: "it belongs to another cluster".into() });
        }
        let stored =
            IdentityV1 { disk: identity.disk, node: identity.node, incarnation: identity.incarnation, cluster: Some(roster.clone()) };
        self.write_identity(&stored).map_err(OpenError::io(path))?;
        identity.cluster = Some(roster);
        Ok(())
    }

    /// The members met so far.
    pub fn peers(&self, identity: &Identity) -> Result<Peers, OpenError> {
        Peers::open(DurableFile::new(self.path.join("peers"), PEERS_KIND), identity.cluster.as_ref())
    }

    /// Opens the Raft log; once per process.
    pub fn log(&self) -> Result<LogStore, OpenError> {
        self.open_log(SEGMENTS, &self.disk)
    }

    /// Opens the Raft log with another last step of durability, which a test can make fail.
    pub fn log_with(&self, syncer: Arc<dyn Syncer>) -> Result<LogStore, OpenError> {
        self.log_sized(syncer, SEGMENTS.first, SEGMENTS.most)
    }

    /// Opens the Raft log with segments of another size, `first` bytes at first and `most` in the end, which a test makes small.
    pub fn log_sized(&self, syncer: Arc<dyn Syncer>, first: u64, most: u64) -> Result<LogStore, OpenError> {
        self.open_log(SegmentBytes { first, most }, &Disk { syncer, ..self.disk.clone() })
    }

    fn open_log(&self, sizes: SegmentBytes, disk: &Disk) -> Result<LogStore, OpenError> {
        LogStore::open(&self.path.join("log"), sizes, disk, Arc::clone(&self.lock))
    }

    /// Opens the order log; once per process. A damaged one is set aside and comes back empty: see [`OrderLog::was_reset`].
    pub fn orders(&self) -> Result<OrderLog, OpenError> {
        OrderLog::open(&self.path.join("orders"), &self.disk, Arc::clone(&self.lock))
    }

    /// Opens the snapshot files, the newest of them read whole; damaged ones are set aside.
    pub fn snapshots(&self) -> Result<Snapshots, OpenError> {
        self.snapshots_read(|_| Ok(())).map(|(snapshots, _)| snapshots)
    }

    /// Opens the snapshot files and has `read` make something of the newest that is good: of one that turns out to be damaged, which
    /// `read` may tell too as [`io::ErrorKind::InvalidData`], nothing is kept. Any other error ends it.
    pub fn snapshots_read<T>(
        &self,
        read: impl FnMut(&mut SnapshotReader) -> io::Result<T>,
    ) -> Result<(Snapshots, Option<Loaded<T>>), OpenError> {
        Snapshots::open(&self.path.join("snapshots"), read)
    }

    fn identity_file(&self) -> DurableFile {
        DurableFile::new(self.path.join("identity"), IDENTITY_KIND)
    }

    fn read_identity(&self) -> Result<Option<IdentityV1>, OpenError> {
        let file = self.identity_file();
        let Some(body) = file.read()? else { return Ok(None) };
        let identity = codec::decode(&body).map_err(|e| OpenError::Damaged { path: file.path().to_owned(), reason: e.to_string() })?;
        Ok(Some(identity))
    }

    fn write_identity(&self, identity: &IdentityV1) -> io::Result<()> {
        self.identity_file().write(&codec::encode(identity))
    }

    /// The identity is written before any part is made: parts without it mean that it was lost.
    fn refuse_parts_without_identity(&self) -> Result<(), OpenError> {
        let identity = self.path.join("identity");
        if !files::exists(&identity) && PARTS.iter().any(|part| files::exists(&self.path.join(part))) {
            return Err(OpenError::Damaged { path: identity, reason: "it is gone, but other parts are there".into() });
        }
        Ok(())
    }

    /// A log that is gone took with it what this node promised, and would be begun anew without a word. Other parts are mended
    /// by the peers.
    fn refuse_member_without_log(&self) -> Result<(), OpenError> {
        let path = self.path.join("log");
        if self.is_member()? && !files::exists(&path) {
            return Err(OpenError::LogDamaged { path, reason: "it is gone".into() });
        }
        Ok(())
    }

    /// A part that every member has since its first start, and that is not there.
    pub(crate) fn refuse_missing_part(&self) -> Result<(), OpenError> {
        match PARTS.iter().map(|part| self.path.join(part)).find(|part| !files::exists(part)) {
            Some(part) if self.is_member()? => Err(OpenError::PartGone(part)),
            _ => Ok(()),
        }
    }

    fn is_member(&self) -> Result<bool, OpenError> {
        Ok(self.read_identity()?.is_some_and(|identity| identity.cluster.is_some()))
    }
}

fn make_dir(path: &Path) -> Result<(), OpenError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(OpenError::io(path)(error)),
        _ => Ok(()),
    }
}

fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    let ours = |name: &str| {
        matches!(
            name,
            "lock" | "identity" | "identity.tmp" | "starts" | "starts.tmp" | "peers" | "peers.tmp" | "log.made" | "log.tmp" | "lost+found"
        ) || PARTS.contains(&name)
            || name.starts_with("orders.damaged-")
    };
    for entry in files::read_dir(path).map_err(OpenError::io(path))? {
        let name = entry.map_err(OpenError::io(path))?.file_name();
        if files::exists(&path.join("identity")) {
            return Ok(());
        }
        if !name.to_str().is_some_and(ours) {
            return Err(OpenError::Foreign(path.to_owned()));
        }
    }
    Ok(())
}

impl IdentityV1 {
    fn into_identity(self, start_nonce: u64, starts: OwnStarts) -> Identity {
        Identity { disk: self.disk, node: self.node, incarnation: self.incarnation, start_nonce, starts, cluster: self.cluster }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClusterId;

    #[test]
    fn each_start_counts_and_the_disk_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let first = DataDir::open(&path, OpenMode::Create).unwrap().start(NodeId(1)).unwrap();
        let second = DataDir::open(&path, OpenMode::Existing).unwrap().start(NodeId(1)).unwrap();
        assert_eq!((first.incarnation, second.incarnation), (Incarnation(1), Incarnation(2)));
        assert_eq!(first.disk, second.disk);
        assert_ne!(first.start_nonce, second.start_nonce);
        assert!(second.starts.has(first.incarnation, first.start_nonce) && second.starts.has(second.incarnation, second.start_nonce));
        assert!(!second.starts.has(first.incarnation, second.start_nonce));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(path.join("identity")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let held = DataDir::open(root.path(), OpenMode::Create).unwrap();
        let error = DataDir::open(root.path(), OpenMode::Create).unwrap_err();
        assert!(matches!(error, OpenError::InUse(_)) && error.refused());
        drop(held);
        DataDir::open(root.path(), OpenMode::Create).unwrap();
    }

    #[test]
    fn the_directory_of_another_node_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::open(root.path(), OpenMode::Create).unwrap();
        dir.start(NodeId(1)).unwrap();
        let error = dir.start(NodeId(2)).unwrap_err();
        assert!(matches!(error, OpenError::OtherNode { .. }) && error.refused());
    }

    #[test]
    fn a_roster_outlives_the_process_and_is_not_exchanged() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::open(root.path(), OpenMode::Create).unwrap();
        let mut identity = dir.start(NodeId(1)).unwrap();
        let roster = Roster { cluster: ClusterId(5), members: [(NodeId(1), identity.disk)].into() };
        dir.set_roster(&mut identity, roster.clone()).unwrap();
        assert_eq!(dir.start(NodeId(1)).unwrap().cluster, Some(roster));
        let other = Roster { cluster: ClusterId(6), members: [].into() };
        assert!(dir.set_roster(&mut identity, other).is_err());
    }

    #[test]
    fn foreign_files_and_a_lost_identity_are_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("thesis.doc"), b"").unwrap();
        assert!(matches!(DataDir::open(root.path(), OpenMode::Create), Err(OpenError::Foreign(_))));
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("log")).unwrap();
        let error = DataDir::open(root.path(), OpenMode::Create).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }) && !error.refused());
        assert!(matches!(DataDir::open(&root.path().join("none"), OpenMode::Existing), Err(OpenError::Absent(_))));
    }
}
