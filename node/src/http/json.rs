//! JSON bodies in, with the place of what is wrong; JSON answers out.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_path_to_error::{Path, Segment};

use super::problem::Reply;
use super::shape;

const JSON: HeaderValue = HeaderValue::from_static(holdfast_api::headers::JSON);

/// Reads a body. Where it went wrong is looked for only if it did: the path costs more than the parse.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reply> {
    parse_at("", body)
}

/// Reads a part of a body that stands at the pointer `at`.
pub(crate) fn parse_at<'a, T: Deserialize<'a>>(at: &str, part: &'a [u8]) -> Result<T, Reply> {
    let read = serde_json::from_slice(part).map_err(|error| malformed::<T>(at, part, &error))?;
    if !shape::holds_objects(part) {
        return Err(Reply::malformed_at(at, format!("{} has a list where the contract has an object; name the fields.", place(at))));
    }
    Ok(read)
}

/// What people call the place at a pointer.
fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "The body" } else { pointer }
}

#[cold]
fn malformed<'a, T: Deserialize<'a>>(at: &str, body: &'a [u8], error: &serde_json::Error) -> Reply {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => Reply::malformed_at(at, "The JSON body ends in the middle; send it whole."),
        Category::Syntax | Category::Io => Reply::malformed_at(at, format!("{} is not JSON ({error}); correct it.", place(at))),
        Category::Data => {
            let mut reader = serde_json::Deserializer::from_slice(body);
            let (pointer, reason) = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
                Err(error) => (pointer(error.path()), error.into_inner().to_string()),
                Ok(_) => (String::new(), error.to_string()),
            };
            let pointer = [at, &pointer].concat();
            let detail = format!("{} does not fit the contract: {reason}; correct it.", place(&pointer));
            Reply::malformed_at(pointer, detail)
        }
    }
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.extend(["/", &index.to_string()]),
            Segment::Map { key } => pointer.extend(["/", &key.replace('~', "~0").replace('/', "~1")]),
            Segment::Enum { variant } => pointer.extend(["/", variant]),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// An answer in JSON.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    // Serializing the contract's structs into memory does not fail.
    answer_bytes(status, serde_json::to_vec(body).unwrap_or_default())
}

/// An answer whose JSON is there already.
pub(crate) fn answer_bytes(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = body.into().into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use holdfast_api::{CreateOrder, ProblemType};

    use super::*;

    fn pointer_of(body: &str) -> String {
        let reply = parse::<CreateOrder<'_>>(body.as_bytes()).expect_err(body);
        assert_eq!(reply.kind, ProblemType::Malformed);
        reply.problem.pointer.clone().expect("a pointer")
    }

    #[test]
    fn the_pointer_finds_the_field() {
        for (body, pointer) in [
            (r#"{"buyer":"b","lines":[{"sku":"s","quantity":1.5}]}"#, "/lines/0/quantity"),
            (r#"{"buyer":"b","lines":[{"sku":"s","quantity":1},{"sku":"s","quantity":-1}]}"#, "/lines/1/quantity"),
            (r#"{"buyer":"b","lines":[{"sku":7,"quantity":1}]}"#, "/lines/0/sku"),
            (r#"{"buyer":["b"],"lines":[]}"#, "/buyer"),
            (r#"{"buyer":"b","lines":{}}"#, "/lines"),
            (r#"{"buyer":"b","lines":[],"confirm":"yes"}"#, "/confirm"),
            (r#"{"lines":[]}"#, ""),
            ("{", ""),
            ("nonsense", ""),
            ("", ""),
        ] {
            assert_eq!(pointer_of(body), pointer, "{body}");
        }
    }

    #[test]
    fn deep_nesting_is_malformed_not_a_crash() {
        let body = format!(r#"{{"buyer":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
        let _ = pointer_of(&body);
        let _ = pointer_of(&"[".repeat(60_000));
    }

    #[test]
    fn escaped_text_is_read() {
        let order: CreateOrder<'_> = parse(br#"{"buyer":"\u0062\/\"","lines":[]}"#).unwrap();
        assert_eq!(order.buyer, "b/\"");
    }
}
