//! The built-in kinds, read from `builtin.json`: one row each.

use std::collections::BTreeMap;

use machinery::jsonpath::JsonPath;
use machinery::schema::SchemaType;
use machinery::table::ColumnType;
use serde::Deserialize;

use crate::kinds::{Column, Kind, ScalePaths, SchemaSource, Selectable, Version, members, strategy};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    group: String,
    version: String,
    kind: String,
    plural: String,
    #[serde(default)]
    cluster: bool,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    strategy: String,
    #[serde(default)]
    status: bool,
    #[serde(default)]
    scale: bool,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    columns: Vec<ColumnRow>,
    shape: String,
}

#[derive(Deserialize)]
struct ColumnRow {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    priority: i32,
    path: String,
}

/// All rows as kinds.
pub fn kinds() -> Vec<Kind> {
    let rows: Vec<Row> = serde_json::from_str(include_str!("builtin.json")).unwrap_or_default();
    let descriptions: Descriptions = serde_json::from_str(include_str!("columns.json")).unwrap_or_default();
    rows.into_iter().map(|row| kind(row, &descriptions)).collect()
}

fn kind(row: Row, descriptions: &Descriptions) -> Kind {
    let scale = row.scale.then(|| ScalePaths {
        spec_replicas: members(".spec.replicas"),
        status_replicas: members(".status.replicas"),
        selector: Some(members(".spec.selector")),
    });
    let version = Version {
        name: row.version.into(),
        served: true,
        deprecation: None,
        schema: SchemaSource::Shape(row.shape.into(), std::sync::OnceLock::new()),
        embeds: false,
        columns: row
            .columns
            .into_iter()
            .map(|column| self::column(column, &row.kind, descriptions))
            .collect(),
        status: row.status,
        scale,
        selectable: row.fields.iter().map(|field| selectable(field)).collect(),
    };
    Kind {
        group: row.group.into(),
        singular: row.kind.to_lowercase().into(),
        list_kind: format!("{}List", row.kind).into(),
        plural: row.plural.into(),
        kind: row.kind.into(),
        short_names: row.short_names.into_iter().map(Into::into).collect(),
        categories: row.categories.into_iter().map(Into::into).collect(),
        namespaced: !row.cluster,
        versions: vec![version],
        storage: 0,
        strategy: strategy::named(&row.strategy),
        definition: None,
        schema_revision: 0,
        generation: 0,
        terminating: false,
    }
}

/// What columns of built-in kinds show, by kind and heading: texts that tables carry.
type Descriptions = BTreeMap<String, BTreeMap<String, String>>;

fn column(row: ColumnRow, kind: &str, descriptions: &Descriptions) -> Column {
    let made = row.path.is_empty();
    let description = match row.name.as_str() {
        "Age" | "Created At" => machinery::table::Column::age().description,
        "Name" => machinery::table::Column::name().description,
        name => descriptions.get(kind).and_then(|kind| kind.get(name)).cloned().unwrap_or_default(),
    };
    let printed = machinery::table::Column {
        name: row.name,
        column_type: ColumnType::parse(&row.kind).unwrap_or(ColumnType::Scalar(SchemaType::String)),
        format: String::new(),
        description,
        priority: row.priority,
        path: JsonPath::parse(&row.path).unwrap_or_else(|_| JsonPath::root()),
    };
    Column { printed, made }
}

fn selectable(field: &str) -> Selectable {
    // Booleans that are absent are false.
    let absent = if matches!(field, "spec.unschedulable" | "spec.hostNetwork") { "false" } else { "" };
    let pointer = match field {
        "source" => "/source/component".to_owned(),
        field => format!("/{}", field.replace('.', "/")),
    };
    Selectable { field: field.to_owned(), pointer, absent: absent.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_belongs_to_a_column() {
        let descriptions: Descriptions =
            serde_json::from_str(include_str!("columns.json")).unwrap_or_default();
        assert!(!descriptions.is_empty(), "the descriptions cannot be read");
        let kinds = kinds();
        for (kind, columns) in &descriptions {
            for name in columns.keys() {
                let shown = kinds.iter().filter(|known| *known.kind == **kind).any(|known| {
                    known
                        .versions
                        .iter()
                        .flat_map(|version| &version.columns)
                        .any(|column| column.printed.name == *name)
                });
                assert!(shown, "{kind} has no column {name}");
            }
        }
    }

    #[test]
    fn every_row_can_be_read_and_has_its_shape() {
        let kinds = kinds();
        assert!(kinds.len() >= 25, "the table of kinds cannot be read");
        for kind in kinds {
            for version in &kind.versions {
                let SchemaSource::Shape(shape, _) = &version.schema else { continue };
                assert!(crate::kinds::shape::known(shape), "{}: no shape {shape}", kind.kind);
            }
        }
    }
}
