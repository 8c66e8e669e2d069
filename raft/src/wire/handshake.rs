//! The hello: four messages, after which each side knows that the other has the secret, belongs to the same cluster, is
//! the member it says it is, and is on that member's current disk.
//!
//! `Hello →`, `← Welcome` with a proof, `Verdict →` with a proof, `← Verdict` with a proof. A side judges (and writes
//! down whom it met) only after the other's proof held, so a stranger changes nothing and learns no verdict. Only what is
//! proved makes a node leave.
//!
//! Each side tells the latest start of the other that it met. Who does not know that start runs on an older copy of its disk: a
//! called one says so and is refused before it is written down, a calling one finds out by itself. A start asks all members so before
//! anything else, so that a copy is found out by whoever knows before it is believed by one who does not.

use std::sync::{Arc, OnceLock};

use holdfast_inventory::{Incarnation, NodeId, codec};
use holdfast_storage::{DiskId, MeetError, OwnStarts, Peers};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::frame::{Connection, Sequences, WireError, admit, receive, send};
use super::hello::{Hello, MAGIC, MetStart, PROTOCOL, Purpose, Refusal, Verdict, Welcome, Who};
use super::link::Starts;
use super::proof::ClusterKey;
use super::sequence::Sequence;
use crate::Fatal;
use crate::alarm::Alarm;
use crate::blocking::blocking;
use crate::chance;

/// Who this node is to its peers, and whom it lets in. Shared by all connections.
#[derive(Debug)]
pub(crate) struct Gate {
    node: u64,
    disk: u128,
    incarnation: u64,
    start_nonce: u64,
    own_starts: OwnStarts,
    cluster: OnceLock<u128>,
    key: ClusterKey,
    peers: Peers,
    starts: Starts,
    alarm: Alarm,
}

/// The other side of a connection, proved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) node: u64,
    pub(crate) disk: u128,
    pub(crate) purpose: Purpose,
}

/// Why a connection did not come about.
#[derive(Debug, Error)]
pub(crate) enum HandshakeError {
    /// It broke.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The other side does not know the cluster secret, or this one has the wrong one.
    #[error("the peer has another cluster secret")]
    Secret,
    /// The other side will not talk to this node.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// This node will not talk to the other side.
    #[error("not accepted: {0}")]
    Rejected(Refusal),
}

impl Gate {
    pub(crate) fn new(identity: &holdfast_storage::Identity, key: ClusterKey, peers: Peers, alarm: Alarm) -> Self {
        let cluster = OnceLock::new();
        if let Some(roster) = &identity.cluster {
            cluster.get_or_init(|| roster.cluster.0);
        }
        Self {
            node: identity.node.0,
            disk: identity.disk.0,
            incarnation: identity.incarnation.0,
            start_nonce: identity.start_nonce,
            own_starts: identity.starts.clone(),
            cluster,
            key,
            peers,
            starts: Starts::default(),
            alarm,
        }
    }

    /// This node's cluster is known and durable from here on: it may talk about more than that.
    pub(crate) fn join(&self, roster: &holdfast_storage::Roster) {
        self.peers.set_roster(roster);
        self.cluster.get_or_init(|| roster.cluster.0);
    }

    pub(crate) fn disk(&self) -> u128 {
        self.disk
    }

    fn who(&self) -> Who {
        Who {
            node: self.node,
            disk: self.disk,
            incarnation: self.incarnation,
            start_nonce: self.start_nonce,
            cluster: self.cluster.get().copied(),
        }
    }

    /// The latest start of `node` that was met. Those who make a cluster have met nobody.
    fn met(&self, node: u64, purpose: Purpose) -> Option<MetStart> {
        let met = self.peers.met(NodeId(node)).filter(|_| purpose != Purpose::Bootstrap)?;
        Some(MetStart { disk: met.disk.0, incarnation: met.incarnation.0, start_nonce: met.nonce })
    }

    /// Whether a start that a peer met is one of this disk. One of another disk says nothing about this one's past.
    fn knows(&self, met: Option<MetStart>) -> bool {
        met.is_none_or(|met| met.disk != self.disk || self.own_starts.has(Incarnation(met.incarnation), met.start_nonce))
    }

    /// Judges a side whose proof held. Blocks on the disk when it is met for the first time.
    fn judge(&self, who: &Who, purpose: Purpose) -> Option<Refusal> {
        if !purpose.is_judged() {
            return None;
        }
        match (self.cluster.get(), who.cluster) {
            (None, _) | (_, None) => return Some(Refusal::NotReady),
            (Some(own), Some(theirs)) if *own != theirs => return Some(Refusal::WrongCluster),
            _ => {}
        }
        match self.peers.meet(NodeId(who.node), DiskId(who.disk), Incarnation(who.incarnation), who.start_nonce) {
            Ok(()) => None,
            Err(MeetError::OlderCopy { .. }) => Some(Refusal::OlderCopy),
            Err(MeetError::UnknownDisk { .. }) => Some(Refusal::UnknownDisk),
            Err(MeetError::Io(error)) => {
                self.alarm.fault(format!("cannot record a peer: {error}"));
                Some(Refusal::Fault)
            }
        }
    }

    /// What is cancelled when a later start of a judged side is met. Others don't stay.
    fn over(&self, who: &Who, purpose: Purpose) -> Option<CancellationToken> {
        purpose.is_judged().then(|| self.starts.met(who.node, who.incarnation))
    }

    async fn judge_off_thread(self: &Arc<Self>, who: Who, purpose: Purpose) -> Option<Refusal> {
        let gate = Arc::clone(self);
        blocking(move || gate.judge(&who, purpose)).await.unwrap_or(Some(Refusal::Fault))
    }

    fn verdict(&self, label: &[u8], transcript: &Transcript, refused: Option<Refusal>) -> Verdict {
        Verdict { refused, proof: self.key.prove(label, &[&transcript.0, &codec::encode(&refused)]) }
    }

    /// The frames of the calling side, and of the called one. Both challenges are in: no two connections are alike.
    fn sequences(&self, transcript: &Transcript) -> [Sequence; 2] {
        [b"client frames", b"server frames"].map(|way| Sequence::new(&self.key.prove(way, &[&transcript.0])))
    }

    /// Checks a verdict's proof and hears it; a final one makes this node leave.
    fn hear(&self, label: &[u8], transcript: &Transcript, verdict: &Verdict, from: u64) -> Result<(), HandshakeError> {
        if !self.key.verify(label, &[&transcript.0, &codec::encode(&verdict.refused)], &verdict.proof) {
            return Err(HandshakeError::Secret);
        }
        verdict.refused.map_or(Ok(()), |refusal| Err(self.refused(refusal, from)))
    }

    /// This node was refused; it leaves if that is final.
    fn refused(&self, refusal: Refusal, by: u64) -> HandshakeError {
        if refusal.is_final() {
            self.alarm.raise(Fatal::Refused(format!("node {by} refused this node: {refusal}")));
        }
        HandshakeError::Refused(refusal)
    }
}

/// What both sides said before the verdicts.
struct Transcript(Vec<u8>);

impl Transcript {
    fn new(hello: &Hello, welcome: &Welcome) -> Self {
        Self(codec::encode(&(hello, welcome)))
    }
}

/// What a welcome's proof is over: the hello, and the welcome with zeros for its proof.
fn welcomed(hello: &Hello, welcome: &Welcome) -> Vec<u8> {
    Transcript::new(hello, &Welcome { proof: [0; 32], ..welcome.clone() }).0
}

/// The calling side. Afterwards full-sized frames pass.
pub(crate) async fn greet(connection: &mut Connection, gate: &Arc<Gate>, to: u64, purpose: Purpose) -> Result<Peer, HandshakeError> {
    let met = gate.met(to, purpose);
    let hello = Hello { magic: MAGIC, protocol: PROTOCOL, who: gate.who(), to, purpose, met, challenge: chance::random() };
    send(connection, &hello).await?;
    let welcome: Welcome = receive(connection).await?;
    if welcome.magic != MAGIC || welcome.protocol != PROTOCOL {
        return Err(HandshakeError::Rejected(Refusal::Protocol));
    }
    if !gate.key.verify(b"welcome", &[&welcomed(&hello, &welcome)], &welcome.proof) {
        return Err(HandshakeError::Secret);
    }
    if !gate.knows(welcome.met) {
        return Err(gate.refused(Refusal::OlderCopy, to));
    }
    let transcript = Transcript::new(&hello, &welcome);
    let refused = if welcome.who.node != to {
        Some(Refusal::WrongNode)
    } else if purpose.is_judged() && !welcome.ready {
        Some(Refusal::NotReady)
    } else if !welcome.knows_met {
        Some(Refusal::OlderCopy)
    } else {
        gate.judge_off_thread(welcome.who, purpose).await
    };
    send(connection, &gate.verdict(b"client", &transcript, refused)).await?;
    if let Some(refusal) = refused {
        return Err(HandshakeError::Rejected(refusal));
    }
    let verdict: Verdict = receive(connection).await?;
    gate.hear(b"server", &transcript, &verdict, to)?;
    let [sent, read] = gate.sequences(&transcript);
    admit(connection, Sequences { sent, read }, gate.over(&welcome.who, purpose));
    Ok(Peer { node: to, disk: welcome.who.disk, purpose })
}

/// The called side; `ready` says whether consensus runs. Afterwards full-sized frames pass.
pub(crate) async fn answer(connection: &mut Connection, gate: &Arc<Gate>, ready: bool) -> Result<Peer, HandshakeError> {
    let hello: Hello = receive(connection).await?;
    if hello.magic != MAGIC || hello.protocol != PROTOCOL {
        return Err(HandshakeError::Rejected(Refusal::Protocol));
    }
    let (met, knows_met) = (gate.met(hello.who.node, hello.purpose), gate.knows(hello.met));
    let challenge = chance::random();
    let mut welcome = Welcome { magic: MAGIC, protocol: PROTOCOL, who: gate.who(), met, knows_met, ready, challenge, proof: [0; 32] };
    welcome.proof = gate.key.prove(b"welcome", &[&welcomed(&hello, &welcome)]);
    send(connection, &welcome).await?;
    let transcript = Transcript::new(&hello, &welcome);
    let verdict: Verdict = receive(connection).await?;
    gate.hear(b"client", &transcript, &verdict, hello.who.node)?;
    let refused = if hello.to != gate.node {
        Some(Refusal::WrongNode)
    } else if hello.purpose.is_judged() && !ready {
        Some(Refusal::NotReady)
    } else {
        gate.judge_off_thread(hello.who, hello.purpose).await
    };
    send(connection, &gate.verdict(b"server", &transcript, refused)).await?;
    if let Some(refusal) = refused {
        return Err(HandshakeError::Rejected(refusal));
    }
    let [read, sent] = gate.sequences(&transcript);
    admit(connection, Sequences { sent, read }, gate.over(&hello.who, hello.purpose));
    Ok(Peer { node: hello.who.node, disk: hello.who.disk, purpose: hello.purpose })
}
