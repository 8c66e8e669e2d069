//! Calls about SKUs.

pub(crate) mod adjust;
pub(crate) mod audit;
pub(crate) mod availability;
mod command;
pub(crate) mod create;
pub(crate) mod patch;
pub(crate) mod read;
mod reply;
pub(crate) mod sale;
mod settings;

pub(crate) use command::known as known_sku;
