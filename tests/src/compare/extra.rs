//! Figures that are not ratios of two cells of one round.

use super::part::Part;
use super::row::Target;

/// One of them, once for each time that it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// What it is called, with its unit if it has one.
    pub name: String,
    /// To what it belongs.
    pub part: Part,
    /// What was measured.
    pub values: Vec<f64>,
    /// What it should be.
    pub target: Option<Target>,
}
