//! One judgement, check by check.

use super::closing::{self, Closing};
use super::history::History;
use super::holds::{self, Holds};
use super::judgement::Judgement;
use super::ledger::{Ledger, LedgerOrder};
use super::names::Name;
use super::real_time::{self, RealTime};
use super::replay::{Replay, replay, tell};
use super::settle::Settled;
use super::{Terms, adjustments, clock, keys, refusals, steps};

/// Judges `history` by `ledger`, and both by what was seen when all was quiet. `terms` are those of every SKU that they
/// name.
pub fn judge(history: &History, ledger: &Ledger, terms: &[Terms], closing: Option<&Closing>) -> Judgement {
    let mut judgement = Judgement::default();
    judgement.count(history, ledger);
    ledger.tell_flaws(&mut judgement);
    let replay = replay(history, ledger, terms, &mut judgement);
    let time = RealTime::of(history);
    let holds = Holds::of(history, terms);
    let case = Case { history, ledger, terms, replay: &replay, time: &time, holds: &holds };
    let settled = Settled::of(&case, &mut judgement);
    keys::check(&case, &settled, &mut judgement);
    let causes = steps::check(&case, &mut judgement);
    holds::check(&case, &mut judgement);
    adjustments::check(&case, &mut judgement);
    real_time::check(&case, &settled, &causes, &mut judgement);
    clock::check(&case, &mut judgement);
    refusals::check(&case, &mut judgement);
    if let Some(closing) = closing {
        closing::check(&case, closing, &mut judgement);
    }
    judgement
}

/// What every check reads.
pub(super) struct Case<'a> {
    pub(super) history: &'a History,
    pub(super) ledger: &'a Ledger,
    pub(super) terms: &'a [Terms],
    pub(super) replay: &'a Replay,
    pub(super) time: &'a RealTime,
    pub(super) holds: &'a Holds,
}

impl Case<'_> {
    pub(super) fn order(&self, number: u32) -> &LedgerOrder {
        &self.ledger.orders()[number as usize]
    }

    pub(super) fn terms_of(&self, sku: Name) -> Option<&Terms> {
        self.terms.iter().find(|terms| terms.sku == sku)
    }

    pub(super) fn tell(&self, number: u32) -> String {
        tell(self.history, self.order(number))
    }
}
