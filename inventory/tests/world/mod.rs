//! A state with a log behind it, for tests that say what happens step by step.

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_inventory::*;

pub(crate) struct World {
    pub(crate) state: Inventory,
    pub(crate) clock: u64,
    index: u64,
    pub(crate) contents: BTreeMap<OrderRef, Order>,
}

impl World {
    /// Nodes 1 and 2, each with an open session.
    pub(crate) fn new(params: Params) -> Self {
        let mut world = Self { state: Inventory::new(), clock: 1_000, index: 0, contents: BTreeMap::new() };
        world.entry(&Entry::Members(Cow::Owned(vec![NodeId(1), NodeId(2)])));
        world.apply(Command::Bootstrap(Bootstrap { params, secret: Secret([5; 16]) }));
        world.open(1, 1);
        world.open(2, 1);
        world
    }

    pub(crate) fn entry(&mut self, entry: &Entry<'_>) -> Applied {
        self.index += 1;
        let applied = self.state.apply(LogIndex(self.index), entry);
        for event in &applied.events {
            if let EventKind::Accepted { order, .. } = &event.kind {
                self.contents.insert(order.at, order.clone());
            }
        }
        applied
    }

    pub(crate) fn apply(&mut self, command: Command<'_>) -> Applied {
        let stamp = Stamp(self.clock);
        self.entry(&Entry::Command(stamp, command))
    }

    pub(crate) fn open(&mut self, node: u64, attempt: u64) -> Applied {
        self.apply(Command::OpenSession(OpenSession { node: NodeId(node), incarnation: Incarnation(1), attempt: Attempt(attempt) }))
    }

    pub(crate) fn create(&mut self, name: &str, stock: u64, settings: SettingsPatch) -> SkuId {
        let name = SkuName::new(name).expect("a good name");
        match self.apply(Command::CreateSku(CreateSku { name, stock, settings })).outcome {
            CommandOutcome::Sku(Ok(done)) => done.sku,
            other => panic!("not created: {other:?}"),
        }
    }

    pub(crate) fn request(&mut self, node: u64, request: Request<'_>) -> Outcome {
        let session = self.state.session_of(NodeId(node)).expect("opened");
        let batch = Batch { session: session.id, seq: Seq(session.last_seq.0 + 1), requests: vec![request] };
        match self.apply(Command::Batch(batch)).outcome {
            CommandOutcome::Batch(BatchApplied { result: BatchResult::Judged(outcomes), .. }) => outcomes.outcomes[0],
            other => panic!("not judged: {other:?}"),
        }
    }

    pub(crate) fn step(&self, order: OrderRef, with_content: bool) -> Transition<'static> {
        let content = self.contents.get(&order).filter(|_| with_content).map(|order| Content {
            buyer: Cow::Owned(order.buyer.to_string()),
            lines: order.lines.clone(),
            created: order.created,
            node: order.node,
        });
        Transition { order, content, apply_before: Stamp(u64::MAX) }
    }
}

pub(crate) fn order(buyer: &str, key: &str, lines: &[(SkuId, u32)]) -> OrderRequest<'static> {
    OrderRequest {
        caller: "shop".into(),
        key: key.to_owned().into(),
        buyer: buyer.to_owned().into(),
        lines: lines.iter().map(|&(sku, units)| Line { sku, units }).collect(),
        confirm: false,
        apply_before: Stamp(u64::MAX),
    }
}
