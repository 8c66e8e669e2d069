//! One call: attempts at one node after another until an answer is final or patience ends.

use bytes::Bytes;
use holdfast_api::{Problem, ProblemType, ServerTime, headers, paths};
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::cluster_clock::millis;
use crate::endpoints::{Authority, Side};
use crate::fate::{Effect, Fate};
use crate::pace::Pace;
use crate::transport::{Fault, Question, Reply};
use crate::verdict::{Heard, Verdict, judge};
use crate::{Client, ClientError};

/// What a call asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) side: Side,
    pub(crate) effect: Effect,
    pub(crate) key: Option<String>,
    pub(crate) question: Question,
}

/// One attempt as it went.
pub(crate) struct Attempt {
    pub(crate) apply_before: Option<u64>,
    pub(crate) answer: Result<Reply, Fault>,
}

impl Call {
    /// A call that only reads.
    pub(crate) fn read(side: Side, target: String) -> Self {
        let question = Question { method: Method::GET, target, headers: Vec::new(), body: None };
        Self { side, effect: Effect::None, key: None, question }
    }

    /// A call that changes something.
    pub(crate) fn write(side: Side, effect: Effect, target: String) -> Self {
        let question = Question { method: Method::POST, target, headers: Vec::new(), body: None };
        Self { side, effect, key: None, question }
    }

    /// The same call with a JSON body.
    pub(crate) fn with_body<T: Serialize>(mut self, body: &T) -> Result<Self, ClientError> {
        let text = serde_json::to_vec(body).map_err(|error| ClientError::Usage { detail: format!("no JSON: {error}") })?;
        self.question.body = Some(Bytes::from(text));
        Ok(self)
    }

    /// The same call with a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.question.headers.push((name, value));
        self
    }
}

impl Client {
    /// Makes `call` and reads its answer.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ClientError> {
        read_body(&self.reply(call, &mut Fate::default()).await?)
    }

    /// Makes `call` until an answer is final. `fate` is what earlier calls with the same key left open, and what this
    /// one leaves open if it ends, or is dropped, without a final answer.
    pub(crate) async fn reply(&self, call: &Call, fate: &mut Fate) -> Result<Reply, ClientError> {
        let mut pace = Pace::start(&self.shared.config, &self.shared.budget);
        loop {
            let before = *fate;
            let attempt = self.attempt(call, pace.attempt_deadline(), |effect, until| fate.note_sent(effect, until)).await?;
            let (wait, problem, detail) = match attempt.answer {
                Ok(reply) if reply.status.is_success() => {
                    *fate = Fate::Settled;
                    return Ok(reply);
                }
                Ok(reply) => {
                    let problem = read_problem(&reply);
                    let heard = Heard {
                        before,
                        effect: call.effect,
                        apply_before: attempt.apply_before,
                        stamp: reply.stamp_ms(),
                        retry_after: reply.retry_after(),
                    };
                    match judge(&problem, heard, fate) {
                        Verdict::Refused => return Err(ClientError::Refused(Box::new(problem))),
                        Verdict::Nonsense => return Err(ClientError::Protocol { detail: problem.to_string() }),
                        Verdict::Again { wait } => (wait, Some(problem.clone()), problem.to_string()),
                    }
                }
                Err(Fault::NotSent(detail)) => {
                    *fate = before;
                    (None, None, detail)
                }
                Err(Fault::NoAnswer(detail)) => (None, None, detail),
            };
            tracing::debug!(target = call.question.target, detail, "asking again");
            if !pace.pause(wait).await {
                return Err(give_up(call, *fate, problem, detail));
            }
        }
    }

    /// Sends `call` once, to the current node, and moves on from a node that does not serve. `sending` hears how long
    /// the attempt may take effect before anything of it is sent.
    pub(crate) async fn attempt(
        &self,
        call: &Call,
        deadline: Instant,
        mut sending: impl FnMut(Effect, Option<u64>),
    ) -> Result<Attempt, ClientError> {
        let endpoints = self.shared.endpoints(call.side);
        let Some((place, node)) = endpoints.current() else {
            return Err(ClientError::Usage { detail: format!("no node's {} address is known", side_name(call.side)) });
        };
        let mut question = call.question.clone();
        let apply_before = match self.apply_before(call.effect, node, deadline).await {
            Ok(apply_before) => apply_before,
            Err(fault) => {
                endpoints.leave(place);
                return Ok(Attempt { apply_before: None, answer: Err(fault) });
            }
        };
        if let Some(ms) = apply_before {
            question.headers.push((headers::APPLY_BEFORE, ms.to_string()));
        }
        sending(call.effect, apply_before);
        let answer = self.shared.transport.ask(node, &question, deadline).await;
        match &answer {
            Ok(reply) => {
                self.learn(reply);
                if reply.status.is_server_error() {
                    endpoints.leave(place);
                }
            }
            Err(_) => endpoints.leave(place),
        }
        Ok(Attempt { apply_before, answer })
    }

    /// Cluster time at which an attempt that begins now shall die; asks `node` for the time if it is not known.
    /// Without an answer the attempt is not sent: it would live for a time that nobody knows.
    async fn apply_before(&self, effect: Effect, node: &Authority, deadline: Instant) -> Result<Option<u64>, Fault> {
        if effect != Effect::Bounded {
            return Ok(None);
        }
        if self.shared.clock.now_ms().is_none() {
            let question = Question { method: Method::GET, target: paths::TIME.to_owned(), headers: Vec::new(), body: None };
            let unknown = |detail: String| Fault::NotSent(format!("cluster time is not known: {detail}"));
            let reply = match self.shared.transport.ask(node, &question, deadline).await {
                Ok(reply) => reply,
                Err(Fault::NotSent(detail) | Fault::NoAnswer(detail)) => return Err(unknown(detail)),
            };
            if !reply.status.is_success() {
                return Err(unknown(read_problem(&reply).to_string()));
            }
            let time: ServerTime = read_body(&reply).map_err(|error| unknown(error.to_string()))?;
            self.shared.clock.learn_time(time.now_ms);
        }
        Ok(self.shared.clock.now_ms().map(|now| now.saturating_add(millis(self.shared.config.attempt_timeout))))
    }

    /// What any answer tells about cluster time.
    fn learn(&self, reply: &Reply) {
        if let Some(ms) = reply.stamp_ms() {
            self.shared.clock.learn_stamp(ms);
        }
        if reply.status == 503 && read_problem(reply).kind() == Some(ProblemType::Overloaded) {
            self.shared.clock.doubt();
        }
    }
}

/// The error of a call whose patience ended.
pub(crate) fn give_up(call: &Call, fate: Fate, problem: Option<Problem>, detail: String) -> ClientError {
    if fate.is_settled() {
        ClientError::Unavailable { problem: problem.map(Box::new), detail }
    } else {
        ClientError::Unknown { key: call.key.clone(), until_ms: fate.until_ms(), detail }
    }
}

/// The body of a success.
pub(crate) fn read_body<T: DeserializeOwned>(reply: &Reply) -> Result<T, ClientError> {
    serde_json::from_slice(&reply.body).map_err(|error| ClientError::Protocol { detail: format!("{} with {error}", reply.status) })
}

/// The problem of any other answer; one without a type if something between client and node answered.
pub(crate) fn read_problem(reply: &Reply) -> Problem {
    let status = reply.status.as_u16();
    match serde_json::from_slice::<Problem>(&reply.body) {
        Ok(problem) => Problem { status, ..problem },
        Err(_) => Problem { urn: "about:blank".into(), title: reply.status.to_string().into(), status, ..Problem::default() },
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Api => "api",
        Side::Admin => "admin",
    }
}
