//! One word to all connections of a listener, at the price of reading a shared flag.
//!
//! A cancellation token takes its own lock each time it is asked, and a connection asks at each wake. Here a connection is
//! registered once, and from then on only looks at a flag that nobody writes until the word is given.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The side that gives the word.
#[derive(Clone, Default)]
pub(super) struct Signal {
    given: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Signal {
    /// Gives the word, for good.
    pub(super) fn give(&self) {
        // In this order: whoever the token wakes finds the flag set.
        self.given.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// An ear for one task.
    pub(super) fn listener(&self) -> Heard {
        Heard { given: Arc::clone(&self.given), waiting: Box::pin(self.token.clone().cancelled_owned()), is_registered: false }
    }
}

/// One task's ear. It is to be polled by that task alone: it is registered with the first poll's waker and keeps it.
pub(super) struct Heard {
    given: Arc<AtomicBool>,
    waiting: Pin<Box<WaitForCancellationFutureOwned>>,
    is_registered: bool,
}

impl Heard {
    /// Whether the word was given.
    pub(super) fn is_given(&self) -> bool {
        self.given.load(Ordering::Acquire)
    }

    /// Ready once the word is given.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_registered {
            self.is_registered = true;
            // A word given between this and the look at the flag wakes the task again.
            if self.waiting.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        if self.is_given() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits for the word. Cancel safe.
    pub(super) async fn wait(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_word_is_heard_before_during_and_after_a_wait() {
        let signal = Signal::default();
        let mut early = signal.listener();
        let mut waiting = signal.listener();
        let task = tokio::spawn(async move { waiting.wait().await });
        tokio::task::yield_now().await;
        assert!(!early.is_given());
        signal.give();
        task.await.unwrap();
        early.wait().await;
        signal.listener().wait().await;
    }

    #[tokio::test]
    async fn a_word_given_while_its_task_waits_for_something_else_is_not_lost() {
        let signal = Signal::default();
        let mut heard = signal.listener();
        let (other, told) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // Registered, then left alone for another wait, as a connection does while its request is answered.
            assert!(futures_util::poll!(std::pin::pin!(heard.wait())).is_pending());
            told.await.unwrap();
            heard.wait().await;
        });
        tokio::task::yield_now().await;
        signal.give();
        tokio::task::yield_now().await;
        other.send(()).unwrap();
        task.await.unwrap();
    }
}
