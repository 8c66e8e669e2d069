//! Every call of a run.

use super::call::{Asked, Call, Heard};
use super::names::{Name, Names};

/// One SKU of an order and how many units of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// Which SKU.
    pub sku: Name,
    /// Units.
    pub units: u32,
}

/// What an order asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Who.
    pub buyer: Name,
    /// What, every SKU once, in the order in which they were asked for.
    pub lines: Box<[Line]>,
    /// Bought at once.
    pub confirm: bool,
}

/// The number of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BodyId(u32);

/// Every call of a run, in any order. About 100 bytes a call, 100 a body, and the names.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The names of calls and of the ledger.
    pub names: Names,
    bodies: Vec<Body>,
    calls: Vec<Call>,
}

impl History {
    /// A body for the attempts of one key. Lines of one SKU are summed, as the server does.
    ///
    /// # Panics
    /// When there are more than 2^32 bodies, long after memory ended.
    #[allow(clippy::expect_used, reason = "2^32 bodies are 400 GB")]
    pub fn body(&mut self, buyer: Name, lines: &[Line], confirm: bool) -> BodyId {
        let mut summed: Vec<Line> = Vec::with_capacity(lines.len());
        for line in lines {
            match summed.iter_mut().find(|known| known.sku == line.sku) {
                Some(known) => known.units = known.units.saturating_add(line.units),
                None => summed.push(*line),
            }
        }
        let id = BodyId(u32::try_from(self.bodies.len()).expect("fewer than 2^32 bodies"));
        self.bodies.push(Body { buyer, lines: summed.into(), confirm });
        id
    }

    /// Adds a call that is over.
    pub fn record(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// All calls, in the order in which they were recorded.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// What an order call asked for.
    ///
    /// # Panics
    /// If the number is of another history.
    pub fn body_of(&self, id: BodyId) -> &Body {
        &self.bodies[id.0 as usize]
    }

    /// A call in one readable line.
    pub fn tell(&self, call: &Call) -> String {
        let (from, to) = (call.began_us as f64 / 1e6, call.ended_us as f64 / 1e6);
        format!("[{from:.6}–{to:.6} s, node {}] {} → {}", call.node, self.tell_asked(call.asked), self.tell_heard(call.heard))
    }

    fn tell_asked(&self, asked: Asked) -> String {
        let text = |name| self.names.text(name);
        match asked {
            Asked::Order { key, body, apply_before } => {
                let Body { buyer, lines, confirm } = self.body_of(body);
                let at_once = if *confirm { ", at once" } else { "" };
                let before = apply_before.map(|ms| format!(", before {ms}")).unwrap_or_default();
                format!("order of {} by {} with key {}{at_once}{before}", self.tell_lines(lines), text(*buyer), text(key))
            }
            Asked::Step { order, step } => format!("{step:?} {}", text(order)),
            Asked::Read { order } => format!("read {}", text(order)),
            Asked::Look { sku } => format!("look at {}", text(sku)),
            Asked::Adjust { sku, delta, reference } => format!("adjust {} by {delta}, {}", text(sku), text(reference)),
        }
    }

    fn tell_heard(&self, heard: Heard) -> String {
        match heard {
            Heard::Order { id, index, status, replayed, .. } => {
                let again = if replayed { ", replayed" } else { "" };
                format!("{} {status} at index {index}{again}", self.names.text(id))
            }
            Heard::Available { index, available, held } => format!("{available} available, {held} held at index {index}"),
            Heard::Adjusted { index } => format!("adjusted at index {index}"),
            Heard::Refused { problem, index, available, is_final, .. } => {
                let at = index.map(|index| format!(" at index {index}")).unwrap_or_default();
                let left = available.map(|units| format!(", {units} left")).unwrap_or_default();
                format!("{}{}{at}{left}", problem.name(), if is_final { " for good" } else { "" })
            }
            Heard::Nothing => "no answer".into(),
        }
    }

    /// Lines in words: `2 tee-m, 1 cap`.
    pub(super) fn tell_lines(&self, lines: &[Line]) -> String {
        lines.iter().map(|line| format!("{} {}", line.units, self.names.text(line.sku))).collect::<Vec<_>>().join(", ")
    }
}
