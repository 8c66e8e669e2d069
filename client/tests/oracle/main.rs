//! The oracle against histories made by hand: it refuses each bad one by its invariant, and no good one, however ugly.

mod accepts;
mod rate;
mod refuses_adjustments;
mod refuses_calls;
mod refuses_holds;
mod refuses_keys;
mod refuses_ledgers;
mod refuses_refusals;
mod world;
