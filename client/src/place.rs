//! Placing one order.

use holdfast_api::{Order, headers, paths};

use crate::call::{Call, read_body};
use crate::endpoints::Side;
use crate::fate::Effect;
use crate::{Client, ClientError, OrderDraft};

/// An order that was accepted: durable on a majority of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The order.
    pub order: Order,
    /// Whether the key owned it before the attempt that was answered: then an earlier attempt, or call, bought it.
    pub replayed: bool,
}

impl Client {
    /// Places `draft`, at most once however often it is called.
    ///
    /// [`ClientError::Refused`] is told only when no attempt of this draft, in this call or an earlier one, can still
    /// take effect. After [`ClientError::Unknown`], or if the call was dropped, place the same draft again.
    pub async fn place(&self, draft: &mut OrderDraft) -> Result<Placed, ClientError> {
        let mut call = Call::write(Side::Api, Effect::Bounded, paths::ORDERS.to_owned())
            .with_body(&draft.body())?
            .with_header(headers::IDEMPOTENCY_KEY, draft.key.header());
        call.key = Some(draft.key.as_str().to_owned());
        let reply = self.reply(&call, &mut draft.fate).await?;
        let replayed = reply.header(headers::IDEMPOTENCY_REPLAYED) == Some("true");
        Ok(Placed { order: read_body(&reply)?, replayed })
    }
}
