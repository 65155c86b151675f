//! DELETE of a collection: each object that the selector means, one after the other.

use http::Response;

use crate::Refused;
use crate::body::Body;
use crate::exchange::Exchange;
use crate::object;
use crate::verbs::{delete, list};

/// Deletes what the path and the selectors mean, and answers what was deleted.
pub async fn delete_collection(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let output = exchange.output()?;
    let options = delete::options(exchange)?;
    let wanted = list::ListOptions::parse(exchange)?;
    let page = list::page(exchange, &wanted)?;
    for entry in &page.entries {
        let head = object::Head::read(&entry.value);
        match delete::remove(exchange, &head.metadata.name, &options).await {
            Ok(_) => {}
            // Somebody else was faster.
            Err(status) if status.code == 404 => {}
            Err(status) => return Err(status),
        }
    }
    list::answer_page(exchange, output, page)
}
