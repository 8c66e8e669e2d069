//! Orders after they were placed: read, list, confirm, release, cancel, extend.

use holdfast_api::{Availability, Consistency, Order, OrderList, OrderQuery, paths};

use crate::call::Call;
use crate::endpoints::Side;
use crate::fate::Effect;
use crate::{Client, ClientError};

impl Client {
    /// An order as it is now.
    pub async fn order(&self, id: &str) -> Result<Order, ClientError> {
        self.answer(&Call::read(Side::Api, paths::fill(paths::ORDER, id))).await
    }

    /// Makes a held order final. Repeated in the same status it answers the order again; so do the three below.
    ///
    /// After [`ClientError::Unknown`] call again: a refusal heard before its `until_ms` may be overtaken.
    pub async fn confirm(&self, id: &str) -> Result<Order, ClientError> {
        self.transition(paths::CONFIRM, id).await
    }

    /// Gives a held order back. See [`Client::confirm`].
    pub async fn release(&self, id: &str) -> Result<Order, ClientError> {
        self.transition(paths::RELEASE, id).await
    }

    /// Gives a confirmed order back. See [`Client::confirm`].
    pub async fn cancel(&self, id: &str) -> Result<Order, ClientError> {
        self.transition(paths::CANCEL, id).await
    }

    /// Holds an order longer, once. See [`Client::confirm`].
    pub async fn extend(&self, id: &str) -> Result<Order, ClientError> {
        self.transition(paths::EXTEND, id).await
    }

    /// One page of orders; `next` of the answer is the cursor of the next one. Without a buyer the admin listener is
    /// asked.
    pub async fn orders(&self, query: &OrderQuery) -> Result<OrderList, ClientError> {
        let side = if query.buyer.is_some() { Side::Api } else { Side::Admin };
        let target = with_query(
            paths::ORDERS,
            &[
                ("sku", query.sku.clone()),
                ("buyer", query.buyer.clone()),
                ("status", query.status.map(|status| status.to_string())),
                ("cursor", query.cursor.clone()),
                ("limit", query.limit.map(|limit| limit.to_string())),
            ],
        );
        self.answer(&Call::read(side, target)).await
    }

    /// What a SKU has left, as fresh as asked for.
    pub async fn availability(&self, sku: &str, consistency: Consistency) -> Result<Availability, ClientError> {
        let word = match consistency {
            Consistency::Local => "local",
            Consistency::Linearizable => "linearizable",
        };
        let target = with_query(&paths::fill(paths::AVAILABILITY, sku), &[("consistency", Some(word.to_owned()))]);
        self.answer(&Call::read(Side::Api, target)).await
    }

    async fn transition(&self, pattern: &str, id: &str) -> Result<Order, ClientError> {
        self.answer(&Call::write(Side::Api, Effect::Bounded, paths::fill(pattern, id))).await
    }
}

/// `path` with the values that are there as its query.
pub(crate) fn with_query(path: &str, values: &[(&str, Option<String>)]) -> String {
    let mut target = path.to_owned();
    for (name, value) in values {
        if let Some(value) = value {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(name);
            target.push('=');
            target.push_str(&paths::encode(value));
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_what_is_there_encoded() {
        let values = [("a", None), ("b", Some("x&y=z".to_owned())), ("c", Some("1".to_owned()))];
        assert_eq!(with_query("/p", &values), "/p?b=x%26y%3Dz&c=1");
        assert_eq!(with_query("/p", &[]), "/p");
    }
}
