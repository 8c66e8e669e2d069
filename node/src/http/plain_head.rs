//! The head of a plain request, read in its place: what the fast path takes, and nothing that needs a judgement.

use holdfast_api::{headers, parse_key};

/// More headers than this are not plain.
const MAX_HEADERS: usize = 32;
/// More digits than this are no plain length.
const MAX_LENGTH_DIGITS: usize = 7;

/// What an order's head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainHead<'a> {
    /// Bytes of the head with its empty line.
    pub(super) bytes: usize,
    /// Bytes of the body.
    pub(super) length: usize,
    /// The idempotency key.
    pub(super) key: std::borrow::Cow<'a, str>,
    /// The value of `Apply-Before`.
    pub(super) apply_before: Option<&'a [u8]>,
}

/// What bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// A part of a head that may be plain.
    Part,
    /// Not a plain head.
    Other,
    /// A plain head, whole.
    Whole(PlainHead<'a>),
}

/// Reads the head of a request whose first line is `request_line`.
pub(super) fn read<'a>(bytes: &'a [u8], request_line: &[u8]) -> Read<'a> {
    if !bytes.starts_with(request_line) {
        return if request_line.starts_with(bytes) { Read::Part } else { Read::Other };
    }
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    // The same parser as the library's: what is a head to the one is a head to the other, with the same bounds.
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => fields_of(request.headers, head).map_or(Read::Other, Read::Whole),
        Ok(httparse::Status::Partial) => Read::Part,
        Err(_) => Read::Other,
    }
}

/// None unless each field that matters stands there once and says what is plain.
fn fields_of<'a>(fields: &[httparse::Header<'a>], bytes: usize) -> Option<PlainHead<'a>> {
    let (mut host, mut json, mut length, mut key, mut apply_before) = (None, None, None, None, None);
    for field in fields {
        let value = field.value;
        match Field::of(field.name) {
            Field::Host => once(&mut host, ())?,
            Field::ContentType => once(&mut json, super::body::is_json(value).then_some(())?)?,
            Field::ContentLength => once(&mut length, digits(value)?)?,
            Field::IdempotencyKey => once(&mut key, parse_key(value).ok()?)?,
            Field::ApplyBefore => once(&mut apply_before, value)?,
            Field::Connection if value.eq_ignore_ascii_case(b"keep-alive") => {}
            Field::Connection | Field::Special => return None,
            Field::Other => {}
        }
    }
    host?;
    json?;
    Some(PlainHead { bytes, length: length?, key: key?, apply_before })
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
