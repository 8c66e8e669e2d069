//! Where chance decides something: the system's, or in a simulation a seed's.

#[cfg(feature = "simulation")]
pub(crate) use crate::simulated::{Runtime, random};

/// What openraft runs on, and draws its election timeouts from.
#[cfg(not(feature = "simulation"))]
pub(crate) type Runtime = openraft_rt_tokio::TokioRuntime;

#[cfg(not(feature = "simulation"))]
pub(crate) use rand::random;
