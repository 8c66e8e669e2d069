//! A leader's stream of entries: many requests in, answers out in the same order.

use futures_util::{SinkExt, StreamExt};
use openraft::raft::AppendEntriesRequest;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::types::{Consensus, TypeConfig};
use crate::wire::{Append, Appended, Connection, WireError, pack, unpack};

/// Ends with the leader's half of the connection, when the node stops and what was asked before is answered, or after the first answer that is not a success. A damaged frame ends
/// it too: the leader then lacks an answer and begins a new stream.
pub(crate) async fn serve(connection: Connection, consensus: &Consensus, stopping: &CancellationToken) -> Result<(), WireError> {
    let (mut sink, stream) = connection.split();
    let requests = stream.map(|frame| unpack::<Append>(&frame?).map(AppendEntriesRequest::<TypeConfig>::from)).scan(
        (),
        |(), request: Result<_, WireError>| {
            if let Err(error) = &request {
                tracing::warn!(%error, "append stream ended");
            }
            std::future::ready(request.ok())
        },
    );
    let requests = requests.take_until(stopping.clone().cancelled_owned());
    let answers = std::pin::pin!(consensus.stream_append(requests));
    let mut chunks = answers.ready_chunks(limits::COALESCED_FRAMES);
    while let Some(answers) = chunks.next().await {
        for answer in answers {
            let Ok(answer) = answer else { return Err(WireError::Closed) };
            sink.feed(pack(&Appended::from(&answer))).await?;
        }
        sink.flush().await?;
    }
    Ok(sink.close().await?)
}
