//! Objects as tables, for `kubectl get`: columns by JSONPath, ages for people, metadata alone.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::jsonpath::{InvalidJsonPath, JsonPath};
use crate::schema::SchemaType;
use crate::time;

/// The description of the name column: that of `metadata.name` in every kind.
const NAME_DESCRIPTION: &str = "Name must be unique within a namespace. Is required when creating resources, although \
some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily \
intended for creation idempotence and configuration definition. Cannot be updated. More info: \
https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

/// The description of the age column: that of `metadata.creationTimestamp` in every kind.
const AGE_DESCRIPTION: &str = "CreationTimestamp is a timestamp representing the server time when this object was \
created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this \
value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// What kind of value a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A JSON scalar (or, as text, anything).
    Scalar(SchemaType),
    /// A time, shown as the age it has.
    Date,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// `name` for the name column, else as the CRD says.
    pub format: String,
    /// Explanation.
    pub description: String,
    /// 0 is always shown, larger numbers only in wide tables.
    pub priority: i32,
    /// Where the value is.
    pub path: JsonPath,
}

/// A column definition that makes no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidColumn {
    /// The path cannot be read.
    #[error("unrecognized column definition {path:?}: {problem}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        problem: InvalidJsonPath,
    },
    /// The type is unknown.
    #[error("column {name:?} has the type {given:?}, must be one of boolean,date,integer,number,string")]
    Type {
        /// The column's heading.
        name: String,
        /// The type.
        given: String,
    },
}

/// What a row carries beside its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// The metadata.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl IncludeObject {
    /// Reads the query parameter `includeObject`; nothing where it is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

impl ColumnType {
    /// Reads the name of a type.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Scalar(SchemaType::Boolean),
            "date" => Self::Date,
            "integer" => Self::Scalar(SchemaType::Integer),
            "number" => Self::Scalar(SchemaType::Number),
            "string" => Self::Scalar(SchemaType::String),
            _ => return None,
        })
    }

    /// The name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.name(),
            Self::Date => "date",
        }
    }
}

fn member_path(path: &str) -> JsonPath {
    // Only called with the fixed paths below.
    JsonPath::parse(path).unwrap_or_else(|_| JsonPath::root())
}

impl Column {
    /// The first column of every table.
    pub fn name() -> Self {
        Self {
            name: "Name".to_owned(),
            column_type: ColumnType::Scalar(SchemaType::String),
            format: "name".to_owned(),
            description: NAME_DESCRIPTION.to_owned(),
            priority: 0,
            path: member_path(".metadata.name"),
        }
    }

    /// The age, which kinds without columns of their own show.
    pub fn age() -> Self {
        Self {
            name: "Age".to_owned(),
            column_type: ColumnType::Date,
            format: String::new(),
            description: AGE_DESCRIPTION.to_owned(),
            priority: 0,
            path: member_path(".metadata.creationTimestamp"),
        }
    }

    /// Reads one of a CRD's `additionalPrinterColumns`.
    pub fn from_definition(definition: &Value) -> Result<Self, InvalidColumn> {
        let text = |name: &str| definition.get(name).and_then(Value::as_str).unwrap_or_default();
        let path = text("jsonPath");
        let parsed = JsonPath::parse(path)
            .map_err(|problem| InvalidColumn::Path { path: path.to_owned(), problem })?;
        let column_type = ColumnType::parse(text("type")).ok_or_else(|| InvalidColumn::Type {
            name: text("name").to_owned(),
            given: text("type").to_owned(),
        })?;
        let description = match text("description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            description => description.to_owned(),
        };
        let priority = definition.get("priority").and_then(Value::as_i64).unwrap_or_default();
        Ok(Self {
            name: text("name").to_owned(),
            column_type,
            format: text("format").to_owned(),
            description,
            priority: i32::try_from(priority).unwrap_or_default(),
            path: parsed,
        })
    }

    /// The `columnDefinitions` entry.
    pub fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.column_type.name(),
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }

    /// The cell of an object: null where the object has nothing there, or something of another type.
    pub fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let Some(value) = self.path.first(object) else {
            return Value::Null;
        };
        match (self.column_type, value) {
            (_, Value::Null) => Value::Null,
            (ColumnType::Date, Value::String(text)) => Value::String(age(text, now)),
            (ColumnType::Scalar(SchemaType::String), Value::String(_)) => value.clone(),
            (ColumnType::Scalar(SchemaType::String), other) => Value::String(other.to_string()),
            (ColumnType::Scalar(SchemaType::Integer), Value::Number(number)) => integer(number),
            (ColumnType::Scalar(SchemaType::Number), Value::Number(_))
            | (ColumnType::Scalar(SchemaType::Boolean), Value::Bool(_)) => value.clone(),
            _ => Value::Null,
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // as Go converts
fn integer(number: &serde_json::Number) -> Value {
    match (number.as_i64(), number.as_f64()) {
        (Some(int), _) => Value::from(int),
        (None, Some(float)) => Value::from(float as i64),
        (None, None) => Value::Null,
    }
}

/// How long ago a time was, for people.
pub fn age(since: &str, now: Timestamp) -> String {
    match time::parse(since) {
        Ok(since) => human_duration(now.as_second() - since.as_second()),
        Err(_) => "<invalid>".to_owned(),
    }
}

/// A duration with two or three significant figures: `5m10s`, `3d4h`, `2y70d`.
pub fn human_duration(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    if seconds < 0 {
        return "0s".to_owned();
    }
    let pair = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit}{small}{small_unit}")
        }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => pair(days, "d", hours % 24, "h"),
        () if hours < 24 * 365 * 2 => format!("{days}d"),
        () if hours < 24 * 365 * 8 => pair(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

/// A row: cells, and what comes along.
pub fn row(columns: &[Column], object: &Value, include: IncludeObject, now: Timestamp) -> Value {
    let cells: Vec<Value> = columns.iter().map(|column| column.cell(object, now)).collect();
    row_of(cells, object, include)
}

/// A row of cells that were made otherwise.
pub fn row_of(cells: Vec<Value>, object: &Value, include: IncludeObject) -> Value {
    let mut row = Map::new();
    row.insert("cells".to_owned(), Value::Array(cells));
    match include {
        IncludeObject::None => {
            row.insert("object".to_owned(), Value::Null);
        }
        IncludeObject::Metadata => {
            row.insert("object".to_owned(), partial_metadata(object));
        }
        IncludeObject::Object => {
            row.insert("object".to_owned(), object.clone());
        }
    }
    Value::Object(row)
}

/// A table. `list_metadata` is that of the list (`resourceVersion`, `continue`, `remainingItemCount`). A watch leaves the
/// headings out of all tables but the first.
pub fn table(columns: &[Column], headings: bool, rows: Vec<Value>, list_metadata: Value) -> Value {
    let definitions: Vec<Value> =
        if headings { columns.iter().map(Column::definition).collect() } else { Vec::new() };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

/// `PartialObjectMetadata` of an object.
pub fn partial_metadata(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_kubectl() {
        for (seconds, shown) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (310, "5m10s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 61, "3h1m"),
            (47 * 3600, "47h"),
            (76 * 3600, "3d4h"),
            (9 * 86400, "9d"),
            (2 * 365 * 86400 + 70 * 86400, "2y70d"),
            (9 * 365 * 86400, "9y"),
        ] {
            assert_eq!(human_duration(seconds), shown, "{seconds}");
        }
    }

    #[test]
    fn cells_follow_their_column() {
        let column = |path: &str, column_type: &str| {
            Column::from_definition(&json!({"name": "C", "type": column_type, "jsonPath": path})).unwrap()
        };
        let object = json!({"spec": {"a": "x", "n": 1, "list": ["p", "q"]}, "metadata": {"creationTimestamp": "2024-05-01T10:00:00Z"}});
        let now: Timestamp = "2024-05-01T10:05:10Z".parse().unwrap();
        assert_eq!(column(".spec.list", "string").cell(&object, now), json!("[\"p\",\"q\"]"));
        assert_eq!(column(".spec.n", "integer").cell(&object, now), json!(1));
        assert_eq!(column(".spec.a", "boolean").cell(&object, now), Value::Null);
        assert_eq!(column(".spec.missing", "string").cell(&object, now), Value::Null);
        assert_eq!(Column::age().cell(&object, now), json!("5m10s"));
        assert!(Column::from_definition(&json!({"name": "C", "type": "blob", "jsonPath": ".a"})).is_err());
        assert!(Column::from_definition(&json!({"name": "C", "type": "string", "jsonPath": ".a["})).is_err());
    }
}
