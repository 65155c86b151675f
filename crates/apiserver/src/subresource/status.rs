//! `/status`: what is observed, written apart from what is wanted.

use http::Response;

use crate::Refused;
use crate::body::Body;
use crate::exchange::Exchange;
use crate::verbs::write::Part;
use crate::verbs::{get, patch_part, update_part};

/// Answers a request for the status. What is answered is the whole object.
pub async fn answer(exchange: &mut Exchange, verb: &str) -> Result<Response<Body>, Refused> {
    let saved = match verb {
        "get" => return get(exchange),
        "update" => update_part(exchange, Part::Status).await?,
        _ => patch_part(exchange, Part::Status).await?,
    };
    exchange.answer_object(200, saved.bytes)
}
