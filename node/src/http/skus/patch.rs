//! `PATCH /v1/skus/{sku}`: changes settings, only of the version that the caller has seen.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use holdfast_api::ProblemType;
use holdfast_inventory::{Command, PatchSku, SkuId, Version};
use http::header::IF_MATCH;
use http::{HeaderMap, StatusCode};

use super::{command, reply, settings};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Segment;
use crate::http::{App, body, json};

/// Changes a SKU's settings.
pub(crate) async fn patch<P: Port>(State(app): State<Arc<App<P>>>, name: Segment, request: Request) -> Response {
    let outcome = run(&app, &name, request).await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, name: &Segment, request: Request) -> Result<Response, Reply> {
    let (headers, bytes) = body::receive(request, app.limits.max_body_bytes).await?;
    let name = name.text()?;
    let seen = seen(&headers)?;
    let asked: holdfast_api::PatchSku = json::parse(&bytes)?;
    let max_hold_ttl = app.port.inventory().params().max_hold_ttl;
    let settings = settings::of_patch(&asked, max_hold_ttl)?;
    let sku = command::named(app, name).await?;
    let if_version = match seen {
        Seen::Version(version) => version,
        Seen::Any => version(app, sku)?,
    };
    let done = command::run(app, name, Command::PatchSku(PatchSku { sku, if_version, settings })).await?;
    reply::current(app, done.sku, StatusCode::OK)
}

/// What `If-Match` says.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Version(Version),
    Any,
}

fn seen(headers: &HeaderMap) -> Result<Seen, Reply> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Err(Reply::new(ProblemType::IfMatchRequired, "Send If-Match with the ETag that the SKU had when you read it."));
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Seen::Any);
    }
    let tag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = tag.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())).and_then(|digits| digits.parse().ok());
    version.map(|version| Seen::Version(Version(version))).ok_or_else(|| {
        Reply::malformed_at(
            "header/if-match",
            "If-Match must be one strong ETag as the SKU's answers carry it, like \"3\" with its quotation marks.",
        )
    })
}

fn version<P: Port>(app: &App<P>, sku: SkuId) -> Result<Version, Reply> {
    app.port.inventory().sku(sku).map(|sku| sku.version).ok_or_else(Reply::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_tags_of_this_contract_are_read() {
        let read = |text: &'static str| seen(&HeaderMap::from_iter([(IF_MATCH, http::HeaderValue::from_static(text))]));
        assert_eq!(read("\"3\"").unwrap(), Seen::Version(Version(3)));
        assert_eq!(read("*").unwrap(), Seen::Any);
        for bad in ["3", "W/\"3\"", "\"3\", \"4\"", "\"x\"", "\"\"", "", "\"-1\""] {
            assert_eq!(read(bad).unwrap_err().kind, ProblemType::Malformed, "{bad}");
        }
        assert_eq!(seen(&HeaderMap::new()).unwrap_err().kind, ProblemType::IfMatchRequired);
    }
}
