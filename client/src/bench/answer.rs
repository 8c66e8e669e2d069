//! An HTTP/1.1 answer with a length, read in place.

use holdfast_api::{ProblemType, URN_PREFIX, headers};

use super::limits::{MAX_ANSWER_BYTES, MAX_HEADERS};

/// A whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// Whether it repeats what was answered before.
    pub(super) replayed: bool,
    /// Whether the connection ends behind it.
    pub(super) last: bool,
    pub(super) body: &'a [u8],
}

/// What the beginning of some bytes is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A part of an answer; so many bytes are needed, if its head is whole.
    Part(Option<usize>),
    /// An answer.
    Whole(Answer<'a>),
    /// Nothing that this reads: no HTTP, no length, too long.
    Nonsense,
}

/// Reads an answer at the beginning of `bytes`. What follows it is left: nobody was asked for more.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut fields);
    let body_at = match head.parse(bytes) {
        Ok(httparse::Status::Complete(body_at)) => body_at,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_ANSWER_BYTES => return Parsed::Part(None),
        _ => return Parsed::Nonsense,
    };
    let (mut length, mut replayed, mut last) = (None, false, false);
    for field in &*head.headers {
        if field.name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(field.value).ok().and_then(|text| text.parse::<usize>().ok());
        } else if field.name.eq_ignore_ascii_case(headers::IDEMPOTENCY_REPLAYED) {
            replayed = field.value == b"true";
        } else if field.name.eq_ignore_ascii_case("connection") {
            last = field.value.eq_ignore_ascii_case(b"close");
        }
    }
    let (Some(length), Some(status)) = (length.filter(|length| *length <= MAX_ANSWER_BYTES), head.code) else {
        return Parsed::Nonsense;
    };
    match bytes.get(body_at..body_at + length) {
        Some(body) => Parsed::Whole(Answer { status, replayed, last, body }),
        None => Parsed::Part(Some(body_at + length)),
    }
}

impl Answer<'_> {
    /// Whether it is a yes.
    pub(super) fn is_yes(&self) -> bool {
        matches!(self.status, 200 | 201)
    }

    /// The problem that it tells, if it is one of the contract with its own status.
    pub(super) fn problem(&self) -> Option<ProblemType> {
        problem_in(self.body).filter(|kind| kind.status() == self.status)
    }

    /// The id of the order that it tells: an order's JSON begins with it.
    pub(super) fn order_id(&self) -> Option<&str> {
        let rest = self.body.strip_prefix(br#"{"id":""#)?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

/// The first type of problem that `json` names.
pub(super) fn problem_in(json: &[u8]) -> Option<ProblemType> {
    let text = std::str::from_utf8(json).ok()?;
    let urn = &text[text.find(URN_PREFIX)?..];
    ProblemType::from_urn(&urn[..urn.find('"')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nIdempotency-Replayed: true\r\n\r\n{\"id\":\"o-1\"}";

    #[test]
    fn an_answer_is_whole_when_its_last_byte_is_there() {
        for cut in 0..YES.len() {
            assert!(matches!(parse(&YES[..cut]), Parsed::Part(_)), "{cut}");
        }
        let Parsed::Whole(answer) = parse(YES) else { panic!("it is whole") };
        assert_eq!((answer.status, answer.replayed, answer.last, answer.order_id()), (201, true, false, Some("o-1")));
        assert_eq!(parse(&YES[..YES.len() - 1]), Parsed::Part(Some(YES.len())));
    }

    #[test]
    fn a_problem_counts_only_with_its_own_status() {
        let body = br#"{"type":"urn:holdfast:problem:sold-out","title":"Sold out"}"#;
        let answer = |status| Answer { status, replayed: false, last: false, body };
        assert_eq!(answer(409).problem(), Some(ProblemType::SoldOut));
        assert_eq!(answer(500).problem(), None);
    }

    #[test]
    fn what_has_no_length_or_is_no_http_is_nonsense() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Parsed::Nonsense);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), Parsed::Nonsense);
        assert_eq!(parse(b"SSH-2.0-OpenSSH\r\n\r\n"), Parsed::Nonsense);
    }
}
