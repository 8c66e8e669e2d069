//! `PatchSku`: changes settings, if the caller has seen the version that is being changed. Orders keep what they were
//! accepted with; only what they do later (extend, late confirm) reads the settings of then.

use std::sync::Arc;

use super::Inventory;
use super::entry::EntryContext;
use super::limits::MAX_TEXT_CHARS;
use crate::{Params, PatchSku, Settings, SettingsPatch, SkuDone, SkuRefusal, Version};

impl Inventory {
    pub(super) fn patch_sku(&mut self, cx: &mut EntryContext, patch: &PatchSku) -> Result<SkuDone, SkuRefusal> {
        let (settings, version) = self.judge_patch(patch)?;
        // Carry out.
        self.touch(cx, patch.sku, |sku| {
            sku.settings = Arc::new(settings);
            sku.version = version;
        });
        Ok(SkuDone { sku: patch.sku, version, replayed: false, index: cx.index })
    }

    fn judge_patch(&self, patch: &PatchSku) -> Result<(Settings, Version), SkuRefusal> {
        let sku = self.skus.get(patch.sku).ok_or(SkuRefusal::Unknown)?;
        let settings = patched(&sku.settings, &patch.settings);
        if !settings_in_bounds(self.params(), &settings) {
            return Err(SkuRefusal::OutOfBounds);
        }
        if patch.if_version != sku.version {
            return Err(SkuRefusal::VersionStale { version: sku.version });
        }
        Ok((settings, Version(sku.version.0 + 1)))
    }
}

/// `settings` with a patch laid over.
pub(super) fn patched(settings: &Settings, patch: &SettingsPatch) -> Settings {
    Settings {
        title: patch.title.clone().unwrap_or_else(|| settings.title.clone()),
        opens_at: patch.opens_at.unwrap_or(settings.opens_at),
        closes_at: patch.closes_at.unwrap_or(settings.closes_at),
        per_buyer_limit: patch.per_buyer_limit.unwrap_or(settings.per_buyer_limit),
        hold_ttl: patch.hold_ttl.unwrap_or(settings.hold_ttl),
        late_confirm: patch.late_confirm.unwrap_or(settings.late_confirm),
    }
}

/// A limit of zero would sell to nobody, hours that end before they begin never would: both are mistakes.
pub(super) fn settings_in_bounds(params: &Params, settings: &Settings) -> bool {
    let hours = settings.opens_at.zip(settings.closes_at).is_none_or(|(opens_at, closes_at)| opens_at < closes_at);
    let title = settings.title.as_ref().is_none_or(|title| title.chars().count() <= MAX_TEXT_CHARS);
    hours && title && settings.per_buyer_limit != Some(0) && settings.hold_ttl <= params.max_hold_ttl
}
