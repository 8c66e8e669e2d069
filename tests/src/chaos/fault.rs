//! The kinds of faults, and how each is told.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, bail};

macro_rules! kinds {
    ($($kind:ident => $told:literal,)+) => {
        /// What can be done to a cluster.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind {
            $(#[doc = $told] $kind,)+
        }

        impl FaultKind {
            /// Every kind, in order.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$kind,)+];

            /// What it does.
            pub fn told(self) -> &'static str {
                match self {
                    $(FaultKind::$kind => $told,)+
                }
            }
        }

        impl FromStr for FaultKind {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                match text {
                    $(stringify!($kind) => Ok(FaultKind::$kind),)+
                    _ => bail!("there is no fault {text}"),
                }
            }
        }
    };
}

kinds! {
    F1 => "SIGKILL of one node, the leader or all; back after 0–10 s",
    F2 => "crash at a named point",
    F3 => "SIGKILL again at any moment of a recovery",
    F4 => "SIGSTOP of the leader beyond the election timeout",
    F5 => "SIGSTOP of a slice holder beyond the reclaim time",
    F6 => "a node cut off from the others",
    F7 => "a link cut one way, or between two that both reach the third",
    F8 => "delay, jitter and 1 Mbit/s on links",
    F9 => "connections that break in mid-frame or stay half open",
    F10 => "bytes of peers repeated, replayed and out of order",
    F11 => "flipped bits between peers",
    F12 => "clients that give up early and ask elsewhere",
    F13 => "power cut of one, a majority or all",
    F14 => "fdatasync fails with EIO",
    F15 => "slow syncs and stalls of a disk",
    F16 => "disk full",
    F17 => "identity, peers or log damaged while the node is down",
    F18 => "a wiped disk, or an older copy of it",
    F19 => "a clock that is an hour off",
    F20 => "file descriptors, processor time or memory run short",
    F21 => "members added and removed",
    F22 => "leadership handed on again and again",
    F23 => "a lagging node that needs a snapshot, killed as it takes it",
    F24 => "a race for the last units",
    F25 => "a burst of load",
    F26 => "hostile clients",
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What came of making a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It really happened.
    Fired {
        /// In which of its ways; empty where there is one only.
        variant: &'static str,
        /// What shows it.
        proof: String,
    },
    /// It could not be made here.
    NotRun(String),
}

impl Made {
    /// It happened, in this way.
    pub fn fired(variant: &'static str, proof: impl Into<String>) -> Made {
        Made::Fired { variant, proof: proof.into() }
    }

    /// It could not be made.
    pub fn not_run(reason: impl Into<String>) -> Made {
        Made::NotRun(reason.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.to_string().parse::<FaultKind>().unwrap(), *kind);
        }
        assert!("F99".parse::<FaultKind>().is_err());
        assert_eq!(FaultKind::ALL.len(), 26);
    }
}
