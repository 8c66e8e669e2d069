//! `/openapi.json`: the description of the contract, generated from the table of calls and the structs of their bodies.

use std::sync::OnceLock;

use axum::response::Response;
use bytes::Bytes;
use holdfast_api::{AvailabilityQuery, EventQuery, OrderQuery, PageQuery, headers, paths};
use http::StatusCode;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{Content, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi as Document, Ref, Required, ResponseBuilder, Type};
use utoipa::{IntoParams, OpenApi};

use super::calls::{CALLS, Call, Header, Listener};
use super::json::answer_bytes;

/// What a SKU's name looks like.
const SKU: &str = "^[A-Za-z0-9._-]{1,64}$";
/// What an order's id looks like; few of these are one.
const TOKEN: &str = "^[0-7][0-9a-hjkmnp-tv-z]{25}$";

/// Every body of the contract.
#[derive(OpenApi)]
#[openapi(components(schemas(
    holdfast_api::CreateSku,
    holdfast_api::PatchSku,
    holdfast_api::AdjustStock,
    holdfast_api::Sku,
    holdfast_api::SkuList,
    holdfast_api::Audit,
    holdfast_api::Availability,
    holdfast_api::Consistency,
    holdfast_api::CreateOrder<'_>,
    holdfast_api::CreateOrders<'_>,
    holdfast_api::Order,
    holdfast_api::OrderStatus,
    holdfast_api::OrderList,
    holdfast_api::BatchAnswer,
    holdfast_api::Event,
    holdfast_api::ServerTime,
    holdfast_api::ClusterStatus,
    holdfast_api::Health,
    holdfast_api::Problem,
)))]
struct Bodies;

/// The description, as it is served and as it is committed.
pub fn document() -> String {
    let mut json = generated().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
}

/// Serves the description, made once.
pub(crate) async fn serve() -> Response {
    static MADE: OnceLock<Bytes> = OnceLock::new();
    answer_bytes(StatusCode::OK, MADE.get_or_init(|| document().into()).clone())
}

fn generated() -> Document {
    let mut document = Bodies::openapi();
    document.info = InfoBuilder::new()
        .title("Holdfast")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Inventory for flash sales: never oversold, no acknowledged order lost. Every error is a Problem (RFC 9457)."))
        .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()))
        .build();
    let paths = CALLS.iter().fold(PathsBuilder::new(), |paths, call| paths.path(call.path, PathItem::new(method(call), operation(call))));
    document.paths = paths.build();
    document
}

fn method(call: &Call) -> HttpMethod {
    match call.method {
        "POST" => HttpMethod::Post,
        "PATCH" => HttpMethod::Patch,
        _ => HttpMethod::Get,
    }
}

fn operation(call: &Call) -> Operation {
    let tag = match call.listener {
        Listener::Admin => "admin",
        Listener::Both => "api",
    };
    let mut operation = OperationBuilder::new().operation_id(Some(call.id)).tag(tag).summary(Some(call.summary));
    if call.path.contains("{sku}") {
        operation = operation.parameter(text("sku", ParameterIn::Path, Required::True, SKU, "The SKU's name."));
    }
    if call.path.contains("{id}") {
        operation = operation.parameter(text("id", ParameterIn::Path, Required::True, TOKEN, "The order's id."));
    }
    operation = operation.parameters(Some(query(call)));
    for header in call.headers {
        operation = operation.parameter(self::header(*header));
    }
    if !call.request.is_empty() {
        let body = RequestBodyBuilder::new().required(Some(Required::True)).content(headers::JSON, schema(call.request)).build();
        operation = operation.request_body(Some(body));
    }
    responses(operation, call).build()
}

fn responses(operation: OperationBuilder, call: &Call) -> OperationBuilder {
    let success = ResponseBuilder::new().description(call.summary);
    let success = match (call.answer, call.path) {
        ("", paths::EVENTS) => success.content(headers::EVENT_STREAM, schema("Event")),
        ("", paths::METRICS) => success.content("text/plain", Content::new(Some(ObjectBuilder::new().schema_type(Type::String)))),
        ("", _) => success.content(headers::JSON, Content::new(Some(ObjectBuilder::new()))),
        (answer, _) => success.content(headers::JSON, schema(answer)),
    };
    let mut operation = operation.response(call.status.to_string(), success.build());
    let problems = call.all_problems();
    let mut statuses: Vec<u16> = problems.iter().map(|kind| kind.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let names: Vec<String> = problems.iter().filter(|kind| kind.status() == status).map(|kind| format!("`{kind}`")).collect();
        let response = ResponseBuilder::new().description(names.join(", ")).content(headers::PROBLEM_JSON, schema("Problem"));
        operation = operation.response(status.to_string(), response.build());
    }
    operation
}

fn schema(name: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(name)))
}

fn query(call: &Call) -> Vec<Parameter> {
    let place = || Some(ParameterIn::Query);
    match (call.method, call.path) {
        ("GET", paths::ORDERS) => OrderQuery::into_params(place),
        ("GET", paths::SKUS) => PageQuery::into_params(place),
        ("GET", paths::EVENTS) => EventQuery::into_params(place),
        ("GET", paths::AVAILABILITY) => AvailabilityQuery::into_params(place),
        _ => Vec::new(),
    }
}

fn header(header: Header) -> Parameter {
    let of = |name, required, pattern, description| text(name, ParameterIn::Header, required, pattern, description);
    match header {
        Header::Key => of(
            "Idempotency-Key",
            Required::True,
            r#"^([!#-~][!-~]{0,63}|"([!#-\[\]-~]|\\["\\]){1,64}")$"#,
            "New for each purchase, the same for its retries: 1–64 visible ASCII characters, bare or quoted.",
        ),
        Header::ApplyBefore => of(
            "Apply-Before",
            Required::False,
            "^[0-9]+$",
            "Milliseconds of cluster time; from then on the request certainly has no effect.",
        ),
        Header::IfMatch => of(
            "If-Match",
            Required::True,
            r#"^(\*|"[0-9]{1,19}")$"#,
            "The ETag that the SKU had when the caller read it; `*` for whatever it is now.",
        ),
        Header::LastEventId => of(
            "Last-Event-ID",
            Required::False,
            "^[0-9]{1,19}-[0-9]{1,5}$",
            "The id of the last event that arrived: the stream goes on after it.",
        ),
    }
}

fn text(name: &str, place: ParameterIn, required: Required, pattern: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))))
        .build()
}
