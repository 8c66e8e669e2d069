//! What every request with a body must keep, before anybody looks into the body.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use holdfast_api::{ProblemType, headers, parse_key};
use holdfast_inventory::Stamp;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::Reply;
use crate::listen::BodyTimedOut;

/// Refuses a body that does not say it is JSON, or is packed.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Reply> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Err(Reply::new(ProblemType::NotJson, "Send the body as plain JSON, without a Content-Encoding."));
    }
    match headers.get(CONTENT_TYPE) {
        Some(value) if is_json(value.as_bytes()) => Ok(()),
        _ => Err(Reply::new(ProblemType::NotJson, "Send the body as JSON, with Content-Type: application/json.")),
    }
}

/// Whether a content type is JSON.
pub(crate) fn is_json(content_type: &[u8]) -> bool {
    content_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The headers of a request and its JSON body, of at most `limit` bytes.
pub(crate) async fn receive(request: Request, limit: usize) -> Result<(HeaderMap, Bytes), Reply> {
    let (head, content) = request.into_parts();
    require_json(&head.headers)?;
    let bytes = read(content, limit).await?;
    Ok((head.headers, bytes))
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Reply> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_caused_by::<LengthLimitError>(&*error) => Err(too_large(limit)),
        Err(error) if is_caused_by::<BodyTimedOut>(&*error) => {
            Err(Reply::malformed_at("", "The body did not arrive in time; send it again, faster."))
        }
        Err(_) => Err(Reply::malformed_at("", "The body ended before its length; send it again, whole.")),
    }
}

/// Whether an `E` is at the bottom of an error: this module's own, or the listener's under the body's wrapping.
fn is_caused_by<E: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<E>)
}

fn too_large(limit: usize) -> Reply {
    Reply::new(ProblemType::TooLarge, format!("The body may have at most {limit} bytes; send less at once."))
        .with(|problem| problem.limit = Some(limit as u64))
}

/// Where the idempotency key stands.
const KEY: &str = "header/idempotency-key";

/// The idempotency key, which the call requires.
pub(crate) fn require_key(headers: &HeaderMap) -> Result<Cow<'_, str>, Reply> {
    let mut values = headers.get_all(headers::IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            parse_key(value.as_bytes()).map_err(|error| Reply::malformed_at(KEY, format!("The Idempotency-Key {error}.")))
        }
        (None, _) => Err(Reply::new(
            ProblemType::IdempotencyKeyRequired,
            "Send an Idempotency-Key of 1 to 64 visible ASCII characters, new for each purchase and the same for its retries.",
        )
        .with(|problem| problem.pointer = Some(KEY.to_owned()))),
        (Some(_), Some(_)) => Err(Reply::malformed_at(KEY, "Send one Idempotency-Key only.")),
    }
}

/// The cluster time at which the request loses its right to an effect: the caller's, never later than `latest`.
pub(crate) fn apply_before(headers: &HeaderMap, latest: Stamp) -> Result<Stamp, Reply> {
    headers.get(headers::APPLY_BEFORE).map_or(Ok(latest), |value| parse_apply_before(value.as_bytes(), latest))
}

/// Reads the header's value.
pub(crate) fn parse_apply_before(value: &[u8], latest: Stamp) -> Result<Stamp, Reply> {
    let text = std::str::from_utf8(value).unwrap_or_default().trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        let detail = "Apply-Before must be a whole number: milliseconds of cluster time, as /v1/time tells it.";
        return Err(Reply::malformed_at("header/apply-before", detail));
    }
    // Digits that do not fit are later than anything.
    Ok(text.parse().map_or(latest, |ms| latest.min(Stamp(ms))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_json_is_json() {
        for good in ["application/json", "Application/JSON; charset=utf-8", " application/json ;x=1"] {
            assert!(require_json(&headers("content-type", &[good])).is_ok(), "{good}");
        }
        for bad in ["", "text/plain", "application/jsonp", "application/json-patch+json", "application/x-www-form-urlencoded"] {
            assert_eq!(require_json(&headers("content-type", &[bad])).unwrap_err().kind, ProblemType::NotJson, "{bad}");
        }
        assert_eq!(require_json(&HeaderMap::new()).unwrap_err().kind, ProblemType::NotJson);
    }

    #[test]
    fn a_packed_body_is_not_taken() {
        let packed = |coding: &'static str| {
            let mut headers = headers("content-type", &["application/json"]);
            headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static(coding));
            require_json(&headers)
        };
        assert!(packed("identity").is_ok() && packed(" Identity ").is_ok());
        for bad in ["gzip", "br", "identity, gzip", "", "deflate"] {
            assert_eq!(packed(bad).unwrap_err().kind, ProblemType::NotJson, "{bad}");
        }
    }

    #[test]
    fn one_key_is_required() {
        assert_eq!(require_key(&headers("idempotency-key", &["\"a b\""])).unwrap_err().kind, ProblemType::Malformed);
        assert_eq!(require_key(&headers("idempotency-key", &["a", "b"])).unwrap_err().kind, ProblemType::Malformed);
        assert_eq!(require_key(&HeaderMap::new()).unwrap_err().kind, ProblemType::IdempotencyKeyRequired);
        assert_eq!(require_key(&headers("idempotency-key", &["\"k\""])).unwrap(), "k");
    }

    #[test]
    fn a_caller_may_shorten_its_time_but_not_stretch_it() {
        let latest = Stamp(1_000);
        let read = |text| apply_before(&headers("apply-before", &[text]), latest);
        assert_eq!(apply_before(&HeaderMap::new(), latest).unwrap(), latest);
        assert_eq!(read("999").unwrap(), Stamp(999));
        assert_eq!(read("5000").unwrap(), latest);
        assert_eq!(read("99999999999999999999999999").unwrap(), latest);
        for bad in ["-1", "1.5", "soon", "", "+5"] {
            assert_eq!(read(bad).unwrap_err().kind, ProblemType::Malformed, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_too_large() {
        assert_eq!(read(Body::from("12345"), 5).await.unwrap(), "12345");
        assert_eq!(read(Body::from("123456"), 5).await.unwrap_err().kind, ProblemType::TooLarge);
        let bounded_before = Body::new(Limited::new(Body::from("123456"), 3));
        assert_eq!(read(bounded_before, 100).await.unwrap_err().kind, ProblemType::TooLarge, "by the listener");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_told_so() {
        let late = futures_util::stream::iter([Err::<Bytes, _>(BodyTimedOut)]);
        let told = read(Body::from_stream(late), 5).await.unwrap_err();
        assert!(told.problem.detail.contains("in time"), "{told:?}");
    }
}
