//! Where chance decides: ids, nonces and salts; in a simulation its seed decides.

#[cfg(not(feature = "simulation"))]
pub(crate) use rand::random;

#[cfg(feature = "simulation")]
pub(crate) use crate::simulated::random;
