//! The Holdfast server and its one binary.
//!
//! The crate is a library so that the binary stays three lines and tests can have one of their own.

pub mod cli;
pub mod config;
mod descriptors;
mod disk_space;
pub mod exit;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod http;
mod last_resort;
pub mod limits;
pub mod listen;
pub mod log;
mod log_lines;
pub mod metrics;
pub mod pid_file;
mod planted;
pub mod runtime;
pub mod server;
#[cfg(feature = "simulation")]
pub mod simulated;
mod wiring;
