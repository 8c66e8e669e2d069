//! What must hold of bytes from outside: see `fuzz/` at the top.

#[path = "../../fuzz/target.rs"]
mod target;

use std::borrow::Cow;

pub use target::Target;

use crate::{
    AdjustStock, Attempt, Batch, Bootstrap, Command, CreateSku, Entry, Epoch, Incarnation, Inventory, Line, LogIndex, NodeId, OpenSession,
    OrderRef, OrderRequest, Params, Request, Secret, Seq, SessionId, SettingsPatch, Sku, SkuId, SkuName, SnapshotReader, Stamp,
    TOKEN_CHARS, Transition, codec, seal, unseal,
};

/// Everything that the core reads.
pub const TARGETS: &[Target] = &[
    Target { name: "log_entry", check: log_entry, seeds: log_entries },
    Target { name: "state_snapshot", check: state_snapshot, seeds: || vec![sold().snapshot().collect::<Vec<_>>().concat()] },
    Target { name: "order_id", check: order_id, seeds: || vec![seal(&SECRET, Epoch(1), ORDER).into_bytes()] },
];

const SECRET: Secret = Secret([5; 16]);
const ORDER: OrderRef = OrderRef { index: LogIndex(5), position: 0 };

/// An entry is refused, or reads back as it is written, and the state answers it and stays whole.
fn log_entry(bytes: &[u8]) {
    let Ok((stamp, command)) = codec::read_entry(bytes) else { return };
    let again = codec::stamp_entry(stamp, &codec::encode(&command));
    assert!(codec::read_entry(&again).is_ok_and(|read| read == (stamp, command.clone())), "{command:?} does not read back");
    let mut state = sold();
    state.apply(LogIndex(6), &Entry::Command(stamp, command));
    assert!(state.skus().all(Sku::is_conserved));
}

/// A snapshot is refused, or gives a state that is whole, gives the same snapshot again, and goes on.
fn state_snapshot(bytes: &[u8]) {
    let Some(mut state) = read(bytes) else { return };
    assert!(state.skus().all(Sku::is_conserved));
    let again: Vec<_> = state.snapshot().collect::<Vec<_>>().concat();
    assert_eq!(read(&again).map(|state| (state.last_index(), state.digest())), Some((state.last_index(), state.digest())));
    let next = LogIndex(state.last_index().0.saturating_add(1));
    if next > state.last_index() {
        state.apply(next, &Entry::Command(Stamp(u64::MAX), Command::Tick));
    }
}

fn read(bytes: &[u8]) -> Option<Inventory> {
    let mut reader = SnapshotReader::new();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    reader.push(first).and_then(|()| reader.push(second)).ok()?;
    reader.finish().ok()
}

/// A text is refused, or is the one text of its order.
fn order_id(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some((epoch, order)) = unseal(&SECRET, text) {
        assert_eq!(seal(&SECRET, epoch, order), text);
        assert_eq!(text.len(), TOKEN_CHARS);
    }
}

fn commands() -> [Command<'static>; 5] {
    let order = OrderRequest {
        caller: "".into(),
        key: "key".into(),
        buyer: "ann".into(),
        lines: [Line { sku: SkuId(0), units: 2 }].into_iter().collect(),
        confirm: false,
        apply_before: Stamp(u64::MAX),
    };
    let create = CreateSku { name: SkuName::new("tee").expect("a name"), stock: 10, settings: SettingsPatch::default() };
    [
        Command::Bootstrap(Bootstrap { params: Params::default(), secret: SECRET }),
        Command::OpenSession(OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) }),
        Command::CreateSku(create),
        Command::Batch(Batch { session: SessionId(3), seq: Seq(1), requests: vec![Request::Order(order)] }),
        Command::AdjustStock(AdjustStock { sku: SkuId(0), delta: 5, reason: "delivery".into(), reference: None, key: "more".into() }),
    ]
}

fn log_entries() -> Vec<Vec<u8>> {
    let step = |order| Transition { order, content: None, apply_before: Stamp(u64::MAX) };
    let steps = vec![Request::Extend(step(ORDER)), Request::Confirm(step(ORDER)), Request::Return { sku: SkuId(0), units: 1 }];
    let more = [Command::Batch(Batch { session: SessionId(3), seq: Seq(2), requests: steps }), Command::Tick];
    commands().into_iter().chain(more).map(|command| codec::stamp_entry(Stamp(1_000), &codec::encode(&command)).to_vec()).collect()
}

/// A state with a SKU, a session and an order.
fn sold() -> Inventory {
    let mut state = Inventory::new();
    state.apply(LogIndex(1), &Entry::Members(Cow::Owned(vec![NodeId(1)])));
    for (index, command) in (2..).zip(commands()) {
        if index < 6 {
            state.apply(LogIndex(index), &Entry::Command(Stamp(1_000), command));
        }
    }
    state
}

#[cfg(test)]
mod tests {
    /// Its SKU counts units as held that no order holds: when that order's time came, more would have come back than had gone.
    #[test]
    fn a_snapshot_whose_held_units_no_order_holds_is_refused() {
        let bytes = include_bytes!("../tests/fixtures/held-without-a-hold.snapshot");
        assert!(super::read(bytes).is_none());
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        super::target::hold(super::TARGETS);
    }
}
