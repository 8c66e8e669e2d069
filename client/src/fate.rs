//! What is still open about the earlier attempts of one request.

/// How long a request whose answer never came may still take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Never: it only reads.
    None,
    /// Until the cluster time that the attempt names in `Apply-Before`.
    Bounded,
    /// For a time that nobody told.
    Unbounded,
}

/// The attempts of one request whose fate is open. Lives as long as the request's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// None: no attempt was sent, or each of them certainly had no effect.
    #[default]
    Settled,
    /// Some; the last of them dies at this cluster time in milliseconds.
    OpenUntil(u64),
    /// Some, and no stamp tells when they died.
    Open,
}

impl Fate {
    /// An attempt is about to be sent. Noted before it is, so that a dropped call cannot forget it.
    pub(crate) fn note_sent(&mut self, effect: Effect, apply_before: Option<u64>) {
        *self = match (effect, apply_before, *self) {
            (Effect::None, _, fate) => fate,
            (Effect::Bounded, Some(ms), Self::Settled) => Self::OpenUntil(ms),
            (Effect::Bounded, Some(ms), Self::OpenUntil(earlier)) => Self::OpenUntil(ms.max(earlier)),
            _ => Self::Open,
        };
    }

    /// Whether a refusal that is true at `stamp` speaks for every attempt: it was made by a state in which all of
    /// them are dead.
    pub(crate) fn is_settled_at(self, stamp: Option<u64>) -> bool {
        match self {
            Self::Settled => true,
            Self::OpenUntil(ms) => stamp.is_some_and(|stamp| stamp >= ms),
            Self::Open => false,
        }
    }

    /// Whether no attempt can take effect any more, as far as is known.
    pub(crate) fn is_settled(self) -> bool {
        self == Self::Settled
    }

    /// Cluster time in milliseconds after which a definite answer is final.
    pub(crate) fn until_ms(self) -> Option<u64> {
        match self {
            Self::OpenUntil(ms) => Some(ms),
            Self::Settled | Self::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_settles_only_at_or_past_the_last_death() {
        let mut fate = Fate::default();
        assert!(fate.is_settled_at(None));
        fate.note_sent(Effect::Bounded, Some(100));
        fate.note_sent(Effect::Bounded, Some(70));
        assert!(!fate.is_settled_at(None));
        assert!(!fate.is_settled_at(Some(99)));
        assert!(fate.is_settled_at(Some(100)), "apply refuses at the stamp itself");
    }

    #[test]
    fn what_has_no_death_is_never_settled_by_a_stamp() {
        let mut fate = Fate::default();
        fate.note_sent(Effect::Unbounded, Some(5));
        fate.note_sent(Effect::Bounded, Some(5));
        assert!(!fate.is_settled_at(Some(u64::MAX)));
        assert_eq!(fate.until_ms(), None);
    }

    #[test]
    fn reading_leaves_nothing_open() {
        let mut fate = Fate::default();
        fate.note_sent(Effect::None, None);
        assert!(fate.is_settled());
    }
}
