//! Following the change feed, from node to node without losing an event.

use std::collections::VecDeque;
use std::time::Duration;

use http::Method;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use holdfast_api::{Event, EventId, EventQuery, headers, paths};

use crate::call::{Call, give_up, read_problem};
use crate::endpoints::Side;
use crate::fate::Fate;
use crate::limits::{FEED_SILENCE, MAX_ANSWER_BYTES};
use crate::orders::with_query;
use crate::pace::Pace;
use crate::sse::FeedReader;
use crate::transport::{Fault, Reply};
use crate::{Client, ClientError};

/// The change feed. When a connection ends it goes on at another node, after the last event that was given out.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    side: Side,
    target: String,
    last: Option<EventId>,
    connection: Option<Connection>,
    ready: VecDeque<Event>,
    /// The last connection gave no event: pause before the next one.
    barren: bool,
}

#[derive(Debug)]
struct Connection {
    place: usize,
    body: Incoming,
    reader: FeedReader,
}

impl Client {
    /// The change feed from `query.from` on. Without `from` it begins when the first connection stands, and what happens
    /// while that one is lost again before its first event is missed. Without a buyer the admin listener is asked.
    pub fn events(&self, query: &EventQuery) -> EventStream {
        let side = if query.buyer.is_some() { Side::Api } else { Side::Admin };
        let target = with_query(paths::EVENTS, &[("from", query.from.map(|from| from.to_string())), ("buyer", query.buyer.clone())]);
        let client = self.clone();
        EventStream { client, side, target, last: None, connection: None, ready: VecDeque::new(), barren: false }
    }
}

impl EventStream {
    /// The next event; waits for it as long as it takes. Cancel safe: an event is not lost by dropping the wait.
    ///
    /// Fails when no node gives the feed for `retry_for`, or one refuses it; it may be called again.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if self.last.is_none_or(|last| event.id() > last) {
                    self.last = Some(event.id());
                    return Ok(event);
                }
            }
            match &mut self.connection {
                None => self.connect().await?,
                Some(connection) => match connection.read().await {
                    Ok(Some(events)) => {
                        self.barren &= events.is_empty();
                        self.ready.extend(events);
                    }
                    Ok(None) => self.disconnect(),
                    Err(error) => {
                        self.disconnect();
                        return Err(error);
                    }
                },
            }
        }
    }

    /// The place after which the feed goes on.
    pub fn last_id(&self) -> Option<EventId> {
        self.last
    }

    /// The connection ended: a node that stops ends it too, so that the next one is asked.
    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.client.shared.endpoints(self.side).leave(connection.place);
        }
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let shared = self.client.shared.clone();
        if self.barren {
            sleep(shared.config.pause_longest.mul_f64(rand::random::<f64>())).await;
        }
        let mut call = Call::read(self.side, self.target.clone()).with_header("accept", headers::EVENT_STREAM.to_owned());
        call.question.method = Method::GET;
        if let Some(last) = self.last {
            call = call.with_header(headers::LAST_EVENT_ID, last.to_string());
        }
        let mut pace = Pace::start(&shared.config, &shared.budget);
        loop {
            let (wait, problem, detail) = match self.open(&call, pace.attempt_deadline()).await? {
                Ok(connection) => {
                    (self.connection, self.barren) = (Some(connection), true);
                    return Ok(());
                }
                Err(Opening::Fault(detail)) => (None, None, detail),
                Err(Opening::Reply(reply)) => {
                    let problem = read_problem(&reply);
                    if !problem.retry_may_help() {
                        return Err(ClientError::Refused(Box::new(problem)));
                    }
                    let wait = problem.retry_after_ms.map(Duration::from_millis).or(reply.retry_after());
                    (wait, Some(problem.clone()), problem.to_string())
                }
            };
            if !pace.pause(wait).await {
                return Err(give_up(&call, Fate::Settled, problem, detail));
            }
        }
    }

    async fn open(&self, call: &Call, deadline: Instant) -> Result<Result<Connection, Opening>, ClientError> {
        let endpoints = self.client.shared.endpoints(self.side);
        let Some((place, node)) = endpoints.current() else {
            return Err(ClientError::Usage { detail: "no node that gives this feed is known".into() });
        };
        let opening = match timeout_at(deadline, self.client.shared.transport.open(node, &call.question)).await {
            Ok(Ok(answer)) if answer.status().is_success() => {
                return Ok(Ok(Connection { place, body: answer.into_body(), reader: FeedReader::default() }));
            }
            Ok(Ok(answer)) => read_refusal(answer, deadline).await,
            Ok(Err(Fault::NotSent(detail) | Fault::NoAnswer(detail))) => Opening::Fault(detail),
            Err(_) => Opening::Fault(format!("{node} did not answer in time")),
        };
        if !matches!(&opening, Opening::Reply(reply) if reply.status.is_client_error()) {
            endpoints.leave(place);
        }
        Ok(Err(opening))
    }
}

/// Why a connection does not stand.
enum Opening {
    Fault(String),
    Reply(Reply),
}

async fn read_refusal(answer: http::Response<Incoming>, deadline: Instant) -> Opening {
    let (parts, body) = answer.into_parts();
    match timeout_at(deadline, Limited::new(body, MAX_ANSWER_BYTES).collect()).await {
        Ok(Ok(body)) => Opening::Reply(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes() }),
        Ok(Err(error)) => Opening::Fault(error.to_string()),
        Err(_) => Opening::Fault("the answer did not end in time".into()),
    }
}

impl Connection {
    /// The events of the next piece; none when the connection ended or fell silent.
    async fn read(&mut self) -> Result<Option<Vec<Event>>, ClientError> {
        let Ok(Some(Ok(frame))) = timeout(FEED_SILENCE, self.body.frame()).await else {
            return Ok(None);
        };
        let Ok(piece) = frame.into_data() else {
            return Ok(Some(Vec::new()));
        };
        let broken = |detail: String| ClientError::Protocol { detail };
        let data = self.reader.push(&piece).map_err(|_| broken("an event of the feed is too long".into()))?;
        let events = data.iter().map(|data| serde_json::from_slice(data));
        Ok(Some(events.collect::<Result<_, _>>().map_err(|error| broken(format!("an event of the feed: {error}")))?))
    }
}
