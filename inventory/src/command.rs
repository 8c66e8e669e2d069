//! What can be written into the replicated log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Attempt, Batch, Incarnation, Millis, NodeId, Params, SessionId, SkuId, SkuName, Stamp, Version};

/// An imperative sentence in the log. The variant order is the format: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command<'a> {
    /// The first command of a cluster's life.
    Bootstrap(Bootstrap),
    /// Put a SKU on sale.
    CreateSku(CreateSku),
    /// Change a SKU's settings.
    PatchSku(PatchSku),
    /// Add or take stock.
    AdjustStock(AdjustStock),
    /// Stop or resume the sale of a SKU at once.
    SetSale {
        /// Which SKU.
        sku: SkuId,
        /// `true` resumes, `false` stops.
        open: bool,
    },
    /// Give a node the right to propose.
    OpenSession(OpenSession),
    /// Fence a node: close its session, its slices go back to the pool. Reclaim.
    CloseSession {
        /// Which session; one that is not open is left alone.
        session: SessionId,
    },
    /// A node's requests.
    #[serde(borrow)]
    Batch(Batch<'a>),
    /// Units from the pool into slices.
    Grant(Vec<Grant>),
    /// Switch SKUs between sliced and pooled.
    SetMode {
        /// Which SKUs.
        skus: Vec<SkuId>,
        /// To which mode.
        mode: Mode,
    },
    /// Let time pass: sweeps what has expired, at most `sweep_per_entry` of each kind.
    Tick,
}

/// What a new cluster starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The replicated parameters, from `cluster.toml`.
    pub params: Params,
    /// Random bytes that key every hash and every order id. Never shown.
    pub secret: Secret,
}

/// Sixteen random bytes under which hashes and order ids are made. Prints as `Secret(…)`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub [u8; 16]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Settings of a SKU that its owner may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// For people; at most 200 characters.
    pub title: Option<Box<str>>,
    /// No order before this stamp.
    pub opens_at: Option<Stamp>,
    /// No order at this stamp or later.
    pub closes_at: Option<Stamp>,
    /// Most units that one buyer may have, held and confirmed.
    pub per_buyer_limit: Option<u32>,
    /// How long an order is held; zero: bought at once.
    pub hold_ttl: Millis,
    /// What a confirm after expiry does.
    pub late_confirm: LateConfirm,
}

/// What a confirm after expiry does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LateConfirm {
    /// It is refused.
    #[default]
    Refuse,
    /// It takes the units again, if there are any.
    Reacquire,
}

/// Whether a SKU's orders draw from slices or from the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nodes sell from their slices.
    Sliced,
    /// Every order draws from the pool in log order.
    Pooled,
}

/// Put a SKU on sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSku {
    /// Its name; must be new.
    pub name: SkuName,
    /// Units it starts with.
    pub stock: u64,
    /// Its settings; `hold_ttl` absent: the default of [`Params`].
    pub settings: SettingsPatch,
}

/// Change a SKU's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchSku {
    /// Which SKU.
    pub sku: SkuId,
    /// The version the caller has seen.
    pub if_version: Version,
    /// What to change.
    pub settings: SettingsPatch,
}

/// `None` leaves a setting; `Some(None)` removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsPatch {
    /// See [`Settings::title`].
    pub title: Option<Option<Box<str>>>,
    /// See [`Settings::opens_at`].
    pub opens_at: Option<Option<Stamp>>,
    /// See [`Settings::closes_at`].
    pub closes_at: Option<Option<Stamp>>,
    /// See [`Settings::per_buyer_limit`].
    pub per_buyer_limit: Option<Option<u32>>,
    /// See [`Settings::hold_ttl`].
    pub hold_ttl: Option<Millis>,
    /// See [`Settings::late_confirm`].
    pub late_confirm: Option<LateConfirm>,
}

/// Add or take stock. All or nothing; what is taken comes from the pool only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustStock {
    /// Which SKU.
    pub sku: SkuId,
    /// Units, negative to take.
    pub delta: i64,
    /// Why; 1–200 characters.
    pub reason: Box<str>,
    /// The operator's own reference, such as a delivery note; at most 200 characters.
    pub reference: Option<Box<str>>,
    /// Idempotency key: the same adjustment is made once.
    pub key: Box<str>,
}

/// Give a node the right to propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// Which node; must be a member.
    pub node: NodeId,
    /// The start of its process.
    pub incarnation: Incarnation,
    /// Which session of that process.
    pub attempt: Attempt,
}

/// Units from the pool into one session's slice of one SKU. A grant to a closed session, of a pooled SKU or beyond the
/// pool has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Of which SKU.
    pub sku: SkuId,
    /// To which session.
    pub session: SessionId,
    /// How many.
    pub units: u64,
}

/// What stands at one log index, as the Raft layer hands it to the state.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    /// A leader's empty entry.
    Blank,
    /// The members from here on; learners included.
    Members(Cow<'a, [NodeId]>),
    /// A stamped command.
    Command(Stamp, Command<'a>),
}
