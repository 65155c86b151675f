//! Objects as rows of a table, for command lines.

mod cells;

use bytes::Bytes;
use machinery::status::{FieldError, Status};
use machinery::table::{ColumnType, IncludeObject, row_of};
use serde_json::{Value, json};

use crate::Refused;
use crate::exchange::Exchange;
use crate::kinds::Column;

/// What the list around the rows says.
#[derive(Clone, Copy, Debug, Default)]
pub struct List<'a> {
    /// Its resource version.
    pub version: &'a str,
    /// Token of the next page.
    pub next: Option<&'a str>,
    /// How many objects follow.
    pub remaining: Option<usize>,
}

/// Objects as an encoded table. `with_columns`: later tables of a watch leave the columns out.
pub fn bytes(
    exchange: &Exchange,
    objects: &[Value],
    list: List<'_>,
    beta: bool,
    with_columns: bool,
) -> Result<Bytes, Refused> {
    let include = include(exchange)?;
    let version = exchange.resource.version();
    let now = exchange.server.now();
    let name = Column { printed: machinery::table::Column::name(), made: false };
    // Events are told apart by what happened: their name comes last, and only in wide output.
    let names_itself = version.columns.iter().any(|column| column.printed.name == name.printed.name);
    let first = (!names_itself).then_some(&name);
    let columns: Vec<&Column> = first.into_iter().chain(&version.columns).collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells = columns.iter().map(|column| cells::cell(column, object, now)).collect();
            row_of(cells, object, include)
        })
        .collect();
    let mut metadata = json!({"resourceVersion": list.version});
    if let Some(next) = list.next {
        metadata["continue"] = json!(next);
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = json!(remaining);
    }
    let mut table = machinery::table::table(&[], with_columns, rows, metadata);
    if with_columns {
        let custom = exchange.resource.kind.custom();
        table["columnDefinitions"] = columns.iter().map(|column| heading(column, custom)).collect();
    }
    if beta {
        table["apiVersion"] = json!("meta.k8s.io/v1beta1");
    }
    Ok(Bytes::from(serde_json::to_vec(&table).unwrap_or_default()))
}

/// A column's heading. Ages of built-in kinds are texts; those of custom ones stay dates.
fn heading(column: &Column, custom: bool) -> Value {
    let mut heading = column.printed.definition();
    if column.printed.name == "Created At" {
        heading["type"] = json!("date");
    }
    if !custom && column.printed.column_type == ColumnType::Date {
        heading["type"] = json!("string");
    }
    heading
}

fn include(exchange: &Exchange) -> Result<IncludeObject, Refused> {
    let given = exchange.query.get("includeObject").unwrap_or_default();
    if given.is_empty() {
        return Ok(IncludeObject::Metadata);
    }
    IncludeObject::parse(given).ok_or_else(|| {
        let error =
            FieldError::invalid("includeObject", given, "must be 'Metadata', 'Object', 'None', or empty");
        let error = format!("{}: {}", error.path, error.body());
        Status::bad_request(format!("Unable to convert to Table as requested: {error}")).into()
    })
}
