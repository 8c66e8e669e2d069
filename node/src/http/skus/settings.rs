//! Settings of a SKU as their owner wrote them, checked.

use holdfast_api::limits::MAX_TEXT_CHARS;
use holdfast_api::{CreateSku, LateConfirm, PatchSku, Time};
use holdfast_inventory::{self as core, Millis, SettingsPatch, Stamp};

use crate::http::problem::Reply;

/// The settings of a new SKU.
pub(crate) fn of_new(body: &CreateSku, max_hold_ttl: Millis) -> Result<SettingsPatch, Reply> {
    check_hours(body.opens_at, body.closes_at)?;
    checked(
        SettingsPatch {
            title: body.title.as_deref().map(|title| Some(title.into())),
            opens_at: body.opens_at.map(|time| Some(stamp(time))),
            closes_at: body.closes_at.map(|time| Some(stamp(time))),
            per_buyer_limit: body.per_buyer_limit.map(Some),
            hold_ttl: body.hold_ttl_ms.map(Millis),
            late_confirm: body.late_confirm.map(late_confirm),
        },
        max_hold_ttl,
    )
}

/// What a patch changes.
pub(crate) fn of_patch(body: &PatchSku, max_hold_ttl: Millis) -> Result<SettingsPatch, Reply> {
    check_hours(body.opens_at.flatten(), body.closes_at.flatten())?;
    checked(
        SettingsPatch {
            title: body.title.as_ref().map(|title| title.as_deref().map(Into::into)),
            opens_at: body.opens_at.map(|time| time.map(stamp)),
            closes_at: body.closes_at.map(|time| time.map(stamp)),
            per_buyer_limit: body.per_buyer_limit,
            hold_ttl: body.hold_ttl_ms.map(Millis),
            late_confirm: body.late_confirm.map(late_confirm),
        },
        max_hold_ttl,
    )
}

fn check_hours(opens_at: Option<Time>, closes_at: Option<Time>) -> Result<(), Reply> {
    if opens_at.zip(closes_at).is_some_and(|(opens, closes)| closes <= opens) {
        return Err(Reply::malformed_at("/closes_at", "A sale closes after it opens; correct one of the two times."));
    }
    Ok(())
}

/// Text for people: at most [`MAX_TEXT_CHARS`] characters, no control characters, of which terminals and logs could be moved.
pub(crate) fn check_text(pointer: &str, text: &str) -> Result<(), Reply> {
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(Reply::malformed_at(pointer, format!("{pointer} may have at most {MAX_TEXT_CHARS} characters; shorten it.")));
    }
    if text.chars().any(char::is_control) {
        return Err(Reply::malformed_at(pointer, format!("{pointer} may hold no control characters; take them out.")));
    }
    Ok(())
}

fn checked(settings: SettingsPatch, max_hold_ttl: Millis) -> Result<SettingsPatch, Reply> {
    if let Some(Some(title)) = &settings.title {
        check_text("/title", title)?;
    }
    if settings.per_buyer_limit == Some(Some(0)) {
        return Err(Reply::malformed_at("/per_buyer_limit", "A limit of 0 lets nobody buy; close the SKU, or give a limit of 1 or more."));
    }
    if settings.hold_ttl.is_some_and(|ttl| ttl > max_hold_ttl) {
        return Err(Reply::malformed_at("/hold_ttl_ms", format!("An order is held for at most {max_hold_ttl} here; ask for less.")));
    }
    Ok(settings)
}

fn stamp(time: Time) -> Stamp {
    Stamp(time.0)
}

fn late_confirm(word: LateConfirm) -> core::LateConfirm {
    match word {
        LateConfirm::Refuse => core::LateConfirm::Refuse,
        LateConfirm::Reacquire => core::LateConfirm::Reacquire,
    }
}
