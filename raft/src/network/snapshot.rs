//! Sending a snapshot file: in parts, with a checksum over all of it, a few parts in memory at a time.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use holdfast_storage::{SnapshotInfo, Snapshots};
use openraft::raft::SnapshotResponse;
use thiserror::Error;
use tokio::sync::mpsc;

use super::dial::Dialer;
use crate::blocking::blocking;
use crate::limits;
use crate::mirror::{SnapshotMetaV1, VoteV1};
use crate::types::{TypeConfig, Vote};
use crate::wire::{self, Connection, HandshakeError, Purpose, SnapshotDone, SnapshotPart, WireError, pack};

/// Why a snapshot did not arrive.
#[derive(Debug, Error)]
pub(crate) enum SendError {
    /// There was no connection, which the dialer tells: tried again.
    #[error(transparent)]
    NotReached(HandshakeError),
    /// The network's fault, or the receiver's: tried again.
    #[error(transparent)]
    Network(#[from] WireError),
    /// The receiver did not take it.
    #[error("the receiver did not take the snapshot: {0}")]
    Refused(String),
    /// Newer ones took its place before it was opened: the next attempt sends one of those.
    #[error("newer snapshots took the place of this one")]
    Replaced,
    /// Its file does not read back: this node must stop.
    #[error("own snapshot: {0}")]
    Damaged(io::Error),
}

/// Counts the snapshots that are being sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sending(Arc<AtomicUsize>);

/// One of them, until it is dropped.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Sending {
    pub(crate) fn is_any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    pub(crate) fn begin(&self) -> Counted {
        self.0.fetch_add(1, Ordering::AcqRel);
        Counted(Arc::clone(&self.0))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where a snapshot goes.
pub(crate) struct Target<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) to: u64,
    pub(crate) address: &'a str,
}

/// Sends the file of `info`, checked first, and waits until it is installed. Dropping the future gives it up.
pub(crate) async fn send(
    target: Target<'_>,
    vote: &Vote,
    meta: SnapshotMetaV1,
    info: SnapshotInfo,
    snapshots: Snapshots,
) -> Result<SnapshotResponse<TypeConfig>, SendError> {
    let (mut connection, _) = target.dialer.dial(target.to, target.address, Purpose::Snapshot).await.map_err(SendError::NotReached)?;
    feed(&mut connection, &SnapshotPart::Begin { vote: VoteV1::from(vote), meta }).await?;
    let (parts, ready) = mpsc::channel(limits::SNAPSHOT_PARTS_AHEAD);
    let reading = read_parts(snapshots.clone(), info.clone(), parts);
    let (read, sent) = tokio::join!(reading, send_parts(&mut connection, ready));
    read.map_err(|error| if snapshots.keeps(&info) { SendError::Damaged(error) } else { SendError::Replaced })?;
    let (chunks, sum) = sent?;
    feed(&mut connection, &SnapshotPart::End { chunks, sum }).await?;
    let installing = Duration::from_millis(limits::SNAPSHOT_INSTALL_MS);
    let done: SnapshotDone = within(installing, wire::receive(&mut connection)).await?;
    match (done.refused, done.vote) {
        (None, Some(vote)) => Ok(SnapshotResponse::new(vote.into())),
        (reason, _) => Err(SendError::Refused(reason.unwrap_or_else(|| "no reason given".into()))),
    }
}

/// Reads the file twice: once to know that it is good, so that a damaged one harms no other node, once to send it.
async fn read_parts(snapshots: Snapshots, info: SnapshotInfo, parts: mpsc::Sender<Bytes>) -> io::Result<()> {
    let opening = move || {
        let file = info.open_raw()?;
        for chunk in snapshots.reader(&info)? {
            chunk?;
        }
        Ok::<_, io::Error>(file)
    };
    let mut file = blocking(opening).await??;
    loop {
        let reading = move || {
            let mut part = Vec::with_capacity(limits::SNAPSHOT_PART_BYTES);
            (&mut file).take(limits::SNAPSHOT_PART_BYTES as u64).read_to_end(&mut part)?;
            Ok::<_, io::Error>((file, part))
        };
        let part;
        (file, part) = blocking(reading).await??;
        // The receiver of the parts is gone when the transfer was given up.
        if part.is_empty() || parts.send(Bytes::from(part)).await.is_err() {
            return Ok(());
        }
    }
}

/// Sends the parts as they come; gives their number and their checksum.
async fn send_parts(connection: &mut Connection, mut ready: mpsc::Receiver<Bytes>) -> Result<(u64, u32), WireError> {
    let (mut chunks, mut sum) = (0, crc32fast::Hasher::new());
    while let Some(part) = ready.recv().await {
        sum.update(&part);
        chunks += 1;
        feed(connection, &SnapshotPart::Chunks(vec![part])).await?;
    }
    Ok((chunks, sum.finalize()))
}

async fn feed(connection: &mut Connection, part: &SnapshotPart) -> Result<(), WireError> {
    let stall = Duration::from_millis(limits::SNAPSHOT_STALL_MS);
    within(stall, async { Ok(connection.send(pack(part)).await?) }).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into())),
    }
}
