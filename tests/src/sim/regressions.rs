//! Seeds that once found something. They are run before all others.
//!
//! A seed is a run only of the simulator that it was found with: whoever changes what a seed means looks for others.

/// A seed, and what it found.
pub const SEEDS: &[(u64, &str)] = &[
    (1_079, "a limit per buyer was told with the index of an entry that had changed it"),
    (2_608, "a key was called used at an index before that of its order"),
    (6_687, "of ten nodes that asked for one unit the lowest ids got it over and over, and the highest gave no definite answer"),
    (6_820, "a refill was promised at an index where there was none to come"),
    (7_616, "the same, when a Desk was told several entries at once"),
    (8_560, "of ten nodes that passed one unit around the last heard too late that the state is full"),
    (2_013_647, "what was collected for a buyer who wanted all that was left went back to nodes that had nothing"),
    (2_067_528, "of ten nodes that passed one unit around the last heard too late that the sale was stopped"),
];
