//! What must hold of text from outside: see `fuzz/` at the top.

#[path = "../../fuzz/target.rs"]
mod target;

pub use target::Target;

use crate::{EventId, Time, key_header, parse_key};

/// Every text of the contract that is not JSON.
pub const TARGETS: &[Target] = &[
    Target { name: "idempotency_key", check: idempotency_key, seeds: || vec![b"abc-1".to_vec(), br#""\"a\\b""#.to_vec()] },
    Target { name: "time", check: time, seeds: || vec![b"2026-11-20T12:00:00.000Z".to_vec(), b"2028-02-29t23:59:59+05:30".to_vec()] },
    Target { name: "event_id", check: event_id, seeds: || vec![b"77-3".to_vec(), b"18446744073709551615-65535".to_vec()] },
];

/// A header is refused, or holds a key that its own header gives again.
fn idempotency_key(header: &[u8]) {
    if let Ok(key) = parse_key(header) {
        assert!((1..=crate::limits::MAX_NAME_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(parse_key(key_header(&key).as_bytes()).as_deref(), Ok(&*key));
    }
}

/// A text is refused, or a time that reads back as it is written.
fn time(text: &[u8]) {
    let time = std::str::from_utf8(text).ok().and_then(|text| text.parse::<Time>().ok());
    if let Some(time) = time {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}

/// A text is refused, or an id that reads back as it is written.
fn event_id(text: &[u8]) {
    let id = std::str::from_utf8(text).ok().and_then(|text| text.parse::<EventId>().ok());
    if let Some(id) = id {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_text_is_read_or_refused() {
        super::target::hold(super::TARGETS);
    }
}
