//! A problem on its way to a caller, and how it is written.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use holdfast_api::{Problem, ProblemType, headers};
use holdfast_inventory::{LogIndex, Stamp};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

use super::order_json::put_number;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const STAMP: HeaderName = HeaderName::from_static(headers::HOLDFAST_STAMP);
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(headers::PROBLEM_JSON);

/// Bytes that most problems fit in.
const USUAL_BYTES: usize = 384;

/// A problem on its way to a caller.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Which type it is.
    pub(crate) kind: ProblemType,
    /// Its body.
    pub(crate) problem: Box<Problem>,
    /// Cluster time at which it was true, if it is a definite answer.
    pub(crate) stamp: Option<Stamp>,
}

impl Reply {
    /// A problem without extensions. `detail` says in one sentence what happened and what to do.
    pub(crate) fn new(kind: ProblemType, detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { kind, problem: Box::new(Problem::new(kind, detail)), stamp: None }
    }

    /// What is wrong stands at `pointer`: see [`Problem::pointer`].
    pub(crate) fn malformed_at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Malformed, detail.into()).with(|problem| problem.pointer = Some(pointer.into()))
    }

    /// No SKU has this name.
    pub(crate) fn unknown_sku(name: &str) -> Self {
        let detail = format!("There is no SKU \"{name}\" here; check its name.");
        Self::new(ProblemType::UnknownSku, detail).with(|problem| problem.sku = Some(name.to_owned()))
    }

    /// No order has this id.
    pub(crate) fn unknown_order() -> Self {
        Self::new(ProblemType::UnknownOrder, "There is no such order here; check the id.")
    }

    /// A defect, logged under the id that the caller gets.
    pub(crate) fn internal() -> Self {
        Self::new(ProblemType::Internal, "The node failed to answer; repeat the request with the same key, and quote the request id.")
    }

    /// Sets extensions.
    #[must_use]
    pub(crate) fn with(mut self, set: impl FnOnce(&mut Problem)) -> Self {
        set(&mut self.problem);
        self
    }

    /// It is true at this place in the log.
    #[must_use]
    pub(crate) fn at(mut self, index: LogIndex, stamp: Stamp) -> Self {
        self.problem.index = Some(index.0);
        self.stamp = Some(stamp);
        self
    }

    /// Invites a retry if the type does: `jitter` is a random number below 2^16.
    #[must_use]
    pub(crate) fn with_retry_after(mut self, jitter: u16) -> Self {
        if let Some(least) = least_wait_ms(self.kind) {
            self.problem.retry_after_ms = Some(least + least * u64::from(jitter) / u64::from(u16::MAX));
        }
        self
    }

    /// The status of the HTTP answer.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Appends the body.
    pub(crate) fn write_body(&self, out: &mut Vec<u8>) {
        // Serializing plain text and numbers into memory does not fail.
        if serde_json::to_writer(&mut *out, &self.problem).is_err() {
            out.clear();
        }
    }

    /// Appends the header fields of [`into_response`](Self::into_response), each at the beginning of a line.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>) {
        let mut field = |name: &HeaderName, write: &dyn Fn(&mut Vec<u8>)| {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            write(out);
        };
        field(&CONTENT_TYPE, &|out| out.extend_from_slice(headers::PROBLEM_JSON.as_bytes()));
        if let Some(wait) = self.retry_after_seconds() {
            field(&RETRY_AFTER, &|out| put_number(out, wait));
        }
        if let Some(stamp) = self.stamp {
            field(&STAMP, &|out| put_number(out, stamp.0));
        }
        if let Some(id) = &self.problem.request_id {
            field(&REQUEST_ID, &|out| out.extend_from_slice(id.as_bytes()));
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        self.problem.retry_after_ms.map(|wait| wait.div_ceil(1000))
    }

    /// The HTTP answer.
    pub(crate) fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(USUAL_BYTES);
        self.write_body(&mut body);
        let mut response = Bytes::from(body).into_response();
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(wait) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        if let Some(stamp) = self.stamp {
            headers.insert(STAMP, HeaderValue::from(stamp.0));
        }
        if let Some(id) = self.problem.request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}

/// The shortest wait that a problem asks for before a retry, in milliseconds; at most twice as long with jitter.
fn least_wait_ms(kind: ProblemType) -> Option<u64> {
    match kind {
        ProblemType::Refilling => Some(100),
        ProblemType::KeyInProgress => Some(200),
        ProblemType::NoLeader | ProblemType::Overloaded | ProblemType::Stale | ProblemType::OutcomeUnknown => Some(500),
        ProblemType::Draining | ProblemType::Internal | ProblemType::OneAtATime | ProblemType::RateLimited => Some(1_000),
        ProblemType::Capacity => Some(30_000),
        _ => None,
    }
}
