//! GET of one object.

use http::Response;

use crate::Refused;
use crate::body::Body;
use crate::exchange::Exchange;
use crate::verbs::list::{self, ListOptions};

/// Answers the object that the path names.
pub fn get(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    exchange.output()?;
    let name = exchange.name()?;
    let key = exchange.key()?;
    if let Some(version) = exchange.query.text("resourceVersion") {
        let revision = list::plain_number(version)?;
        list::check_not_future(exchange, revision)?;
    }
    ListOptions::check_names(&exchange.query)?;
    let Some(entry) = exchange.server.store().get(&key) else { return Err(exchange.not_found(name)) };
    let bytes = exchange.outgoing(entry.value, entry.modified);
    exchange.answer_object(200, bytes)
}
