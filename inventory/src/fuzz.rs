//! What must hold of bytes from outside: see `fuzz/` at the top.

#[path = "../../fuzz/target.rs"]
mod target;

use std::borrow::Cow;

pub use target::Target;

use crate::{
    AdjustStock, Attempt, Batch, Bootstrap, Command, CreateSku, Entry, Epoch, Incarnation, Inventory, Line, LogIndex, NodeId, OpenSession,
    OrderRef, OrderRequest, Params, Request, Secret, Seq, SessionId, SettingsPatch, Sku, SkuId, SkuName, SnapshotError, SnapshotReader,
    Stamp, TOKEN_CHARS, Transition, codec, seal, unseal,
};

/// Everything that the core reads.
pub const TARGETS: &[Target] = &[
    Target { name: "log_entry", check: log_entry, seeds: log_entries },
    Target { name: "state_snapshot", check: state_snapshot, seeds: snapshots },
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
    let Ok(mut state) = read(bytes) else { return };
    assert!(state.skus().all(Sku::is_conserved));
    let again: Vec<_> = state.snapshot().collect::<Vec<_>>().concat();
    let read = read(&again).expect("an own snapshot");
    assert_eq!((read.last_index(), read.digest()), (state.last_index(), state.digest()));
    assert!(read.snapshot().flatten().eq(again), "it gives other bytes");
    let next = LogIndex(state.last_index().0.saturating_add(1));
    if next > state.last_index() {
        state.apply(next, &Entry::Command(Stamp(u64::MAX), Command::Tick));
    }
}

fn read(bytes: &[u8]) -> Result<Inventory, SnapshotError> {
    let mut reader = SnapshotReader::new();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    reader.push(first).and_then(|()| reader.push(second))?;
    reader.finish()
}

/// A text is refused, or is the one text of its order.
fn order_id(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some((epoch, order)) = unseal(&SECRET, text) {
        assert_eq!(seal(&SECRET, epoch, order), text);
        assert_eq!(text.len(), TOKEN_CHARS);
    }
}

/// As this build writes it, and as the builds before did.
fn snapshots() -> Vec<Vec<u8>> {
    vec![sold().snapshot().collect::<Vec<_>>().concat(), include_bytes!("../tests/fixtures/state-v2.snapshot").to_vec()]
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
    use super::*;

    /// Its SKU counts units as held that no order holds: when that order's time came, more would have come back than had gone.
    #[test]
    fn a_snapshot_whose_held_units_no_order_holds_is_refused() {
        let bytes = include_bytes!("../tests/fixtures/held-without-a-hold.snapshot");
        let refused = read(bytes).err().expect("it is refused");
        assert_eq!(refused.to_string(), "the snapshot is damaged: held units are not those of the holds");
    }

    /// The entries that gave the state whose snapshot is a fixture.
    fn sold_more() -> Inventory {
        let mut state = sold();
        let [_, _, _, _, adjust] = commands();
        let order = |n: usize| OrderRequest {
            caller: "shop".into(),
            key: format!("key-{n}").into(),
            buyer: format!("buyer-{}", n % 7).into(),
            lines: [Line { sku: SkuId(0), units: 1 }].into_iter().collect(),
            confirm: n.is_multiple_of(2),
            apply_before: Stamp(u64::MAX),
        };
        let batch = Batch { session: SessionId(3), seq: Seq(2), requests: (0..8).map(|n| Request::Order(order(n))).collect() };
        for (index, command) in (6..).zip([adjust, Command::Batch(batch)]) {
            state.apply(LogIndex(index), &Entry::Command(Stamp(1_000), command));
        }
        state
    }

    #[test]
    fn a_snapshot_of_the_version_before_gives_the_state_that_its_entries_give() {
        let mut state = read(include_bytes!("../tests/fixtures/state-v2.snapshot")).expect("it is read");
        let mut replayed = sold_more();
        assert_eq!((state.last_index(), state.gauges()), (LogIndex(7), replayed.gauges()));
        let bytes = |state: &Inventory| state.snapshot().flatten().collect::<Vec<_>>();
        let mut again = read(&bytes(&state)).expect("an own snapshot");
        assert_eq!(bytes(&again), bytes(&state));
        // A digest takes the sums of all records in now and then.
        for index in 8..=2_048 {
            for replica in [&mut state, &mut again, &mut replayed] {
                replica.apply(LogIndex(index), &Entry::Command(Stamp(1_000 + index), Command::Tick));
            }
            assert_eq!((state.digest(), again.digest()), (replayed.digest(), replayed.digest()), "at {index}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        target::hold(TARGETS);
    }
}
