//! An order's life, as it may go.

use holdfast_inventory::{Inventory, LateConfirm, OrderRef, Stamp, Status};

use super::history::{Attempt, History, Wish};
use super::ledger::Sold;
use super::tally::{Seen, Tally};
use super::violation::{Checked, hold};

/// Whether an order is what the attempt that made it asked for, at its node.
pub(super) fn is_as_asked(sold: &Sold, status: Status, attempt: &Attempt, history: &History) -> Checked {
    let Wish::Order { key, buyer, lines, confirm } = &attempt.wish else {
        hold!(NoPhantom, false, "an order came of {:?}", attempt.wish);
        return Ok(());
    };
    let same = sold.key == history.key(buyer, key) && sold.buyer == *buyer && sold.lines == *lines;
    hold!(Acknowledged, same, "{:?} became {sold:?}", attempt.wish);
    hold!(Acknowledged, sold.node.0 == attempt.node as u64 + 1, "asked at {}, admitted by {}", attempt.node + 1, sold.node);
    hold!(OneLife, matches!(status, Status::Held { .. } | Status::Confirmed), "{sold:?} begins as {status:?}");
    hold!(OneLife, !confirm || status == Status::Confirmed, "{sold:?} was bought at once");
    Ok(())
}

/// Whether an order may go from its status to the next at a stamp.
pub(super) fn is_an_arrow(order: OrderRef, sold: &Sold, to: Status, stamp: Stamp, head: &Inventory, tally: &mut Tally) -> Checked {
    let from = sold.status();
    match (from, to) {
        (Status::Held { until, extended }, Status::Held { until: later, extended: again }) => {
            hold!(OneLife, !extended && again && later >= until, "{order} goes from {from:?} to {to:?}");
            hold!(LogTime, stamp < until, "{order} is extended at {stamp} and ended at {until}");
        }
        (Status::Held { until, .. }, Status::Confirmed | Status::Released) => {
            hold!(LogTime, stamp < until, "{order} is {} at {stamp} and ended at {until}", to.word());
        }
        (Status::Held { until, .. }, Status::Expired) => {
            hold!(LogTime, stamp >= until, "{order} expires at {stamp} and was held until {until}");
            tally.saw(Seen::Expired);
        }
        (Status::Confirmed, Status::Cancelled) => {}
        (Status::Expired, Status::Confirmed) => {
            let allows = |sku| head.sku(sku).is_some_and(|sku| sku.settings.late_confirm == LateConfirm::Reacquire);
            hold!(OneLife, sold.lines.iter().all(|line| allows(line.sku)), "{order} is confirmed late and may not be");
            tally.saw(Seen::LateConfirm);
        }
        _ => hold!(OneLife, false, "{order} goes from {from:?} to {to:?}"),
    }
    Ok(())
}
