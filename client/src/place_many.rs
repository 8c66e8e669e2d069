//! Placing many orders in one request, each for itself: those whose answer is not final are sent again, alone.

use std::time::Duration;

use holdfast_api::limits::MAX_BATCH_ORDERS;
use holdfast_api::{BatchAnswer, BatchResult, CreateOrders, Order, Problem, paths};

use crate::call::{Attempt, Call, give_up, read_body, read_problem};
use crate::endpoints::Side;
use crate::fate::{Effect, Fate};
use crate::pace::Pace;
use crate::transport::{Fault, Reply};
use crate::verdict::{Heard, Verdict, judge};
use crate::{Client, ClientError, OrderDraft};

/// What is known of one draft.
struct Course {
    /// Fate before the attempt that is under way.
    before: Fate,
    /// The final answer, once there is one.
    result: Option<Result<Order, ClientError>>,
    /// What was heard last.
    last: (Option<Problem>, String),
}

/// A batch under way: drafts and courses lie in the same order.
struct Courses<'a> {
    drafts: &'a mut [OrderDraft],
    of_drafts: Vec<Course>,
    /// Longest pause that any answer of the last attempt asked for.
    wait: Option<Duration>,
}

impl Client {
    /// Places 1–8,192 drafts; the results lie in the same order. Each is what [`Client::place`] would give, without
    /// telling whether it was replayed.
    ///
    /// Fails as a whole only with [`ClientError::Usage`].
    pub async fn place_many(&self, drafts: &mut [OrderDraft]) -> Result<Vec<Result<Order, ClientError>>, ClientError> {
        if drafts.is_empty() || drafts.len() > MAX_BATCH_ORDERS {
            let detail = format!("a batch has 1 to {MAX_BATCH_ORDERS} orders, not {}", drafts.len());
            return Err(ClientError::Usage { detail });
        }
        let mut pace = Pace::start(&self.shared.config, &self.shared.budget);
        let mut batch = Courses::new(drafts);
        loop {
            let call = batch.call()?;
            let attempt = self.attempt(&call, pace.attempt_deadline(), |effect, until| batch.note_sent(effect, until)).await?;
            batch.take(attempt);
            if batch.is_done() || !pace.pause(batch.wait).await {
                return Ok(batch.finish(&call));
            }
        }
    }
}

impl<'a> Courses<'a> {
    fn new(drafts: &'a mut [OrderDraft]) -> Self {
        let course = |draft: &OrderDraft| Course { before: draft.fate, result: None, last: (None, String::new()) };
        let of_drafts = drafts.iter().map(course).collect();
        Self { drafts, of_drafts, wait: None }
    }

    fn is_done(&self) -> bool {
        self.of_drafts.iter().all(|course| course.result.is_some())
    }

    /// The drafts without a final answer, with their courses.
    fn open(&mut self) -> impl Iterator<Item = (&mut OrderDraft, &mut Course)> {
        self.drafts.iter_mut().zip(&mut self.of_drafts).filter(|(_, course)| course.result.is_none())
    }

    /// The request for them; from here on `before` is their fate before it.
    fn call(&mut self) -> Result<Call, ClientError> {
        self.open().for_each(|(draft, course)| course.before = draft.fate);
        let open = self.drafts.iter().zip(&self.of_drafts).filter(|(_, course)| course.result.is_none());
        let orders = open.map(|(draft, _)| draft.keyed_body()).collect();
        Call::write(Side::Api, Effect::Bounded, paths::ORDERS_BATCH.to_owned()).with_body(&CreateOrders { orders })
    }

    fn note_sent(&mut self, effect: Effect, until: Option<u64>) {
        for (draft, _) in self.open() {
            draft.fate.note_sent(effect, until);
        }
    }

    fn take(&mut self, attempt: Attempt) {
        self.wait = None;
        match attempt.answer {
            Ok(reply) if reply.status.is_success() => self.take_results(&reply, attempt.apply_before),
            Ok(reply) => {
                let problem = read_problem(&reply);
                self.take_problems(&reply, attempt.apply_before, |_| Some(problem.clone()));
            }
            Err(Fault::NotSent(detail)) => {
                for (draft, course) in self.open() {
                    draft.fate = course.before;
                    course.last = (None, detail.clone());
                }
            }
            Err(Fault::NoAnswer(detail)) => self.open().for_each(|(_, course)| course.last = (None, detail.clone())),
        }
    }

    fn take_results(&mut self, reply: &Reply, apply_before: Option<u64>) {
        let asked = self.open().count();
        let mut results = match read_body::<BatchAnswer>(reply) {
            Ok(answer) if answer.results.len() == asked => answer.results.into_iter(),
            Ok(answer) => {
                let detail = format!("{} results for {asked} orders", answer.results.len());
                return self.open().for_each(|(_, course)| course.result = Some(Err(ClientError::Protocol { detail: detail.clone() })));
            }
            Err(error) => {
                let detail = error.to_string();
                return self.open().for_each(|(_, course)| course.result = Some(Err(ClientError::Protocol { detail: detail.clone() })));
            }
        };
        self.take_problems(reply, apply_before, |course| match results.next() {
            Some(BatchResult::Order(order)) => {
                course.result = Some(Ok(order));
                None
            }
            Some(BatchResult::Problem(problem)) => Some(*problem),
            None => None,
        });
    }

    /// Judges the problem that `next` finds for each open draft; none means that it was accepted.
    fn take_problems(&mut self, reply: &Reply, apply_before: Option<u64>, mut next: impl FnMut(&mut Course) -> Option<Problem>) {
        let (stamp, retry_after) = (reply.stamp_ms(), reply.retry_after());
        let mut longest = None;
        for (draft, course) in self.open() {
            let Some(problem) = next(course) else {
                draft.fate = Fate::Settled;
                continue;
            };
            let stamp = problem.stamp_ms.or(stamp);
            let heard = Heard { before: course.before, effect: Effect::Bounded, apply_before, stamp, retry_after };
            match judge(&problem, heard, &mut draft.fate) {
                Verdict::Refused => course.result = Some(Err(ClientError::Refused(Box::new(problem)))),
                Verdict::Nonsense => course.result = Some(Err(ClientError::Protocol { detail: problem.to_string() })),
                Verdict::Again { wait } => {
                    longest = longest.max(wait);
                    course.last = (Some(problem.clone()), problem.to_string());
                }
            }
        }
        self.wait = longest;
    }

    /// The results; what is not final by now is unavailable or unknown.
    fn finish(self, call: &Call) -> Vec<Result<Order, ClientError>> {
        let finished = self.drafts.iter().zip(self.of_drafts).map(|(draft, course)| {
            course.result.unwrap_or_else(|| {
                let (problem, detail) = course.last;
                let call = Call { key: Some(draft.key.as_str().to_owned()), ..call.clone() };
                Err(give_up(&call, draft.fate, problem, detail))
            })
        });
        finished.collect()
    }
}
