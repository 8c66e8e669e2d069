//! Parameters from path and query, with a problem of the contract where they cannot be read.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Reply;

/// The one parameter of a path.
pub(crate) struct Segment(Option<String>);

impl Segment {
    /// Its text; none if it was not UTF-8 under its percent signs.
    pub(crate) fn text(&self) -> Result<&str, Reply> {
        self.0.as_deref().ok_or_else(|| Reply::malformed_at("path", "The path holds bytes that are no text; check its percent signs."))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Path::<String>::from_request_parts(parts, state).await.ok().map(|Path(text)| text)))
    }
}

/// A query; unknown names in it are refused, so that a mistyped filter does not list everything.
pub(crate) struct Asked<T>(Result<T, String>);

impl<T> Asked<T> {
    /// What was asked.
    pub(crate) fn get(self) -> Result<T, Reply> {
        self.0.map_err(|reason| Reply::malformed_at("query", format!("The query cannot be read: {reason}; correct it.")))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(Query::<T>::try_from_uri(&parts.uri).map(|Query(asked)| asked).map_err(|rejection| rejection.body_text())))
    }
}
