//! Judging one answer: is the call over, and if not, how long to wait. Pure.

use std::time::Duration;

use holdfast_api::{Problem, ProblemType};

use crate::fate::{Effect, Fate};
use crate::limits::FOREIGN_REQUEST_MS;

/// What an answer that is no success means for the call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A definite no that speaks for every attempt.
    Refused,
    /// Ask again.
    Again {
        /// Not before this long, if the node or the rules say so.
        wait: Option<Duration>,
    },
    /// Neither a refusal nor worth asking again.
    Nonsense,
}

/// The circumstances of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// The fate before this attempt was sent.
    pub(crate) before: Fate,
    /// What the request may do.
    pub(crate) effect: Effect,
    /// Cluster time at which this attempt dies.
    pub(crate) apply_before: Option<u64>,
    /// Cluster time of the answer, if it is a definite one.
    pub(crate) stamp: Option<u64>,
    /// What the node asked for in `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
}

/// Judges `problem`, and corrects `fate`, in which the attempt counts as open, by what it says.
pub(crate) fn judge(problem: &Problem, heard: Heard, fate: &mut Fate) -> Verdict {
    if problem.certainly_no_effect() {
        *fate = heard.before;
    } else if problem.kind() == Some(ProblemType::KeyInProgress) {
        // The request that runs may be another process's, with an `Apply-Before` that nobody here knows.
        fate.note_sent(heard.effect, heard.apply_before.map(|ms| ms.saturating_add(FOREIGN_REQUEST_MS)));
    }
    if problem.retry_may_help() {
        let asked = problem.retry_after_ms.map(Duration::from_millis).or(heard.retry_after);
        return Verdict::Again { wait: asked };
    }
    if !problem.certainly_no_effect() && heard.effect != Effect::None {
        return Verdict::Nonsense;
    }
    if fate.is_settled_at(heard.stamp) {
        *fate = Fate::Settled;
        return Verdict::Refused;
    }
    // Asked again when the last open attempt is dead, the answer is final.
    let wait = fate.until_ms().zip(heard.stamp).map(|(until, stamp)| Duration::from_millis(until.saturating_sub(stamp)));
    Verdict::Again { wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(before: Fate, stamp: Option<u64>) -> Heard {
        Heard { before, effect: Effect::Bounded, apply_before: Some(100), stamp, retry_after: None }
    }

    fn sold_out() -> Problem {
        Problem::new(ProblemType::SoldOut, "")
    }

    #[test]
    fn a_refusal_of_the_only_attempt_is_final() {
        let mut fate = Fate::OpenUntil(100);
        assert_eq!(judge(&sold_out(), heard(Fate::Settled, None), &mut fate), Verdict::Refused);
        assert_eq!(fate, Fate::Settled);
    }

    #[test]
    fn a_refusal_before_an_earlier_attempt_died_is_asked_again_when_it_is_dead() {
        let mut fate = Fate::OpenUntil(150);
        let again = Verdict::Again { wait: Some(Duration::from_millis(60)) };
        assert_eq!(judge(&sold_out(), heard(Fate::OpenUntil(100), Some(40)), &mut fate), again);
        assert_eq!(fate, Fate::OpenUntil(100), "the refused attempt itself is settled");
        assert_eq!(judge(&sold_out(), heard(fate, Some(100)), &mut fate.clone()), Verdict::Refused);
    }

    #[test]
    fn a_refusal_without_stamp_settles_nothing_earlier() {
        let mut fate = Fate::OpenUntil(150);
        let again = Verdict::Again { wait: None };
        assert_eq!(judge(&sold_out(), heard(Fate::OpenUntil(100), None), &mut fate), again);
    }

    #[test]
    fn busy_nodes_are_left_after_the_pause_they_ask_for() {
        let problem = Problem { retry_after_ms: Some(30), ..Problem::new(ProblemType::Overloaded, "") };
        let asked = Heard { retry_after: Some(Duration::from_secs(1)), ..heard(Fate::Settled, None) };
        let mut fate = Fate::OpenUntil(100);
        let again = Verdict::Again { wait: Some(Duration::from_millis(30)) };
        assert_eq!(judge(&problem, asked, &mut fate), again, "the finer of the two pauses");
        assert_eq!(fate, Fate::Settled);
    }

    #[test]
    fn an_unknown_outcome_stays_open() {
        let mut fate = Fate::OpenUntil(100);
        let problem = Problem::new(ProblemType::OutcomeUnknown, "");
        assert_eq!(judge(&problem, heard(Fate::Settled, None), &mut fate), Verdict::Again { wait: None });
        assert_eq!(fate, Fate::OpenUntil(100));
    }

    #[test]
    fn a_key_in_progress_may_be_someone_elses_and_live_longer() {
        let mut fate = Fate::OpenUntil(100);
        let problem = Problem::new(ProblemType::KeyInProgress, "");
        assert_eq!(judge(&problem, heard(Fate::Settled, None), &mut fate), Verdict::Again { wait: None });
        assert_eq!(fate, Fate::OpenUntil(100 + FOREIGN_REQUEST_MS));
    }

    #[test]
    fn a_redirect_is_no_answer() {
        let problem = Problem { status: 302, ..Problem::default() };
        assert_eq!(judge(&problem, heard(Fate::Settled, None), &mut Fate::OpenUntil(1)), Verdict::Nonsense);
    }
}
