//! An order on its way to the Desk.

use std::borrow::Cow;

use holdfast_inventory::{Ask, Lines, OrderRequest, Request, Stamp};

use crate::http::App;
use crate::http::port::Port;
use crate::http::problem::Reply;

/// Key id of a caller that did not sign: part of the scope of its keys.
const ANONYMOUS: &str = "";

/// What the Desk is asked: the request, and the hashes it and the state know it by.
pub(crate) fn order<P: Port>(app: &App<P>, key: &str, buyer: &str, lines: Lines, confirm: bool, apply_before: Stamp) -> Result<Ask, Reply> {
    let hashes = app.seal()?.hashes;
    Ok(Ask {
        key: Some(hashes.key(ANONYMOUS, buyer, key)),
        fingerprint: Some(hashes.fingerprint(buyer, &lines, confirm)),
        buyer: Some(hashes.buyer(buyer)),
        request: Request::Order(OrderRequest {
            caller: Cow::Borrowed(ANONYMOUS),
            key: Cow::Owned(key.to_owned()),
            buyer: Cow::Owned(buyer.to_owned()),
            lines,
            confirm,
            apply_before,
        }),
    })
}
