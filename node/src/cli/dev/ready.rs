//! Whether a node of a `dev` cluster serves.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use holdfast_inventory::NodeId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::config::Member;
use crate::limits::{DEV_READY_PAUSE, DEV_READY_TIMEOUT};

/// Waits until every member answers 200 to `/readyz` at an address that it `has_bound`, and says after each `patience` for whom it
/// waits. Fails if an address answers for as long and is still not known to be bound.
pub(super) async fn wait(members: &[Member], patience: Duration, has_bound: impl Fn(NodeId) -> bool) -> Result<(), Failure> {
    let mut unnamed: BTreeMap<NodeId, Instant> = BTreeMap::new();
    let mut waiting: Vec<&Member> = members.iter().collect();
    let mut told = Instant::now();
    loop {
        let mut still = Vec::new();
        for member in waiting {
            // In this order: what answers after the process has bound its addresses is that process.
            match (has_bound(member.id), is_ready(&member.api).await) {
                (true, true) => continue,
                (false, true) if unnamed.entry(member.id).or_insert_with(Instant::now).elapsed() >= patience => {
                    let (node, api) = (member.id, &member.api);
                    let told = format!("{api} answers, but the process id file of node {node} does not name its process: its log says why");
                    return Err(Failure::Failed(told));
                }
                (false, true) => {}
                (_, false) => {
                    unnamed.remove(&member.id);
                }
            }
            still.push(member);
        }
        if still.is_empty() {
            return Ok(());
        }
        if told.elapsed() >= patience {
            told = Instant::now();
            let names: Vec<_> = still.iter().map(|member| member.id.to_string()).collect();
            output::line(&format!("still waiting for node {}: its log says why", names.join(", ")))?;
        }
        waiting = still;
        sleep(DEV_READY_PAUSE).await;
    }
}

async fn is_ready(address: &str) -> bool {
    matches!(timeout(DEV_READY_TIMEOUT, ask(address)).await, Ok(Ok(true)))
}

async fn ask(address: &str) -> io::Result<bool> {
    const READY: &[u8] = b"HTTP/1.1 200";
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut start = [0; READY.len()];
    stream.read_exact(&mut start).await?;
    Ok(start == READY)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::HttpSection;
    use crate::listen::{ListenConfig, NoFastPath, bind, serve};

    async fn answering(status: StatusCode) -> String {
        let listener = bind("api", "127.0.0.1:0", None).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().route("/readyz", get(async move || status));
        tokio::spawn(serve(listener, router, NoFastPath, ListenConfig::api(&HttpSection::default()), CancellationToken::new()));
        address
    }

    #[tokio::test]
    async fn only_a_200_is_ready() {
        assert!(is_ready(&answering(StatusCode::OK).await).await);
        assert!(!is_ready(&answering(StatusCode::SERVICE_UNAVAILABLE).await).await);
        assert!(!is_ready("127.0.0.1:1").await);
    }

    #[tokio::test]
    async fn a_node_that_serves_and_left_no_process_id_is_not_waited_for() {
        let api = answering(StatusCode::OK).await;
        let member = Member { id: NodeId(1), api, admin: String::new(), peer: String::new(), weight: 1 };
        let patience = Duration::from_millis(100);
        wait(std::slice::from_ref(&member), patience, |_| true).await.unwrap();
        let failure = wait(&[member], patience, |_| false).await.unwrap_err();
        assert!(failure.to_string().contains("process id file of node 1"), "{failure}");
    }
}
