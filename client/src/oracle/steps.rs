//! Steps and reads against the order's life: what was told is in the ledger (I5, I6, I16), and each step of the ledger was
//! asked for (I7).

use holdfast_api::{OrderStatus, ProblemType};

use super::call::{Asked, Call, Heard, Step};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::keys::is_another;
use super::names::Name;
use super::replay::Phase;

/// A step that may have been taken, and when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    order: Name,
    step: Step,
    began_us: u64,
}

/// Every step that may have been taken, by order and step.
pub(super) struct Causes(Vec<Cause>);

impl Causes {
    /// When the first call that asked for this step began.
    pub(super) fn first_us(&self, order: Name, step: Step) -> Option<u64> {
        let at = self.0.partition_point(|cause| (cause.order, cause.step) < (order, step));
        self.0.get(at).filter(|cause| (cause.order, cause.step) == (order, step)).map(|cause| cause.began_us)
    }
}

/// The step that leads to a status; none to those that come by themselves.
pub(super) fn step_to(status: OrderStatus) -> Option<Step> {
    match status {
        OrderStatus::Confirmed => Some(Step::Confirm),
        OrderStatus::Released => Some(Step::Release),
        OrderStatus::Cancelled => Some(Step::Cancel),
        OrderStatus::Held | OrderStatus::Expired => None,
    }
}

/// Judges every step and read, and gives the steps that may have been taken.
pub(super) fn check(case: &Case<'_>, judgement: &mut Judgement) -> Causes {
    let mut causes = Vec::new();
    for call in case.history.calls() {
        let order = match call.asked {
            Asked::Step { order, step } => {
                if matches!(call.heard, Heard::Order { .. }) || call.heard.is_unknown() {
                    causes.push(Cause { order, step, began_us: call.began_us });
                }
                order
            }
            Asked::Read { order } => order,
            Asked::Order { .. } | Asked::Look { .. } | Asked::Adjust { .. } => continue,
        };
        check_told(case, order, call, judgement);
    }
    causes.sort_unstable();
    let causes = Causes(causes);
    for number in (0u32..).take(case.ledger.orders().len()) {
        for phase in case.replay.phases(number).iter().skip(1) {
            check_cause(case, phase, &causes, judgement);
        }
    }
    causes
}

fn check_told(case: &Case<'_>, order: Name, call: &Call, judgement: &mut Judgement) {
    let number = case.ledger.number(order);
    match (call.heard, number) {
        (Heard::Order { id, .. }, _) if id != order => {
            judgement.violation(Invariant::I5, || format!("another order was told: {}", case.history.tell(call)));
        }
        (Heard::Order { .. }, None) => {
            judgement.violation(Invariant::I5, || format!("told and not in the ledger: {}", case.history.tell(call)));
        }
        (Heard::Order { content, .. }, Some(number)) if is_another(content, case.order(number).content) => {
            judgement.violation(Invariant::I5, || format!("another content: {}, {}", case.history.tell(call), case.tell(number)));
        }
        (Heard::Order { index, status, .. }, Some(number)) if !had(case, number, index, status) => {
            let is_read = matches!(call.asked, Asked::Read { .. });
            let invariant = if is_read { Invariant::I16 } else { Invariant::I5 };
            judgement.violation(invariant, || {
                format!("a status that it did not have there: {}, {:?}", case.history.tell(call), case.replay.phases(number))
            });
        }
        (Heard::Order { index, .. }, Some(number)) if !was_taken(case, number, index, call.asked) => {
            judgement.violation(Invariant::I5, || {
                format!("acknowledged and not taken: {}, {:?}", case.history.tell(call), case.replay.phases(number))
            });
        }
        (Heard::Refused { problem: problem @ (ProblemType::OrderState | ProblemType::HoldExpired), index, .. }, Some(number))
            if index.is_none_or(|index| !may_refuse(case, number, index, call.asked, problem)) =>
        {
            judgement.violation(Invariant::I6, || {
                format!("refused in a status that it did not have there: {}, {:?}", case.history.tell(call), case.replay.phases(number))
            });
        }
        (Heard::Refused { problem: ProblemType::UnknownOrder, .. }, Some(number)) => {
            judgement.violation(Invariant::I6, || format!("forgotten: {}, {}", case.history.tell(call), case.tell(number)));
        }
        _ => {}
    }
}

/// Whether an order had this status at an index.
fn had(case: &Case<'_>, number: u32, index: u64, status: OrderStatus) -> bool {
    let is_told =
        |is: OrderStatus| is == status || (is, status) == (OrderStatus::Held, OrderStatus::Expired) && may_be_over(case, number, index);
    case.replay.phases_at(number, index).iter().any(|phase| is_told(phase.status))
}

/// Whether a hold may be over at `index`: it is so by the stamp, and stands in the ledger when it is swept, a little later. Between
/// two entries of the ledger the stamp is known to be no later than the next one's.
fn may_be_over(case: &Case<'_>, number: u32, index: u64) -> bool {
    let entries = case.ledger.entries();
    let next = entries.partition_point(|entry| entry.place.0 < index);
    let latest_ms = entries.get(next).map_or(u64::MAX, |entry| entry.at_ms);
    case.holds.deadline_ms(case.order(number)).is_some_and(|until| until <= latest_ms)
}

/// Whether the ledger has the step that was asked for, at `index` or before. Of an extension the feed says nothing.
fn was_taken(case: &Case<'_>, number: u32, index: u64, asked: Asked) -> bool {
    let Asked::Step { step, .. } = asked else { return true };
    step == Step::Extend || case.replay.phases(number).iter().any(|phase| phase.index <= index && step_to(phase.status) == Some(step))
}

/// Whether an order had a status at `index` in which this step is refused in this way.
fn may_refuse(case: &Case<'_>, number: u32, index: u64, asked: Asked, problem: ProblemType) -> bool {
    use OrderStatus::{Cancelled, Confirmed, Expired, Held, Released};
    let Asked::Step { step, .. } = asked else { return false };
    let refusing: &[OrderStatus] = match (problem, step) {
        (ProblemType::HoldExpired, Step::Confirm | Step::Extend) => &[Expired],
        (ProblemType::OrderState, Step::Confirm) => &[Released, Cancelled],
        (ProblemType::OrderState, Step::Release) => &[Confirmed, Expired, Cancelled],
        (ProblemType::OrderState, Step::Cancel) => &[Held, Released, Expired],
        (ProblemType::OrderState, Step::Extend) => &[Confirmed, Released, Cancelled],
        _ => &[],
    };
    refusing.iter().any(|status| had(case, number, index, *status))
}

fn check_cause(case: &Case<'_>, phase: &Phase, causes: &Causes, judgement: &mut Judgement) {
    let Some(step) = step_to(phase.status) else { return };
    if causes.first_us(case.order(phase.order).id, step).is_none() {
        judgement.violation(Invariant::I7, || format!("nobody asked for {phase:?} of {}", case.tell(phase.order)));
    }
}
