//! A history for the tests of what checks a directory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use holdfast_inventory::*;
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;

use crate::PeerNode;
use crate::types::{LogEntry, LogId, Membership, Payload};

/// A history of two orders of one SKU, one of them confirmed, and two adjustments: what the state came to, the log, and what each
/// entry told.
pub(crate) fn history() -> (Inventory, Vec<LogEntry>, Vec<Applied>) {
    let order = |key: &'static str, units| {
        Request::Order(OrderRequest {
            caller: "".into(),
            key: key.into(),
            buyer: "ann".into(),
            lines: [Line { sku: SkuId(0), units }].into_iter().collect(),
            confirm: false,
            apply_before: Stamp(u64::MAX),
        })
    };
    let confirmed = OrderRef { index: LogIndex(5), position: 0 };
    let confirm = Request::Confirm(Transition { order: confirmed, content: None, apply_before: Stamp(u64::MAX) });
    let batch = |seq, requests| Command::Batch(Batch { session: SessionId(3), seq: Seq(seq), requests });
    let adjust = |key: &str, delta| {
        Command::AdjustStock(AdjustStock { sku: SkuId(0), delta, reason: "delivery".into(), reference: None, key: key.into() })
    };
    let create = CreateSku { name: SkuName::new("tee").unwrap(), stock: 10, settings: SettingsPatch::default() };
    let commands = [
        Command::Bootstrap(Bootstrap { params: Params::default(), secret: Secret([7; 16]) }),
        Command::OpenSession(OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) }),
        Command::CreateSku(create),
        batch(1, vec![order("one", 2), order("two", 3)]),
        adjust("more", 5),
        batch(2, vec![confirm]),
        adjust("less", -4),
    ];
    let (stamp, node) = (Stamp(1_000), NodeId(1));
    let members = Membership::new(vec![BTreeSet::from([node.0])], BTreeMap::from([(node.0, PeerNode::default())])).unwrap();
    let mut changes = vec![(EntryPayload::Membership(members), Entry::Members(Cow::Owned(vec![node])))];
    for command in commands {
        let payload = Payload(codec::stamp_entry(stamp, &codec::encode(&command)));
        changes.push((EntryPayload::Normal(payload), Entry::Command(stamp, command)));
    }
    let (mut state, mut log, mut told) = (Inventory::new(), Vec::new(), Vec::new());
    for (index, (payload, entry)) in (0..).zip(changes) {
        log.push(LogEntry { log_id: LogId::new(RaftLeaderId::new(1, node.0), index), payload });
        told.push(state.apply(LogIndex(index + 1), &entry));
    }
    (state, log, told)
}
