//! Whether a node of a `dev` cluster serves.

use std::io;

use holdfast_inventory::NodeId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::config::Member;
use crate::limits::{DEV_PATIENCE, DEV_READY_PAUSE, DEV_READY_TIMEOUT};

/// Waits until every member answers 200 to `/readyz` at an address that it `has_bound`, and says now and then for whom it waits.
pub(super) async fn wait(members: &[Member], has_bound: impl Fn(NodeId) -> bool) -> Result<(), Failure> {
    let mut waiting: Vec<&Member> = members.iter().collect();
    let mut told = Instant::now();
    loop {
        let mut still = Vec::new();
        for member in waiting {
            if !(has_bound(member.id) && is_ready(&member.api).await) {
                still.push(member);
            }
        }
        if still.is_empty() {
            return Ok(());
        }
        if told.elapsed() >= DEV_PATIENCE {
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
}
