//! POST: a new object.

use http::Response;

use crate::Refused;
use crate::body::Body;
use crate::decode;
use crate::exchange::Exchange;
use crate::request;
use crate::verbs::write::{self, Ownership};

/// Stores the body as a new object.
pub async fn create(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let options = request::write_options(&exchange.query, "CreateOptions")?;
    exchange.output()?;
    let value = decode::object(exchange, options.field_validation)?;
    let saved = write::insert(exchange, value, &options, Ownership::Track).await?;
    exchange.answer_object(201, saved.bytes)
}
