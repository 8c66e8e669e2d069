//! Names that come from outside, and the rules they keep.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest SKU name, buyer name and idempotency key, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A SKU's name: 1–64 of `A–Z a–z 0–9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SkuName(Box<str>);

/// Why a name was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    #[error("must be at most {MAX_NAME_BYTES} characters")]
    TooLong,
    /// A character outside the allowed set.
    #[error("may hold only {0}")]
    Character(&'static str),
}

impl SkuName {
    /// Takes `name` if it keeps the rules.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check_sku(name)?;
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SkuName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a SKU name without keeping it.
pub fn check_sku(name: &str) -> Result<(), NameError> {
    check_length(name)?;
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
        Ok(())
    } else {
        Err(NameError::Character("letters, digits, '.', '_' and '-'"))
    }
}

/// Checks a buyer's name or an idempotency key: 1–64 visible ASCII characters.
pub fn check_visible(name: &str) -> Result<(), NameError> {
    check_length(name)?;
    if name.bytes().all(|b| b.is_ascii_graphic()) { Ok(()) } else { Err(NameError::Character("visible ASCII characters without spaces")) }
}

fn check_length(name: &str) -> Result<(), NameError> {
    match name.len() {
        0 => Err(NameError::Empty),
        1..=MAX_NAME_BYTES => Ok(()),
        _ => Err(NameError::TooLong),
    }
}
