//! Who waits for the Desk's answer: one handler, or a handler with a whole batch.

use std::sync::{Arc, Mutex};

use holdfast_inventory::desk::Answer;
use tokio::sync::oneshot;

use super::locked;

/// One request's place to answer to.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A handler of one request.
    One(oneshot::Sender<Answer>),
    /// A place in a batch: the handler is woken once, when the last answer is there.
    OfMany(usize, Arc<Many>),
}

impl Waiter {
    /// Hands the answer over. A handler that went away is no fault: what was asked stands.
    pub(crate) fn answer(self, answer: Answer) {
        match self {
            Waiter::One(sender) => drop(sender.send(answer)),
            Waiter::OfMany(place, many) => many.put(place, answer),
        }
    }
}

/// The answers of a batch as they come in.
#[derive(Debug)]
pub(crate) struct Many {
    inner: Mutex<ManyInner>,
}

#[derive(Debug)]
struct ManyInner {
    answers: Vec<Option<Answer>>,
    missing: usize,
    done: Option<oneshot::Sender<Vec<Answer>>>,
}

impl Many {
    /// Waits for `count` answers; 1 or more.
    pub(crate) fn new(count: usize) -> (Arc<Self>, oneshot::Receiver<Vec<Answer>>) {
        let (done, receiver) = oneshot::channel();
        let inner = ManyInner { answers: vec![None; count], missing: count, done: Some(done) };
        (Arc::new(Self { inner: Mutex::new(inner) }), receiver)
    }

    fn put(&self, place: usize, answer: Answer) {
        let mut inner = locked(&self.inner);
        if inner.answers[place].replace(answer).is_none() {
            inner.missing -= 1;
        }
        if inner.missing == 0
            && let Some(done) = inner.done.take()
        {
            let answers = inner.answers.drain(..).flatten().collect();
            drop(done.send(answers));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_batch_is_answered_once_and_in_the_order_of_its_places() {
        let (many, receiver) = Many::new(2);
        Waiter::OfMany(1, Arc::clone(&many)).answer(Answer::Draining);
        Waiter::OfMany(0, many).answer(Answer::Stale);
        assert_eq!(receiver.await.expect("answered"), vec![Answer::Stale, Answer::Draining]);
    }
}
