//! Requests written by hand into a buffer that is used again: what they cost is what the generator takes from the cluster.

use holdfast_api::paths;

/// What an order of the generator is called: its buyer and its key are this with a letter before it.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// `4f1c09aa-3-`: the run, and a block of numbers that no other thread or measurement has.
    prefix: Box<[u8]>,
}

impl Names {
    pub(super) fn new(run: &str, block: u64) -> Self {
        Self { prefix: format!("{run}-{block}-").into_bytes().into() }
    }

    /// Buyer of order `number`.
    pub(super) fn buyer(&self, number: u64) -> String {
        format!("b{}{number}", String::from_utf8_lossy(&self.prefix))
    }

    /// Key of order `number`.
    pub(super) fn key(&self, number: u64) -> String {
        format!("k{}{number}", String::from_utf8_lossy(&self.prefix))
    }
}

/// Writes `POST /v1/orders` for one unit.
pub(super) fn order(out: &mut Vec<u8>, host: &str, names: &Names, number: u64, sku: &str) {
    let number = Decimal::of(number);
    let name = names.prefix.len() + number.bytes().len();
    let length = r#"{"buyer":"b","lines":[{"sku":"","quantity":1}]}"#.len() + name + sku.len();
    out.extend_from_slice(b"POST /v1/orders HTTP/1.1\r\nHost: ");
    out.extend_from_slice(host.as_bytes());
    out.extend_from_slice(b"\r\nContent-Type: application/json\r\nIdempotency-Key: k");
    out.extend_from_slice(&names.prefix);
    out.extend_from_slice(number.bytes());
    out.extend_from_slice(b"\r\nContent-Length: ");
    out.extend_from_slice(Decimal::of(length as u64).bytes());
    out.extend_from_slice(b"\r\n\r\n{");
    buyer_and_line(out, names, &number, sku);
}

/// Writes `POST /v1/orders/batch` with the orders `first` … `first + count − 1`.
pub(super) fn batch(out: &mut Vec<u8>, host: &str, names: &Names, first: u64, count: u64, sku: &str) {
    let mut body = Vec::with_capacity(usize::try_from(count).unwrap_or(0) * 128);
    body.extend_from_slice(br#"{"orders":["#);
    for number in first..first + count {
        let number = Decimal::of(number);
        if body.last() == Some(&b'}') {
            body.push(b',');
        }
        body.extend_from_slice(br#"{"idempotency_key":"k"#);
        body.extend_from_slice(&names.prefix);
        body.extend_from_slice(number.bytes());
        body.extend_from_slice(br#"","#);
        buyer_and_line(&mut body, names, &number, sku);
    }
    body.extend_from_slice(b"]}");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        paths::ORDERS_BATCH,
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&body);
}

/// Writes a request without a body.
pub(super) fn bare(out: &mut Vec<u8>, host: &str, method: &str, target: &str) {
    for part in [method, " ", target, " HTTP/1.1\r\nHost: ", host] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(if method == "GET" { b"\r\n\r\n" } else { b"\r\nContent-Length: 0\r\n\r\n" });
}

/// The rest of an order's JSON, from its buyer on.
fn buyer_and_line(out: &mut Vec<u8>, names: &Names, number: &Decimal, sku: &str) {
    out.extend_from_slice(br#""buyer":"b"#);
    out.extend_from_slice(&names.prefix);
    out.extend_from_slice(number.bytes());
    out.extend_from_slice(br#"","lines":[{"sku":""#);
    out.extend_from_slice(sku.as_bytes());
    out.extend_from_slice(br#"","quantity":1}]}"#);
}

/// The digits of a number, without the machinery of `format!`.
struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    fn of(mut number: u64) -> Self {
        let (mut digits, mut from) = ([b'0'; 20], 20);
        loop {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, from };
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use holdfast_api::{CreateOrder, CreateOrders};

    use super::*;

    fn body(request: &[u8]) -> &[u8] {
        let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let text = std::str::from_utf8(&request[..head]).unwrap();
        let length: usize = text.split("Content-Length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert_eq!(length, request.len() - head, "{text}");
        &request[head..]
    }

    #[test]
    fn an_order_is_one_of_the_contract_and_as_long_as_it_says() {
        let names = Names::new("run", 7);
        for number in [0, 9, 10, 12_345, u64::MAX] {
            let mut out = Vec::new();
            order(&mut out, "127.0.0.1:7110", &names, number, "bench-x");
            let order: CreateOrder<'_> = serde_json::from_slice(body(&out)).unwrap();
            assert_eq!((order.buyer.as_ref(), order.lines[0].sku.as_ref(), order.lines[0].quantity), (&*names.buyer(number), "bench-x", 1));
            assert!(String::from_utf8_lossy(&out).contains(&format!("Idempotency-Key: {}\r\n", names.key(number))));
        }
    }

    #[test]
    fn a_batch_is_one_of_the_contract() {
        let (names, mut out) = (Names::new("run", 7), Vec::new());
        batch(&mut out, "h", &names, 5, 3, "s");
        let batch: CreateOrders<'_> = serde_json::from_slice(body(&out)).unwrap();
        let keys: Vec<_> = batch.orders.iter().map(|order| order.idempotency_key.as_ref()).collect();
        assert_eq!(keys, ["krun-7-5", "krun-7-6", "krun-7-7"]);
    }
}
