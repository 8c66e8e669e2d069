//! Receiving a snapshot: to a file that nobody sees before consensus agrees to install it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use holdfast_storage::{SnapshotReceiver, Snapshots};
use openraft::alias::SnapshotOf;
use tokio::sync::mpsc;

use crate::blocking::blocking;
use crate::limits;
use crate::mirror::{SnapshotMetaV1, VoteV1};
use crate::snapshot::SnapshotFile;
use crate::types::{Consensus, TypeConfig};
use crate::wire::{self, Connection, SnapshotDone, SnapshotPart, WireError};

/// Takes one snapshot and says what came of it.
pub(crate) async fn serve(mut connection: Connection, consensus: &Consensus, snapshots: &Snapshots) -> Result<(), WireError> {
    let SnapshotPart::Begin { vote, meta } = next(&mut connection).await? else {
        return Err(WireError::Malformed("a snapshot begins with its beginning".into()));
    };
    let done = match take(&mut connection, snapshots).await {
        Ok(receiver) => install(consensus, vote, meta, receiver).await,
        Err(TakeError::Wire(error)) => return Err(error),
        Err(TakeError::Disk(error)) => {
            tracing::warn!(%error, "snapshot not received");
            SnapshotDone { refused: Some(error.to_string()), vote: None }
        }
    };
    wire::send(&mut connection, &done).await
}

enum TakeError {
    Wire(WireError),
    /// A full disk, most likely: the node goes on without the snapshot.
    Disk(io::Error),
}

impl From<WireError> for TakeError {
    fn from(error: WireError) -> Self {
        TakeError::Wire(error)
    }
}

async fn take(connection: &mut Connection, snapshots: &Snapshots) -> Result<SnapshotReceiver, TakeError> {
    let snapshots = snapshots.clone();
    let receiver = blocking(move || snapshots.receiver()).await.and_then(|begun| begun).map_err(TakeError::Disk)?;
    let (parts, ready) = mpsc::channel(limits::SNAPSHOT_PARTS_AHEAD);
    let (complete, written) = tokio::join!(receive_parts(connection, parts), write_parts(receiver, ready));
    complete?;
    written.map_err(TakeError::Disk)
}

async fn write_parts(mut receiver: SnapshotReceiver, mut ready: mpsc::Receiver<Bytes>) -> io::Result<SnapshotReceiver> {
    while let Some(part) = ready.recv().await {
        receiver = blocking(move || receiver.write(&part).map(|()| receiver)).await??;
    }
    Ok(receiver)
}

/// Hands every part to the writer and checks that all came as they were sent.
async fn receive_parts(connection: &mut Connection, parts: mpsc::Sender<Bytes>) -> Result<(), WireError> {
    let (mut count, mut own) = (0, crc32fast::Hasher::new());
    loop {
        match next(connection).await? {
            SnapshotPart::Chunks(chunks) => {
                for chunk in chunks {
                    own.update(&chunk);
                    count += 1;
                    // The writer stops early only with an error, which the caller reads from it.
                    if parts.send(chunk).await.is_err() {
                        return Ok(());
                    }
                }
            }
            SnapshotPart::End { chunks, sum } if chunks == count && sum == own.finalize() => return Ok(()),
            _ => return Err(WireError::Malformed("the snapshot's parts do not add up".into())),
        }
    }
}

async fn install(consensus: &Consensus, vote: VoteV1, meta: SnapshotMetaV1, receiver: SnapshotReceiver) -> SnapshotDone {
    let snapshot = SnapshotOf::<TypeConfig, SnapshotFile> { meta: meta.into(), snapshot: SnapshotFile::Received(Box::new(receiver)) };
    match consensus.install_full_snapshot(vote.into(), snapshot).await {
        Ok(response) => SnapshotDone { refused: None, vote: Some((&response.vote).into()) },
        Err(fatal) => SnapshotDone { refused: Some(fatal.to_string()), vote: None },
    }
}

async fn next(connection: &mut Connection) -> Result<SnapshotPart, WireError> {
    let stall = Duration::from_millis(limits::SNAPSHOT_STALL_MS);
    match tokio::time::timeout(stall, wire::receive(connection)).await {
        Ok(part) => part,
        Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into())),
    }
}
