//! One attempt: a request to one node and its answer, over kept connections.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client as Connections, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::ClientConfig;
use crate::endpoints::Authority;
use crate::limits::{IDLE_CONNECTIONS, IDLE_KEPT, MAX_ANSWER_BYTES};

/// What is sent, to whichever node.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
}

/// What a node answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was sent.
    NotSent(String),
    /// Something was, or may have been.
    NoAnswer(String),
}

/// Connections to the nodes. Attempts in flight and idle connections are bounded.
#[derive(Debug)]
pub(crate) struct Transport {
    connections: Connections<HttpConnector, Full<Bytes>>,
    in_flight: Semaphore,
}

impl Transport {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(config.connect_timeout));
        let connections = Connections::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_KEPT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Self { connections, in_flight: Semaphore::new(config.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// Sends `question` to `node` and reads the whole answer, until `deadline`.
    pub(crate) async fn ask(&self, node: &Authority, question: &Question, deadline: Instant) -> Result<Reply, Fault> {
        let permit = timeout_at(deadline, self.in_flight.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Fault::NotSent("too many requests of this client are in flight".into()));
        };
        match timeout_at(deadline, self.exchange(node, question)).await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::NoAnswer(format!("{node} did not answer in time"))),
        }
    }

    async fn exchange(&self, node: &Authority, question: &Question) -> Result<Reply, Fault> {
        let (parts, body) = self.open(node, question).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| Fault::NoAnswer(format!("the answer of {node} broke off: {error}")))?.to_bytes();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }

    /// Sends `question` to `node` and returns when the answer begins. Bounded by nothing but the connect timeout.
    pub(crate) async fn open(&self, node: &Authority, question: &Question) -> Result<Response<Incoming>, Fault> {
        let request = build(node, question).map_err(|error| Fault::NotSent(format!("the request cannot be written: {error}")))?;
        self.connections.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            if error.is_connect() {
                Fault::NotSent(format!("{node} cannot be reached{cause}"))
            } else {
                Fault::NoAnswer(format!("the connection to {node} broke{cause}"))
            }
        })
    }
}

fn build(node: &Authority, question: &Question) -> Result<Request<Full<Bytes>>, http::Error> {
    let uri = format!("http://{node}{}", question.target);
    let mut request = Request::builder().method(question.method.clone()).uri(uri);
    for (name, value) in &question.headers {
        request = request.header(*name, value.as_str());
    }
    if question.body.is_some() {
        request = request.header(header::CONTENT_TYPE, holdfast_api::headers::JSON);
    }
    request.body(Full::new(question.body.clone().unwrap_or_default()))
}

impl Reply {
    /// A header as text, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Cluster time that a definite answer is true at.
    pub(crate) fn stamp_ms(&self) -> Option<u64> {
        self.header(holdfast_api::headers::HOLDFAST_STAMP)?.trim().parse().ok()
    }

    /// The pause that the node asks for, in whole seconds; a date is not understood.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}
