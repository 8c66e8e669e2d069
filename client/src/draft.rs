//! An order before it is placed, with the key under which it is placed at most once.

use std::fmt;

use holdfast_api::{CreateLine, CreateOrder, KeyError, KeyedOrder, key_header, parse_key};
use thiserror::Error;

use crate::fate::Fate;

/// The key under which a request happens at most once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an idempotency key {0}")]
pub struct BadKey(KeyError);

impl IdempotencyKey {
    /// A new key that no one else has: 128 random bits.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// Takes a key of the caller's own making: 1–64 visible ASCII characters.
    pub fn new(key: &str) -> Result<Self, BadKey> {
        parse_key(key_header(key).as_bytes()).map_err(BadKey)?;
        Ok(Self(key.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The header value that carries it.
    pub(crate) fn header(&self) -> String {
        key_header(&self.0)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An order to be placed. It has its key from the beginning, so that placing it again, after an unknown outcome or
/// a dropped call, never buys twice; and it remembers what earlier calls left open.
///
/// Not `Clone`: a copy would not hear of the other's open attempts.
#[derive(Debug)]
pub struct OrderDraft {
    pub(crate) key: IdempotencyKey,
    pub(crate) buyer: String,
    pub(crate) lines: Vec<(String, u32)>,
    pub(crate) confirm: bool,
    pub(crate) fate: Fate,
}

impl OrderDraft {
    /// An order of `buyer` without lines, to be held, under a new random key.
    pub fn new(buyer: impl Into<String>) -> Self {
        Self { key: IdempotencyKey::random(), buyer: buyer.into(), lines: Vec::new(), confirm: false, fate: Fate::Settled }
    }

    /// One line more.
    #[must_use]
    pub fn line(mut self, sku: impl Into<String>, quantity: u32) -> Self {
        self.lines.push((sku.into(), quantity));
        self
    }

    /// Bought at once instead of held.
    #[must_use]
    pub fn confirmed(mut self) -> Self {
        self.confirm = true;
        self
    }

    /// Under this key instead: one that the caller keeps across restarts, or has used before.
    #[must_use]
    pub fn under(mut self, key: IdempotencyKey) -> Self {
        self.key = key;
        self
    }

    /// Its key.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    pub(crate) fn body(&self) -> CreateOrder<'_> {
        CreateOrder { buyer: self.buyer.as_str().into(), lines: self.create_lines(), confirm: self.confirm }
    }

    pub(crate) fn keyed_body(&self) -> KeyedOrder<'_> {
        KeyedOrder {
            idempotency_key: self.key.as_str().into(),
            buyer: self.buyer.as_str().into(),
            lines: self.create_lines(),
            confirm: self.confirm,
        }
    }

    fn create_lines(&self) -> Vec<CreateLine<'_>> {
        self.lines.iter().map(|(sku, quantity)| CreateLine { sku: sku.as_str().into(), quantity: *quantity }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draft_has_its_own_key() {
        assert_ne!(OrderDraft::new("b").key(), OrderDraft::new("b").key());
        assert_eq!(IdempotencyKey::random().as_str().len(), 32);
    }

    #[test]
    fn only_keys_are_keys() {
        assert!(IdempotencyKey::new("\"quoted").is_ok());
        for bad in ["", "a b", "é", &"k".repeat(65)] {
            assert!(IdempotencyKey::new(bad).is_err(), "{bad}");
        }
    }
}
