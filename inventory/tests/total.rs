//! Whatever decodes is answered: random bytes and random values never stop a replica.
#![allow(clippy::cast_possible_truncation)] // Cut numbers are as good as any.

use std::borrow::Cow;

use holdfast_inventory::*;
use proptest::prelude::*;

fn founded() -> Inventory {
    let mut state = Inventory::new();
    state.apply(LogIndex(1), &Entry::Members(Cow::Owned(vec![NodeId(1), NodeId(2)])));
    let bootstrap = Bootstrap { params: Params::default(), secret: Secret([5; 16]) };
    state.apply(LogIndex(2), &Entry::Command(Stamp(10), Command::Bootstrap(bootstrap)));
    for n in 0..3 {
        let name = SkuName::new(&format!("sku-{n}")).expect("a name");
        let create = CreateSku { name, stock: 1_000, settings: SettingsPatch::default() };
        state.apply(LogIndex(3 + n), &Entry::Command(Stamp(10), Command::CreateSku(create)));
    }
    let open = OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) };
    state.apply(LogIndex(6), &Entry::Command(Stamp(10), Command::OpenSession(open)));
    state
}

/// Mostly small, sometimes at an edge: where arithmetic goes wrong.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0_u64..8, 1 => Just(u64::MAX), 1 => Just(1 << 48), 1 => any::<u64>()]
}

fn line() -> impl Strategy<Value = Line> {
    (number(), number()).prop_map(|(sku, units)| Line { sku: SkuId(sku as u32), units: units as u32 })
}

fn step() -> impl Strategy<Value = Transition<'static>> {
    let content = (".{0,9}", prop::collection::vec(line(), 0..4), number(), number());
    let step = (number(), any::<u16>(), prop::option::of(content), number());
    step.prop_map(|(index, position, content, before)| Transition {
        order: OrderRef { index: LogIndex(index), position: position % 3 },
        content: content.map(|(buyer, lines, created, node)| Content {
            buyer: buyer.into(),
            lines: lines.into(),
            created: Stamp(created),
            node: NodeId(node),
        }),
        apply_before: Stamp(before),
    })
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let order = (".{0,9}", ".{0,9}", prop::collection::vec(line(), 0..20), any::<bool>(), number());
    prop_oneof![
        4 => order.prop_map(|(key, buyer, lines, confirm, before)| Request::Order(OrderRequest {
            caller: "".into(), key: key.into(), buyer: buyer.into(), lines: lines.into(), confirm, apply_before: Stamp(before),
        })),
        1 => step().prop_map(Request::Confirm),
        1 => step().prop_map(Request::Release),
        1 => step().prop_map(Request::Cancel),
        1 => step().prop_map(Request::Extend),
        1 => (number(), number()).prop_map(|(sku, units)| Request::Return { sku: SkuId(sku as u32), units }),
    ]
}

fn settings() -> impl Strategy<Value = SettingsPatch> {
    (prop::option::of(number()), prop::option::of(number()), prop::option::of(number()), prop::option::of(number())).prop_map(
        |(opens_at, closes_at, limit, ttl)| SettingsPatch {
            title: None,
            opens_at: Some(opens_at.map(Stamp)),
            closes_at: Some(closes_at.map(Stamp)),
            per_buyer_limit: Some(limit.map(|limit| limit as u32)),
            hold_ttl: ttl.map(Millis),
            late_confirm: Some(LateConfirm::Reacquire),
        },
    )
}

fn command() -> impl Strategy<Value = Command<'static>> {
    let sku = || number().prop_map(|n| SkuId(n as u32));
    prop_oneof![
        6 => (prop::collection::vec(request(), 0..6), 0_u64..4)
            .prop_map(|(requests, seq)| Command::Batch(Batch { session: SessionId(6), seq: Seq(seq), requests })),
        1 => (sku(), number(), settings())
            .prop_map(|(sku, version, settings)| Command::PatchSku(PatchSku { sku, if_version: Version(version), settings })),
        1 => (number(), settings()).prop_map(|(stock, settings)| {
            Command::CreateSku(CreateSku { name: SkuName::new(&format!("sku-{stock}")).expect("short"), stock, settings })
        }),
        1 => (sku(), any::<i64>(), number()).prop_map(|(sku, delta, key)| Command::AdjustStock(AdjustStock {
            sku, delta, reason: "r".into(), reference: None, key: key.to_string().into(),
        })),
        1 => (sku(), any::<bool>()).prop_map(|(sku, open)| Command::SetSale { sku, open }),
        1 => (number(), number(), number()).prop_map(|(node, incarnation, attempt)| Command::OpenSession(OpenSession {
            node: NodeId(node), incarnation: Incarnation(incarnation), attempt: Attempt(attempt),
        })),
        1 => number().prop_map(|session| Command::CloseSession { session: SessionId(session) }),
        1 => (sku(), number(), number())
            .prop_map(|(sku, session, units)| Command::Grant(vec![Grant { sku, session: SessionId(session), units }; 2])),
        1 => (sku(), any::<bool>()).prop_map(|(sku, pooled)| Command::SetMode {
            skus: vec![sku, sku], mode: if pooled { Mode::Pooled } else { Mode::Sliced },
        }),
        1 => Just(Command::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_command_with_any_numbers_is_answered(commands in prop::collection::vec((command(), number()), 1..60)) {
        let (mut one, mut other) = (founded(), founded());
        for (n, (command, stamp)) in commands.into_iter().enumerate() {
            let index = LogIndex(7 + n as u64);
            let entry = Entry::Command(Stamp(stamp), command);
            let (here, there) = (one.apply(index, &entry), other.apply(index, &entry));
            prop_assert_eq!(here.outcome, there.outcome);
            prop_assert_eq!(one.digest(), other.digest());
            prop_assert!(one.skus().all(Sku::is_conserved));
        }
    }

    #[test]
    fn spoilt_bytes_of_a_command_are_refused_or_answered(command in command(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = codec::stamp_entry(Stamp(20), &codec::encode(&command)).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok((stamp, command)) = codec::read_entry(&bytes) {
            founded().apply(LogIndex(7), &Entry::Command(stamp, command));
        }
    }

    #[test]
    fn spoilt_or_cut_snapshots_are_refused_or_hold_together(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = founded().snapshot().collect::<Vec<_>>().concat();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let mut reader = SnapshotReader::new();
        if reader.push(&bytes).is_ok() && let Ok(state) = reader.finish() {
            prop_assert!(!cut);
            prop_assert!(state.skus().all(Sku::is_conserved));
        }
    }
}
