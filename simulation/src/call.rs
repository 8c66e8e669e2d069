//! Calls of buyers and operators: a request and its answer, each in one frame, on a connection of its own.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use holdfast_node::simulated::SimulatedNode;
use holdfast_raft::simulated::Stream;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::limits::MAX_FRAME_BYTES;
use crate::network;

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    is_admin: bool,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    /// The body of the answer ends for the caller once it holds this: for a feed that never ends.
    until: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What an attempt came to without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing was sent.
    NotSent,
    /// Nobody knows.
    Unknown,
}

impl Call {
    pub(crate) fn get(target: impl Into<String>) -> Self {
        let (method, target) = ("GET".into(), target.into());
        Self { is_admin: false, method, target, headers: Vec::new(), body: String::new(), until: None }
    }

    pub(crate) fn post(target: impl Into<String>, body: &Value) -> Self {
        let call = Self { method: "POST".into(), body: body.to_string(), ..Self::get(target) };
        call.header("content-type", "application/json")
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// To the listener of operators.
    pub(crate) fn admin(self) -> Self {
        Self { is_admin: true, ..self }
    }

    pub(crate) fn until(self, text: &str) -> Self {
        Self { until: Some(text.to_owned()), ..self }
    }

    /// Asks `host` once.
    pub(crate) async fn ask(&self, host: &str, within: Duration) -> Result<Answer, Missed> {
        let deadline = tokio::time::Instant::now() + within;
        let connecting = tokio::time::timeout_at(deadline, network::connect_api(host.to_owned()));
        let Ok(Ok(stream)) = connecting.await else { return Err(Missed::NotSent) };
        let exchange = tokio::time::timeout_at(deadline, exchange(stream, self));
        exchange.await.ok().and_then(Result::ok).ok_or(Missed::Unknown)
    }

    fn request(&self) -> Result<http::Request<Body>, http::Error> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(&self.target).header("host", "simulation");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.clone()))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn framed(stream: Stream) -> Framed<Stream, LengthDelimitedCodec> {
    Framed::new(stream, LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec())
}

async fn exchange(stream: Stream, call: &Call) -> io::Result<Answer> {
    let mut connection = framed(stream);
    connection.send(Bytes::from(serde_json::to_vec(call)?)).await?;
    let answer = connection.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
    Ok(serde_json::from_slice(&answer)?)
}

/// Answers calls by `node` for as long as its host runs.
pub(crate) async fn serve(node: SimulatedNode, mut calls: mpsc::Receiver<Stream>) {
    while let Some(stream) = calls.recv().await {
        let node = node.clone();
        tokio::spawn(async move {
            // A caller that went away needs no answer.
            drop(attend(&node, stream).await);
        });
    }
}

async fn attend(node: &SimulatedNode, stream: Stream) -> io::Result<()> {
    let mut connection = framed(stream);
    let call: Call = serde_json::from_slice(&connection.next().await.ok_or(io::ErrorKind::UnexpectedEof)??)?;
    let request = call.request().map_err(io::Error::other)?;
    let response = if call.is_admin { node.admin(request).await } else { node.api(request).await };
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let answer = Answer { status: head.status.as_u16(), headers: headers.collect(), body: gather(body, call.until.as_deref()).await? };
    connection.send(Bytes::from(serde_json::to_vec(&answer)?)).await
}

async fn gather(mut body: Body, until: Option<&str>) -> io::Result<String> {
    let mut gathered = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            gathered.extend_from_slice(&data);
        }
        let is_enough = |until: &str| gathered.windows(until.len()).any(|part| part == until.as_bytes());
        if until.is_some_and(is_enough) {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&gathered).into_owned())
}
