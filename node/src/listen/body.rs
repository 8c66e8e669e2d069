//! The bodies of a request and its answer, bounded in length and time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{Full, Limited};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::{Sleep, sleep};

use super::ListenConfig;
use super::phase::Phase;

/// The body of a request did not arrive in time.
#[derive(Debug, Error)]
#[error("the body did not arrive in time")]
pub struct BodyTimedOut;

/// The body of a request within the listener's bounds.
///
/// A body that says it is too long fails at its first read, before any of it is taken.
pub(super) fn bounded(body: Incoming, config: &ListenConfig) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    if body.size_hint().lower() > config.max_body_bytes as u64 {
        // Only the limiter can make the error that extractors know as 413.
        return Body::new(Limited::new(Full::new(Bytes::from_static(b"too long")), 0));
    }
    Body::new(TimedBody { body: Limited::new(body, config.max_body_bytes), timeout: config.body_timeout, alarm: None })
}

/// The body of an answer, which says when it is complete.
///
/// An answer of known length is as good as sent: what is left of it is in the hands of the kernel's write timeout. A stream
/// keeps its connection busy until it ends.
pub(super) fn announced(body: Body, phase: Phase) -> Body {
    if body.size_hint().exact().is_some() {
        phase.request_ended();
        return body;
    }
    Body::new(AnswerStream { body, phase })
}

struct TimedBody {
    body: Limited<Incoming>,
    timeout: Duration,
    /// Set at the first wait: most bodies arrive with their head and need none.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            return frame;
        }
        let timeout = self.timeout;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(timeout)));
        alarm.as_mut().poll(cx).map(|()| Some(Err(BodyTimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct AnswerStream {
    body: Body,
    phase: Phase,
}

impl HttpBody for AnswerStream {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerStream {
    fn drop(&mut self) {
        self.phase.request_ended();
    }
}
