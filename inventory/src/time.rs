//! Time, as the state and the Desk know it. Neither reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Cluster time carried by a log entry: milliseconds since 1970-01-01 UTC by the leader's steered clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp(pub u64);

/// A length of cluster time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

/// A node's own monotonic time in microseconds since its process began; means nothing on another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Add<Millis> for Stamp {
    type Output = Stamp;

    /// Saturates: a deadline past the end of time never passes.
    fn add(self, rhs: Millis) -> Stamp {
        Stamp(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Stamp {
    type Output = Millis;

    /// Saturates at zero.
    fn sub(self, rhs: Stamp) -> Millis {
        Millis(self.0.saturating_sub(rhs.0))
    }
}

impl Moment {
    /// This moment and `millis` more.
    #[must_use]
    pub fn after(self, millis: Millis) -> Moment {
        Moment(self.0.saturating_add(millis.0.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this moment, rounded down, zero if it is not earlier.
    pub fn since(self, earlier: Moment) -> Millis {
        Millis(self.0.saturating_sub(earlier.0) / 1000)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
