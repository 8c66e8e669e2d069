//! What is looked at after every step of a node.

use holdfast_inventory::{LogIndex, Millis, SkuId};

use super::World;
use super::node::Node;
use super::tally::Operation;
use super::violation::{Invariant, Violation, hold};

/// A Desk waits for no deadline more exactly than this.
const GRAIN: Millis = Millis(25);

/// Provisional units of a node before something was done with its Desk; none to compare nothing.
#[derive(Default)]
pub(super) struct Before(Vec<u64>);

impl Before {
    pub(super) fn of(node: &Node) -> Self {
        Self(skus(node).map(|sku| node.desk.provisional(sku)).collect())
    }
}

fn skus(node: &Node) -> impl Iterator<Item = SkuId> {
    node.inventory.skus().map(|sku| sku.id)
}

impl World {
    /// Bounds of a Desk, after something was done with it.
    pub(super) fn look_at(&mut self, at: usize, before: &Before) {
        let checked = self.is_bounded(at).and_then(|()| self.admits_what_is_there(at, before));
        self.check(checked);
    }

    fn is_bounded(&self, at: usize) -> Result<(), Violation> {
        let (node, desk) = (&self.nodes[at], &self.nodes[at].desk);
        let (queued, flying, keys) = (desk.queued(), desk.in_flight(), desk.keys_in_progress());
        // A batch that was in flight may be back in the queue: its session was lost, or its units were elsewhere. Beside buyers
        // queue returns, each of a unit at least that is provisional until then.
        let batch = (self.plan.params.max_batch_requests as usize).min(self.history.attempts.len());
        let returns: u64 = skus(node).map(|sku| desk.provisional(sku)).sum();
        let most = (self.plan.desk.max_waiting + batch) as u64 + returns;
        hold!(Bounded, queued as u64 <= most, "node {} has {queued} requests queued and {flying} in flight, of {most}", at + 1);
        hold!(Bounded, keys <= queued + flying, "node {} works on {keys} keys, {queued} queued, {flying} in flight", at + 1);
        Ok(())
    }

    /// What a Desk promises, it promises of slice and pool as it has applied them. Between an entry and the telling of it
    /// the mirror may be either side of it.
    fn admits_what_is_there(&self, at: usize, before: &Before) -> Result<(), Violation> {
        let node = &self.nodes[at];
        // A late confirm is proposed whatever the numbers say: apply alone tells its buyer to take the money back.
        if !node.untold.is_empty() || self.plan.operations.contains(&Operation::Confirm) {
            return Ok(());
        }
        let session = node.desk.session();
        for (sku, before) in skus(node).zip(&before.0) {
            let provisional = node.desk.provisional(sku);
            let Some(view) = node.inventory.view(sku, session).filter(|_| provisional > *before) else { continue };
            hold!(LocalBound, provisional <= view.slice + view.pool, "node {} promises {provisional} of {view:?}", at + 1);
        }
        Ok(())
    }

    /// A node's state is that of all others at its index.
    pub(super) fn agrees(&mut self, at: usize) {
        let inventory = &self.nodes[at].inventory;
        let LogIndex(index) = inventory.last_index();
        let expected = usize::try_from(index).ok().and_then(|index| self.digests.get(index - 1));
        if expected != Some(&inventory.digest()) {
            self.fail(Invariant::ReplicasAgree, format!("node {} differs from the others at {index}", at + 1));
        }
    }

    /// Everyone is answered by the deadline and a grace, but by a node that stood still.
    pub(super) fn is_in_time(&mut self, attempt: usize) {
        let asked = &self.history.attempts[attempt];
        let paused = self.nodes[asked.node].paused_last >= asked.invoked;
        let latest = asked.deadline.after(self.plan.desk.outcome_grace).after(GRAIN);
        if self.now > latest && !paused {
            let late = self.now.since(latest);
            self.fail(Invariant::Live, format!("attempt {attempt} is answered {late} late"));
        }
    }
}
