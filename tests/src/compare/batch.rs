//! The body of a batch of orders, made once; for each request only digits in it change.

use bytes::Bytes;
use serde_json::json;

/// Orders in a batch: the most that one call takes.
pub const ORDERS: usize = 8192;

/// Digits of a number that is rewritten: enough for every order of any run.
const DIGITS: usize = 12;

/// Stands where a number belongs. Not a number that could stand elsewhere in the body.
const BLANK: &str = "############";

/// A prepared body.
#[derive(Clone, Debug)]
pub struct Batch {
    body: Vec<u8>,
    /// Where the numbers of each order stand: its key's and its buyer's.
    at: Vec<[usize; 2]>,
}

impl Batch {
    /// Orders of one unit of `sku`, held or confirmed at once; keys and buyers begin with `seed`.
    pub fn new(seed: &str, sku: &str, confirm: bool) -> Batch {
        let lines = json!([{ "sku": sku, "quantity": 1 }]);
        let (key, buyer) = (format!("k{seed}-{BLANK}"), format!("b{seed}-{BLANK}"));
        let order = json!({ "idempotency_key": key, "buyer": buyer, "lines": lines, "confirm": confirm });
        let body = json!({ "orders": vec![order; ORDERS] }).to_string();
        let places: Vec<usize> = body.match_indices(BLANK).map(|(at, _)| at).collect();
        Batch { at: places.as_chunks().0.to_vec(), body: body.into_bytes() }
    }

    /// Bytes of the body.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// The body with the numbers from `first` on, one for each order.
    pub fn numbered(&mut self, first: u64) -> Bytes {
        for (number, places) in (first..).zip(&self.at) {
            let digits = digits(number);
            for &at in places {
                self.body[at..at + DIGITS].copy_from_slice(&digits);
            }
        }
        Bytes::copy_from_slice(&self.body)
    }
}

fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        // A digit is less than 256.
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_order_of_every_batch_has_a_key_and_a_buyer_of_its_own() {
        let mut batch = Batch::new("s", "x", false);
        let read = |body: Bytes| serde_json::from_slice::<Value>(&body).unwrap();
        let (first, second) = (read(batch.numbered(0)), read(batch.numbered(ORDERS as u64)));
        assert_eq!(first["orders"].as_array().unwrap().len(), ORDERS);
        assert_eq!(first["orders"][8191]["idempotency_key"], "ks-000000008191");
        assert_eq!(second["orders"][0]["idempotency_key"], "ks-000000008192");
        assert_eq!(second["orders"][1]["buyer"], "bs-000000008193");
    }
}
