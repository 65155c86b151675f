//! `/eviction` of a pod: a deletion that disruption budgets may refuse.

use http::Response;
use machinery::selector::LabelSelector;
use machinery::status::{Status, StatusCause, StatusDetails};
use serde_json::Value;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::negotiate;
use crate::object::Head;
use crate::request::{self, DeleteOptions};
use crate::{Refused, answer, decode, verbs};

/// Evicts the pod that the path names.
pub async fn answer(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let query_options = request::write_options(&exchange.query, "CreateOptions")?;
    let encoding = negotiate::input(exchange.content_type.as_deref())?;
    let body = decode::tree(&exchange.body, encoding).map_err(Status::bad_request)?.value;
    let name = exchange.name()?.to_owned();
    let given = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if !given.is_empty() && given != name {
        return Err(Status::bad_request(format!(
            "name in URL does not match name in Eviction object: {name} != {given}"
        ))
        .into());
    }
    let Some(entry) = exchange.server.store().get(&exchange.key()?) else {
        return Err(exchange.not_found(&name));
    };
    let head = Head::read(&entry.value);
    check_budgets(exchange, &head)?;
    let mut options = request::delete_options(&request::Query::default(), body.get("deleteOptions"))?;
    options.dry_run |= query_options.dry_run;
    let options = DeleteOptions { uid: options.uid.or(Some(head.metadata.uid)), ..options };
    verbs::remove(exchange, &name, &options).await?;
    let mut status = Status::success();
    status.code = 201;
    Ok(answer::json_value(201, &status))
}

fn check_budgets(exchange: &Exchange, pod: &Head) -> Result<(), Refused> {
    for budget in exchange.server.reader().list("policy", "poddisruptionbudgets", exchange.namespace()) {
        let selector = budget.pointer("/spec/selector").cloned().unwrap_or_default();
        let Ok(selector) = LabelSelector::from_json(&selector) else { continue };
        if !selector.matches(&pod.metadata.labels) {
            continue;
        }
        let allowed = budget.pointer("/status/disruptionsAllowed").and_then(Value::as_i64);
        if allowed.is_some_and(|allowed| allowed > 0) {
            continue;
        }
        let name = budget.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let observed = budget.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
        let generation = budget.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        return Err(refused(name, observed < generation));
    }
    Ok(())
}

/// 429: the budget allows no disruption, or nobody has worked out yet what it allows (then trying again helps).
fn refused(budget: &str, unobserved: bool) -> Refused {
    let mut status =
        Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 10);
    let message = if unobserved {
        format!("The disruption budget {budget} is still being processed by the server.")
    } else {
        format!("The disruption budget {budget} does not allow a disruption now.")
    };
    let details = status.details.get_or_insert_with(StatusDetails::default);
    details.retry_after_seconds = if unobserved { 10 } else { 0 };
    details.causes.push(StatusCause { reason: "DisruptionBudget".to_owned(), message, field: String::new() });
    status.into()
}
