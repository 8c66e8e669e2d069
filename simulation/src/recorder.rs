//! Makes calls and keeps each of them for the oracle.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_client::api::headers;
use holdfast_client::oracle::{self, Asked, Call as Recorded, Heard, History, Name};

use crate::call::{Answer, Call, Missed};
use crate::trace;

/// What was recorded.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) history: RefCell<History>,
    /// Answers that break the contract, or tell of a defect.
    pub(crate) oddities: RefCell<BTreeSet<String>>,
    /// Highest stamp heard, and when: cluster time, about.
    clock: Cell<Option<(u64, Duration)>>,
}

/// What an attempt came to.
pub(crate) enum Attempted {
    /// Nothing was sent: nobody listens there.
    NotSent,
    /// This was heard, and an order's id.
    Heard(Heard, Option<String>),
}

impl Recorder {
    /// The number of a name.
    pub(crate) fn name(&self, text: &str) -> Name {
        self.history.borrow_mut().names.number(text)
    }

    /// Cluster time, about; none before the first answer.
    pub(crate) fn cluster_ms(&self) -> Option<u64> {
        let (stamp, at) = self.clock.get()?;
        Some(stamp + millis(trace::now().saturating_sub(at)))
    }

    /// Makes one call at `node` and keeps it. Not cancel safe: a call that is dropped is not kept.
    pub(crate) async fn attempt(&self, node: u64, asked: Asked, call: &Call, within: Duration) -> Attempted {
        let began_us = micros(trace::now());
        let answer = call.ask(&crate::cluster::host(node), within).await;
        if answer.as_ref().is_err_and(|missed| *missed == Missed::NotSent) {
            return Attempted::NotSent;
        }
        let ended_us = micros(trace::now());
        let mut history = self.history.borrow_mut();
        let (heard, order) = match &answer {
            Ok(answer) => self.read(answer, asked, &mut history),
            Err(_) => (Heard::Nothing, None),
        };
        let recorded = Recorded { began_us, ended_us, node, asked, heard };
        history.record(recorded);
        trace::tell(format_args!("{}", history.tell(&recorded)));
        Attempted::Heard(heard, order)
    }

    fn read(&self, answer: &Answer, asked: Asked, history: &mut History) -> (Heard, Option<String>) {
        self.note_stamp(answer);
        let replayed = answer.header(headers::IDEMPOTENCY_REPLAYED) == Some("true");
        let told = oracle::Answer { status: answer.status, replayed, body: answer.body.as_bytes() };
        let read = told.read(asked, &mut history.names);
        self.oddities.borrow_mut().extend(read.oddity);
        (read.heard, read.order)
    }

    fn note_stamp(&self, answer: &Answer) {
        let Some(stamp) = answer.header(headers::HOLDFAST_STAMP).and_then(|text| text.parse().ok()) else { return };
        if self.clock.get().is_none_or(|(known, _)| known < stamp) {
            self.clock.set(Some((stamp, trace::now())));
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
