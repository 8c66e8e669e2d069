//! The head of a plain request, read in its place: what the fast path takes, and nothing that needs a judgement.

use std::borrow::Cow;

use holdfast_api::{headers, parse_key};

/// More headers than this are not plain.
const MAX_HEADERS: usize = 32;
/// More digits than this are no plain length.
const MAX_LENGTH_DIGITS: usize = 7;
/// A longer rest of a path is not plain.
const MAX_PATH_BYTES: usize = 128;

/// What an order's head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainHead<'a> {
    /// Bytes of the head with its empty line.
    pub(super) bytes: usize,
    /// Bytes of the body.
    pub(super) length: usize,
    /// The idempotency key.
    pub(super) key: Cow<'a, str>,
    /// The value of `Apply-Before`.
    pub(super) apply_before: Option<&'a [u8]>,
}

/// What the head of a request says that has no body: a step in an order's life, a look at a SKU.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShortHead<'a> {
    /// Bytes of the head with its empty line.
    pub(super) bytes: usize,
    /// What it is about, as the path says it.
    pub(super) subject: &'a str,
    /// What is asked of it, likewise.
    pub(super) action: &'a str,
    /// The value of `Apply-Before`.
    pub(super) apply_before: Option<&'a [u8]>,
}

/// What bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    /// A part of a head that may be plain.
    Part,
    /// Not a plain head.
    Other,
    /// A plain head, whole.
    Whole(T),
}

/// Reads the head of an order, whose first line is `request_line`.
pub(super) fn read<'a>(bytes: &'a [u8], request_line: &[u8]) -> Read<PlainHead<'a>> {
    if !bytes.starts_with(request_line) {
        return if request_line.starts_with(bytes) { Read::Part } else { Read::Other };
    }
    read_fields(bytes, |fields, bytes| {
        fields.json?;
        Some(PlainHead { bytes, length: fields.length?, key: fields.key?, apply_before: fields.apply_before })
    })
}

/// Reads the head of a request without a body: `under`, which begins with the method, a subject, a slash, an action.
pub(super) fn read_short<'a>(bytes: &'a [u8], under: &[u8]) -> Read<ShortHead<'a>> {
    if !bytes.starts_with(under) {
        return if under.starts_with(bytes) { Read::Part } else { Read::Other };
    }
    let rest = &bytes[under.len()..];
    let Some(end) = rest.iter().take(MAX_PATH_BYTES).position(|byte| *byte == b'\r') else {
        return if rest.len() < MAX_PATH_BYTES { Read::Part } else { Read::Other };
    };
    let path = std::str::from_utf8(&rest[..end]).ok().and_then(|line| line.strip_suffix(" HTTP/1.1"));
    let Some((subject, action)) = path.and_then(|path| path.split_once('/')) else { return Read::Other };
    read_fields(bytes, |fields, bytes| {
        let is_empty = fields.length.is_none_or(|length| length == 0);
        is_empty.then_some(ShortHead { bytes, subject, action, apply_before: fields.apply_before })
    })
}

/// Reads the fields of a head whose first line is known to be in order.
fn read_fields<'a, T>(bytes: &'a [u8], take: impl Fn(Fields<'a>, usize) -> Option<T>) -> Read<T> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    // The same parser as the library's: what is a head to the one is a head to the other, with the same bounds.
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => {
            fields_of(request.headers).and_then(|fields| take(fields, head)).map_or(Read::Other, Read::Whole)
        }
        Ok(httparse::Status::Partial) => Read::Part,
        Err(_) => Read::Other,
    }
}

/// The fields that matter.
#[derive(Default)]
struct Fields<'a> {
    host: Option<()>,
    json: Option<()>,
    length: Option<usize>,
    key: Option<Cow<'a, str>>,
    apply_before: Option<&'a [u8]>,
}

/// None unless each field that matters stands there at most once and says what is plain, and `Host` is there.
fn fields_of<'a>(fields: &[httparse::Header<'a>]) -> Option<Fields<'a>> {
    let mut read = Fields::default();
    for field in fields {
        let value = field.value;
        match Field::of(field.name) {
            Field::Host => once(&mut read.host, ())?,
            Field::ContentType => once(&mut read.json, super::body::is_json(value).then_some(())?)?,
            Field::ContentLength => once(&mut read.length, digits(value)?)?,
            Field::IdempotencyKey => once(&mut read.key, parse_key(value).ok()?)?,
            Field::ApplyBefore => once(&mut read.apply_before, value)?,
            Field::Connection if value.eq_ignore_ascii_case(b"keep-alive") => {}
            Field::Connection | Field::Special => return None,
            Field::Other => {}
        }
    }
    read.host?;
    Some(read)
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

fn digits(value: &[u8]) -> Option<usize> {
    let is_plain = !value.is_empty() && value.len() <= MAX_LENGTH_DIGITS && value.iter().all(u8::is_ascii_digit);
    is_plain.then(|| value.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// A header by what it means here.
enum Field {
    Host,
    ContentType,
    ContentLength,
    IdempotencyKey,
    ApplyBefore,
    Connection,
    /// Changes how the body or the connection is to be read.
    Special,
    Other,
}

impl Field {
    fn of(name: &str) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            2 if is("te") => Self::Special,
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Special,
            7 if is("upgrade") || is("trailer") => Self::Special,
            10 if is("connection") => Self::Connection,
            12 if is("content-type") => Self::ContentType,
            12 if is(headers::APPLY_BEFORE) => Self::ApplyBefore,
            14 if is("content-length") => Self::ContentLength,
            15 if is(headers::IDEMPOTENCY_KEY) => Self::IdempotencyKey,
            16 if is("content-encoding") || is("proxy-connection") => Self::Special,
            17 if is("transfer-encoding") => Self::Special,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"POST /v1/orders HTTP/1.1\r\n";
    const UNDER: &[u8] = b"POST /v1/orders/";
    const PLAIN: &str = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\nIdempotency-Key: k\r\n";

    fn head(fields: &str) -> Vec<u8> {
        [LINE, fields.as_bytes(), b"\r\n"].concat()
    }

    #[test]
    fn a_plain_head_is_read() {
        let bytes = head(&format!("{PLAIN}apply-before: 17\r\nConnection: Keep-Alive\r\nAccept: */*\r\n"));
        let Read::Whole(plain) = read(&bytes, LINE) else { panic!("not plain") };
        assert_eq!((plain.bytes, plain.length, &*plain.key, plain.apply_before), (bytes.len(), 12, "k", Some(&b"17"[..])));
    }

    #[test]
    fn every_beginning_of_a_plain_head_is_a_part_of_one() {
        let bytes = head(PLAIN);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], LINE), Read::Part, "{end}");
        }
    }

    #[test]
    fn the_plain_head_of_a_step_is_read_and_every_beginning_is_a_part_of_one() {
        for fields in ["Host: x\r\nApply-Before: 17\r\n", "Apply-Before: 17\r\nhost: x\r\nContent-Length: 0\r\n"] {
            let bytes = [b"POST /v1/orders/abc/confirm HTTP/1.1\r\n", fields.as_bytes(), b"\r\n"].concat();
            let expected = ShortHead { bytes: bytes.len(), subject: "abc", action: "confirm", apply_before: Some(b"17") };
            assert_eq!(read_short(&bytes, UNDER), Read::Whole(expected));
            for end in 0..bytes.len() {
                assert_eq!(read_short(&bytes[..end], UNDER), Read::Part, "{end}");
            }
        }
    }

    #[test]
    fn a_step_with_a_body_or_an_odd_path_is_not_plain() {
        let long = format!("POST /v1/orders/{}/confirm HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(MAX_PATH_BYTES));
        for head in [
            "POST /v1/orders/abc/confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n",
            "POST /v1/orders/abc/confirm HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST /v1/orders/abc/confirm HTTP/1.1\r\n\r\n",
            "POST /v1/orders/abc/confirm HTTP/1.0\r\nHost: x\r\n\r\n",
            "POST /v1/orders/abc HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /v1/orders/\u{e4} HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /v1/orders/abc/confirm HTTP/1.1\r\nHost: x\r\n\r\n",
            &long,
        ] {
            assert_eq!(read_short(head.as_bytes(), UNDER), Read::Other, "{head}");
        }
    }

    #[test]
    fn whatever_changes_how_a_request_is_read_is_not_plain() {
        for field in [
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Connection: close",
            "Connection: upgrade",
            "Upgrade: h2c",
            "Content-Encoding: gzip",
            "TE: trailers",
            "Trailer: x",
            "Content-Length: 12",
            "Host: y",
            "Idempotency-Key: l",
            "Content-Type: application/json",
            "Bad Name: x",
            " folded: x",
        ] {
            assert_eq!(read(&head(&format!("{PLAIN}{field}\r\n")), LINE), Read::Other, "{field}");
        }
    }

    #[test]
    fn what_is_missing_or_odd_is_not_plain() {
        for without in PLAIN.split_inclusive("\r\n") {
            assert_eq!(read(&head(&PLAIN.replace(without, "")), LINE), Read::Other, "without {without}");
        }
        for (plain, odd) in [
            ("Content-Length: 12", "Content-Length: +12"),
            ("Content-Length: 12", "Content-Length: 12, 12"),
            ("Content-Length: 12", "Content-Length: 99999999"),
            ("application/json", "text/plain"),
            ("Idempotency-Key: k", "Idempotency-Key: k k"),
        ] {
            assert_eq!(read(&head(&PLAIN.replace(plain, odd)), LINE), Read::Other, "{odd}");
        }
        let many = "x: y\r\n".repeat(MAX_HEADERS);
        assert_eq!(read(&head(&format!("{PLAIN}{many}")), LINE), Read::Other, "too many fields");
        for line in ["GET /v1/orders HTTP/1.1\r\n", "POST /v1/orders HTTP/1.0\r\n", "POST /v1/orders/ HTTP/1.1\r\n", "x"] {
            assert_eq!(read(line.as_bytes(), LINE), Read::Other, "{line}");
        }
    }
}
