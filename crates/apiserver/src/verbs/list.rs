//! GET of a collection: pages, snapshots, selectors; items are sent as slices of what is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use machinery::status::{FieldError, Status, quote};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Entry, Listing};

use crate::body::Body;
use crate::exchange::{Exchange, partial_object, wrong_form};
use crate::negotiate::{Encoding, Output, Transform};
use crate::request::{Query, refuse_options};
use crate::select::Selector;
use crate::{Refused, answer, object, table};

/// Which snapshot a list wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snapshot {
    /// What is there now.
    Newest,
    /// What is there now, which must be at least this new.
    NotOlderThan(u64),
    /// Exactly what was there then.
    Exact(u64),
}

/// The parameters of a list.
pub struct ListOptions {
    selector: Selector,
    snapshot: Snapshot,
    limit: Option<usize>,
    token: Option<Token>,
}

/// Where the next page begins.
#[derive(Serialize, Deserialize)]
struct Token {
    v: String,
    rv: u64,
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

impl Token {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<Self, Refused> {
        let invalid = || Refused::from(Status::bad_request("continue key is not valid: illegal base64 data"));
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| invalid())?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        if token.v == TOKEN_VERSION { Ok(token) } else { Err(invalid()) }
    }
}

/// A version that must be a number; 500 where it is none, as every Kubernetes API answers.
pub fn plain_number(text: &str) -> Result<u64, Refused> {
    let invalid = format!(
        "resourceVersion: Invalid value: {0}: strconv.ParseUint: parsing {0}: invalid syntax",
        quote(text)
    );
    text.parse().map_err(|_| Status::plain_error(invalid).into())
}

/// 504 for a version that is not there yet.
pub fn check_not_future(exchange: &Exchange, revision: u64) -> Result<(), Refused> {
    let current = exchange.server.store().revision();
    if revision > current {
        return Err(Status::version_too_large(revision, current, 1).into());
    }
    Ok(())
}

impl ListOptions {
    /// Reads the parameters.
    pub fn parse(exchange: &Exchange) -> Result<Self, Refused> {
        let query = &exchange.query;
        let selector = Selector::parse(query, &exchange.resource)?;
        query.number("timeoutSeconds")?;
        let limit =
            query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        let token = query.text("continue").map(Token::decode).transpose()?;
        Self::check_names(query)?;
        let snapshot = Self::snapshot(query, limit, token.is_some())?;
        // Version 0 is answered from memory as a whole, whatever the limit.
        let limit = limit.filter(|_| query.text("resourceVersion") != Some("0") || token.is_some());
        Ok(Self { selector, snapshot, limit, token })
    }

    /// 422 for values that no version can have.
    pub fn check_names(query: &Query) -> Result<(), Refused> {
        if let Some(other) =
            query.text("resourceVersionMatch").filter(|text| !matches!(*text, "Exact" | "NotOlderThan"))
        {
            let error =
                FieldError::not_supported("resourceVersionMatch", other, &["Exact", "NotOlderThan", ""]);
            return refuse_options("ListOptions", vec![error]);
        }
        Ok(())
    }

    fn snapshot(query: &Query, limit: Option<usize>, continues: bool) -> Result<Snapshot, Refused> {
        let version = query.text("resourceVersion");
        let number = match version {
            None => 0,
            Some(text) => text.parse::<u64>().map_err(|_| {
                Status::bad_request(format!("Invalid value: {}: invalid resource version", quote(text)))
            })?,
        };
        let wanted = query.text("resourceVersionMatch");
        let forbidden = |detail: &str| {
            refuse_options("ListOptions", vec![FieldError::forbidden("resourceVersionMatch", detail)])
        };
        if query.get("sendInitialEvents").is_some() && !query.flag("watch") {
            let detail = "sendInitialEvents is forbidden for list";
            refuse_options("ListOptions", vec![FieldError::forbidden("sendInitialEvents", detail)])?;
        }
        if continues {
            if wanted.is_some() {
                forbidden("resourceVersionMatch is forbidden when continue is provided")?;
            }
            if number > 0 {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                )
                .into());
            }
            return Ok(Snapshot::Newest);
        }
        match (wanted, version) {
            (Some(_), None) => {
                forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided")?;
                Ok(Snapshot::Newest)
            }
            (Some("Exact"), _) if number == 0 => {
                forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")?;
                Ok(Snapshot::Newest)
            }
            (Some("Exact"), _) => Ok(Snapshot::Exact(number)),
            (Some(_), _) => Ok(Snapshot::NotOlderThan(number)),
            (None, None) => Ok(Snapshot::Newest),
            (None, Some(_)) if number == 0 => Ok(Snapshot::Newest),
            (None, Some(_)) if limit.is_some() => Ok(Snapshot::Exact(number)),
            (None, Some(_)) => Ok(Snapshot::NotOlderThan(number)),
        }
    }
}

/// One page.
pub struct Page {
    /// What is on it.
    pub entries: Vec<Entry>,
    /// Revision of the snapshot.
    pub revision: u64,
    /// Token of the next page.
    pub next: Option<String>,
    /// How many objects follow, where that is known.
    pub remaining: Option<usize>,
}

fn expired(compacted: store::Compacted) -> Refused {
    Status::too_old(compacted.requested, compacted.oldest).into()
}

/// Takes a page out of the store.
pub fn page(exchange: &Exchange, options: &ListOptions) -> Result<Page, Refused> {
    let kind = &exchange.resource.kind;
    let store = exchange.server.store();
    let prefix = kind.prefix_in(exchange.namespace());
    let listing = match (&options.token, options.snapshot) {
        (Some(token), _) => store.list_at(&prefix, token.rv).map_err(|_| {
            Status::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                 without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
                 results.",
            )
        })?,
        (None, Snapshot::Exact(revision)) => {
            check_not_future(exchange, revision)?;
            store.list_at(&prefix, revision).map_err(expired)?
        }
        (None, Snapshot::NotOlderThan(revision)) => {
            check_not_future(exchange, revision)?;
            store.list(&prefix)
        }
        (None, Snapshot::Newest) => store.list(&prefix),
    };
    Ok(cut(&prefix, listing, options))
}

fn cut(prefix: &str, listing: Listing, options: &ListOptions) -> Page {
    let Listing { revision, entries } = listing;
    let start = options.token.as_ref().map(|token| format!("{prefix}{}", token.start));
    let entries =
        entries.into_iter().filter(|entry| start.as_deref().is_none_or(|start| &*entry.key >= start));
    let Some(limit) = options.limit else {
        let entries = entries.filter(|entry| options.selector.matches(&entry.value)).collect();
        return Page { entries, revision, next: None, remaining: None };
    };
    let rest: Vec<Entry> = entries.collect();
    let total = rest.len();
    let mut taken = Vec::with_capacity(limit.min(total));
    for (index, entry) in rest.into_iter().enumerate() {
        if !options.selector.matches(&entry.value) {
            continue;
        }
        if taken.len() == limit {
            let start = entry.key.strip_prefix(prefix).unwrap_or_default().to_owned();
            let next = Token { v: TOKEN_VERSION.to_owned(), rv: revision, start }.encode();
            let remaining = options.selector.is_everything().then_some(total - index);
            return Page { entries: taken, revision, next: Some(next), remaining };
        }
        taken.push(entry);
    }
    Page { entries: taken, revision, next: None, remaining: None }
}

/// Answers the collection that the path names.
pub fn list(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let output = exchange.output()?;
    let options = ListOptions::parse(exchange)?;
    let page = page(exchange, &options)?;
    answer_page(exchange, output, page)
}

/// A page as an answer.
pub fn answer_page(exchange: &Exchange, output: Output, page: Page) -> Result<Response<Body>, Refused> {
    match output.transform {
        Transform::None => Ok(objects(exchange, output, page)),
        Transform::Partial if !output.list_form => {
            let kind = &exchange.resource.kind.list_kind;
            Err(wrong_form(&format!(
                "you requested PartialObjectMetadata, but the requested object is a list ({kind})"
            )))
        }
        Transform::Partial => Ok(partials(exchange, output, &page)),
        Transform::Table => {
            let objects: Vec<Value> =
                page.entries.iter().map(|entry| exchange.incoming(&entry.value, entry.modified)).collect();
            let revision = page.revision.to_string();
            let list =
                table::List { version: &revision, next: page.next.as_deref(), remaining: page.remaining };
            let bytes = table::bytes(exchange, &objects, list, output.transform_beta, true)?;
            Ok(answer::encoded(200, output.encoding, bytes))
        }
    }
}

/// What a list begins with, up to the first item.
fn opening(kind: &str, api_version: &str, page: &Page, custom: bool) -> Bytes {
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), Value::from(page.revision.to_string()));
    match &page.next {
        Some(next) => {
            metadata.insert("continue".into(), Value::from(next.as_str()));
        }
        None if custom => {
            metadata.insert("continue".into(), Value::from(""));
        }
        None => {}
    }
    if let Some(remaining) = page.remaining {
        metadata.insert("remainingItemCount".into(), Value::from(remaining));
    }
    let metadata = Value::Object(metadata);
    Bytes::from(format!(
        "{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":["
    ))
}

fn joined(opening: Bytes, items: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let mut pieces = vec![opening];
    for (index, item) in items.enumerate() {
        if index > 0 {
            pieces.push(Bytes::from_static(b","));
        }
        pieces.push(item);
    }
    pieces.push(Bytes::from_static(b"]}"));
    pieces
}

fn send(output: Output, pieces: Vec<Bytes>) -> Response<Body> {
    match output.encoding {
        Encoding::Json => answer::with_type(200, "application/json", Body::pieces(pieces)),
        encoding => answer::encoded(200, encoding, Bytes::from(pieces.concat())),
    }
}

fn objects(exchange: &Exchange, output: Output, page: Page) -> Response<Body> {
    let kind = &exchange.resource.kind;
    let api_version = exchange.resource.api_version();
    let opening = opening(&kind.list_kind, &api_version, &page, kind.custom());
    let leading = object::leading(&api_version, &kind.kind);
    let items = page.entries.into_iter().flat_map(|entry| {
        let bytes = exchange.outgoing(entry.value, entry.modified);
        // Items of built-in lists do not say what they are: the list does.
        if !kind.custom() && bytes.starts_with(leading.as_bytes()) {
            return [Bytes::from_static(b"{"), bytes.slice(leading.len()..)];
        }
        [bytes, Bytes::new()]
    });
    let mut pieces = vec![opening];
    for (index, piece) in items.enumerate() {
        if index > 0 && index % 2 == 0 {
            pieces.push(Bytes::from_static(b","));
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    pieces.push(Bytes::from_static(b"]}"));
    send(output, pieces)
}

fn partials(exchange: &Exchange, output: Output, page: &Page) -> Response<Body> {
    let api_version = if output.transform_beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
    let opening = opening("PartialObjectMetadataList", api_version, page, exchange.resource.kind.custom());
    let items =
        page.entries.iter().map(|entry| partial_object(&object::parse(&entry.value), output.transform_beta));
    send(output, joined(opening, items))
}
