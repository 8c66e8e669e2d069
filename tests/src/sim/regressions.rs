//! Seeds that once found something. They are run before all others.
//!
//! A seed is a run only of the simulator that it was found with: whoever changes what a seed means looks for others.

/// A seed, and what it found.
pub const SEEDS: &[(u64, &str)] =
    &[(6_687, "of ten nodes that asked for one unit the lowest ids got it over and over, and the highest gave no definite answer")];
