//! `/finalize` of a namespace: the finalizers in its spec.

use http::Response;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::object::{self, Encoded};
use crate::verbs::write;
use crate::{Refused, decode, request};
use store::{Change, CommitError, Precondition};

/// Replaces the finalizers of the namespace by those of the body. With the last one a namespace that is being deleted
/// goes.
pub async fn answer(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let options = request::write_options(&exchange.query, "UpdateOptions")?;
    let name = exchange.name()?.to_owned();
    let body = decode::object(exchange, options.field_validation)?;
    let key = exchange.key()?;
    loop {
        let Some(entry) = exchange.server.store().get(&key) else { return Err(exchange.not_found(&name)) };
        let given = object::meta_text(&body, "resourceVersion");
        if !given.is_empty() && given != entry.modified.to_string() {
            return Err(exchange.stale(&name));
        }
        let old = exchange.incoming(&entry.value, entry.modified);
        let mut new = old.clone();
        object::copy_member(&body, &mut new, "spec");
        let over = object::deleting(&new) && !write::lives_on(&new) && object::finalizers(&new).is_empty();
        if options.dry_run {
            return exchange.answer_object(200, Encoded::new(&new).with_version(entry.modified));
        }
        let (next, last) = (Encoded::new(&new), Encoded::new(&old));
        let change = move |revision| {
            if over {
                Change::Delete { last: last.with_version(revision) }
            } else {
                Change::Put(next.with_version(revision))
            }
        };
        match exchange.server.store().commit(&key, Precondition::Revision(entry.modified), change).await {
            Ok(committed) if over => {
                return exchange.answer_object(200, object::with_version(&new, committed.revision));
            }
            Ok(committed) => return exchange.answer_object(200, committed.value),
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(write::broken(&error)),
        }
    }
}
