//! A node's admin listener with somebody in between who changes what it answers.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http::{self, Call};

/// Changes an answer of the call with this path.
pub type Lie = dyn Fn(&str, &mut Value) + Send + Sync;

/// Passes `GET`s on to a node and lies about the answers. Dropped: it closes.
pub struct Liar {
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct Passed {
    to: SocketAddr,
    lie: Box<Lie>,
}

impl Liar {
    /// Listens in front of `to`.
    pub async fn before(to: SocketAddr, lie: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Result<Liar> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(pass_on).with_state(Arc::new(Passed { to, lie: Box::new(lie) }));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the liar closed: {error}");
            }
        });
        Ok(Liar { address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(State(passed): State<Arc<Passed>>, request: Request) -> Response {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let answer = http::call(passed.to, &Call::get(target)).await;
    let Some((status, mut body)) = answer.ok().and_then(|answer| Some((answer.status, answer.json().ok()?))) else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    (passed.lie)(request.uri().path(), &mut body);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
