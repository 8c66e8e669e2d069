//! The load generator against a cluster that is none: what it counts, what it measures, how it begins and ends.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod fake;
mod runs;
