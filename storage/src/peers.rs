//! The latest start met of each member: what tells an older copy of a disk from the disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use holdfast_inventory::{Incarnation, NodeId, codec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::durable_file::DurableFile;
use crate::{DiskId, OpenError, Roster};

/// Why a peer's hello is refused.
#[derive(Debug, Error)]
pub enum MeetError {
    /// A later start of that disk was met before, or another copy of the same start.
    #[error("node {node} runs on an older copy of its data directory: it may not vote again")]
    OlderCopy {
        /// Who.
        node: NodeId,
    },
    /// The disk is not the one that the roster has for that member; also for a node that is no member.
    #[error("node {node} came with a disk that this cluster does not know: a wiped disk may not vote again")]
    UnknownDisk {
        /// Who.
        node: NodeId,
    },
    /// The meeting could not be made durable.
    #[error("cannot record the meeting with a peer: {0}")]
    Io(#[from] io::Error),
}

/// A start that was met. Its layout is the format of version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// Of which disk.
    pub disk: DiskId,
    /// Which start.
    pub incarnation: Incarnation,
    /// Its nonce.
    pub nonce: u64,
}

/// Whom this disk met; shared by all connections.
#[derive(Debug)]
pub struct Peers {
    file: DurableFile,
    /// Never held over a write: who only asks does not wait for a disk.
    known: Mutex<Known>,
    /// Held from a judgement until it is durable: two hellos of one member are judged one after the other.
    recording: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    members: BTreeMap<NodeId, DiskId>,
    met: BTreeMap<NodeId, Met>,
}

impl Peers {
    pub(crate) fn open(file: DurableFile, roster: Option<&Roster>) -> Result<Self, OpenError> {
        let met = match file.read()? {
            None => BTreeMap::new(),
            Some(body) => codec::decode(&body).map_err(|e| OpenError::Damaged { path: file.path().to_owned(), reason: e.to_string() })?,
        };
        let members = roster.map(|roster| roster.members.clone()).unwrap_or_default();
        Ok(Self { file, known: Mutex::new(Known { members, met }), recording: Mutex::default() })
    }

    /// Takes over the members of a roster that has just become durable.
    pub fn set_roster(&self, roster: &Roster) {
        self.lock().members.clone_from(&roster.members);
    }

    /// The latest start of `node` that was met. Whoever has that node's disk knows it.
    pub fn met(&self, node: NodeId) -> Option<Met> {
        self.lock().met.get(&node).copied()
    }

    /// Judges a hello. `Ok` means that this start may talk, and that no earlier one of that member will be taken again,
    /// not even after a power cut here: a start met for the first time is synced before this returns.
    ///
    /// Blocks for that sync, and returns at once for a reconnect.
    pub fn meet(&self, node: NodeId, disk: DiskId, incarnation: Incarnation, nonce: u64) -> Result<(), MeetError> {
        let now = Met { disk, incarnation, nonce };
        if self.lock().judge(node, now)? {
            return Ok(());
        }
        let _recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let mut met = {
            let known = self.lock();
            // Another hello of that member may have been judged meanwhile.
            if known.judge(node, now)? {
                return Ok(());
            }
            known.met.clone()
        };
        met.insert(node, now);
        let path = self.file.path().display();
        self.file.write(&codec::encode(&met)).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        self.lock().met = met;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether this very start was met before; false for a later one.
    fn judge(&self, node: NodeId, now: Met) -> Result<bool, MeetError> {
        if self.members.get(&node) != Some(&now.disk) {
            return Err(MeetError::UnknownDisk { node });
        }
        match self.met.get(&node) {
            Some(seen) if *seen == now => Ok(true),
            Some(seen) if seen.disk == now.disk && seen.incarnation >= now.incarnation => Err(MeetError::OlderCopy { node }),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::ClusterId;

    const NODE: NodeId = NodeId(2);
    const DISK: DiskId = DiskId(20);

    fn roster() -> Roster {
        Roster { cluster: ClusterId(1), members: [(NODE, DISK)].into() }
    }

    fn open(dir: &std::path::Path) -> Peers {
        Peers::open(DurableFile::new(dir.join("peers"), 2), Some(&roster())).unwrap()
    }

    #[test]
    fn the_same_start_reconnects_and_a_later_one_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let peers = open(dir.path());
        peers.meet(NODE, DISK, Incarnation(3), 7).unwrap();
        peers.meet(NODE, DISK, Incarnation(3), 7).unwrap();
        peers.meet(NODE, DISK, Incarnation(4), 1).unwrap();
    }

    #[test]
    fn an_older_copy_is_refused_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).meet(NODE, DISK, Incarnation(3), 7).unwrap();
        let peers = open(dir.path());
        assert!(matches!(peers.meet(NODE, DISK, Incarnation(2), 7), Err(MeetError::OlderCopy { .. })));
        assert!(matches!(peers.meet(NODE, DISK, Incarnation(3), 8), Err(MeetError::OlderCopy { .. })));
        peers.meet(NODE, DISK, Incarnation(3), 7).unwrap();
    }

    #[test]
    fn a_wiped_disk_and_a_stranger_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let peers = open(dir.path());
        assert!(matches!(peers.meet(NODE, DiskId(21), Incarnation(9), 1), Err(MeetError::UnknownDisk { .. })));
        assert!(matches!(peers.meet(NodeId(9), DISK, Incarnation(9), 1), Err(MeetError::UnknownDisk { .. })));
    }

    /// The file is written through a pipe that nobody reads yet: opening it waits, as for a disk that stands still.
    #[test]
    fn who_asks_whom_this_disk_met_does_not_wait_for_a_meeting_to_be_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let peers = Arc::new(open(dir.path()));
        let pipe = dir.path().join("peers.tmp");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let meeting = {
            let peers = Arc::clone(&peers);
            std::thread::spawn(move || peers.meet(NODE, DISK, Incarnation(3), 7).is_ok())
        };
        while peers.recording.try_lock().is_ok() {
            std::thread::yield_now();
        }
        let (tell, heard) = mpsc::channel();
        let asked = Arc::clone(&peers);
        std::thread::spawn(move || tell.send(asked.met(NODE)));
        let met = heard.recv_timeout(Duration::from_secs(5)).expect("an answer while the disk stands still");
        assert_eq!(met, None, "what is not durable was not met");

        let read = std::fs::File::open(pipe).unwrap();
        // Such a file cannot be synced.
        assert!(!meeting.join().unwrap());
        drop(read);
        assert_eq!(peers.met(NODE), None);
    }

    #[test]
    fn before_a_roster_nobody_is_met() {
        let dir = tempfile::tempdir().unwrap();
        let peers = Peers::open(DurableFile::new(dir.path().join("peers"), 2), None).unwrap();
        assert!(peers.meet(NODE, DISK, Incarnation(1), 1).is_err());
        peers.set_roster(&roster());
        peers.meet(NODE, DISK, Incarnation(1), 1).unwrap();
    }
}
