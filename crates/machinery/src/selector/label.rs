//! Label selectors.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::text;
use crate::names::{label_value_problems, qualified_name_problems};
use crate::status::quote;

/// Where labels can be looked up.
pub trait Labels {
    /// The value of a label, if the object has it.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

impl<L: Labels> Labels for Option<L> {
    fn label(&self, key: &str) -> Option<&str> {
        self.as_ref().and_then(|labels| labels.label(key))
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    fn label(&self, key: &str) -> Option<&str> {
        (*self).label(key)
    }
}

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// `=` and `==`.
    Equals,
    /// `!=`: also where the label is missing.
    NotEquals,
    /// `in`.
    In,
    /// `notin`: also where the label is missing.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// `>`, on integers.
    GreaterThan,
    /// `<`, on integers.
    LessThan,
}

/// One condition of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// Comparison.
    pub operator: Operator,
    /// What to compare with, sorted and without repetitions.
    pub values: Vec<String>,
}

/// A selector that cannot be read. The message is the one Kubernetes gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSelector(pub String);

/// Requirements that must all hold. The empty selector selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    nothing: bool,
    requirements: Vec<Requirement>,
}

impl Requirement {
    /// Checks key and values. Paths in messages are those of the Go library without a field path.
    pub fn new(key: &str, operator: Operator, mut values: Vec<String>) -> Result<Self, InvalidSelector> {
        let problems = qualified_name_problems(key);
        if !problems.is_empty() {
            return Err(invalid("<nil>", key, &problems.join("; ")));
        }
        values.sort();
        values.dedup();
        check_count(operator, &values)?;
        for (index, value) in values.iter().enumerate() {
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err()
            {
                let rule = "for 'Gt', 'Lt' operators, the value must be an integer";
                return Err(invalid(&format!("values[{index}]"), value, rule));
            }
            let problems = label_value_problems(value);
            if !problems.is_empty() {
                return Err(invalid(&format!("values[{index}][{key}]"), value, &problems.join("; ")));
            }
        }
        Ok(Self { key: key.to_owned(), operator, values })
    }

    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: &impl Labels) -> bool {
        let value = labels.label(&self.key);
        match self.operator {
            Operator::Equals | Operator::In => value.is_some_and(|value| self.holds(value)),
            Operator::NotEquals | Operator::NotIn => value.is_none_or(|value| !self.holds(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => self.compare(value, |actual, wanted| actual > wanted),
            Operator::LessThan => self.compare(value, |actual, wanted| actual < wanted),
        }
    }

    fn holds(&self, value: &str) -> bool {
        self.values.iter().any(|wanted| wanted == value)
    }

    fn compare(&self, value: Option<&str>, holds: fn(i64, i64) -> bool) -> bool {
        let actual = value.and_then(|value| value.parse().ok());
        let wanted = self.values.first().and_then(|value| value.parse().ok());
        match (actual, wanted) {
            (Some(actual), Some(wanted)) => holds(actual, wanted),
            _ => false,
        }
    }
}

fn invalid(path: &str, value: &str, detail: &str) -> InvalidSelector {
    InvalidSelector(format!("{path}: Invalid value: {}: {detail}", quote(value)))
}

fn check_count(operator: Operator, values: &[String]) -> Result<(), InvalidSelector> {
    let problem = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            "for 'in', 'notin' operators, values set can't be empty"
        }
        Operator::Equals | Operator::NotEquals if values.len() != 1 => {
            "exact-match compatibility requires one single value"
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            "values set must be empty for exists and does not exist"
        }
        Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
            "for 'Gt', 'Lt' operators, exactly one value is required"
        }
        _ => return Ok(()),
    };
    let shown = values.iter().map(|value| quote(value)).collect::<Vec<_>>().join(",");
    Err(InvalidSelector(format!("values: Invalid value: [{shown}]: {problem}")))
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects nothing.
    pub fn nothing() -> Self {
        Self { nothing: true, requirements: Vec::new() }
    }

    /// Selects what meets all requirements.
    pub fn new(requirements: Vec<Requirement>) -> Self {
        let mut selector = Self { nothing: false, requirements };
        selector.requirements.sort_by(|a, b| a.key.cmp(&b.key));
        selector
    }

    /// Reads the text form of queries: `a=b,c!=d,e in (f,g),h,!i,j>5`.
    pub fn parse(query: &str) -> Result<Self, InvalidSelector> {
        text::parse(query).map(Self::new)
    }

    /// Exactly these labels.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let requirement = |(key, value): (&str, &str)| Requirement {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: vec![value.to_owned()],
        };
        Self::new(labels.into_iter().map(requirement).collect())
    }

    /// Reads a `metav1.LabelSelector` (`matchLabels`, `matchExpressions`). Null selects nothing, `{}` everything.
    pub fn from_json(selector: &Value) -> Result<Self, InvalidSelector> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let mut requirements = Vec::new();
        if let Some(Value::Object(labels)) = selector.get("matchLabels") {
            for (key, value) in labels {
                let value = value.as_str().unwrap_or_default().to_owned();
                requirements.push(Requirement::new(key, Operator::In, vec![value])?);
            }
        }
        if let Some(Value::Array(expressions)) = selector.get("matchExpressions") {
            for expression in expressions {
                requirements.push(parse_expression(expression)?);
            }
        }
        Ok(Self::new(requirements))
    }

    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: &impl Labels) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether every object is meant.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether no object can be meant.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The requirements, sorted by key: an index can serve those with [`Requirement::exact`].
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The one value that the selector asks of a label, if it asks for one.
    pub fn exact(&self, key: &str) -> Option<&str> {
        self.requirements.iter().find(|requirement| requirement.key == key)?.exact()
    }
}

impl Requirement {
    /// The one value asked for, if it is one.
    pub fn exact(&self) -> Option<&str> {
        match (self.operator, self.values.as_slice()) {
            (Operator::Equals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

fn parse_expression(expression: &Value) -> Result<Requirement, InvalidSelector> {
    let text = |member: &str| expression.get(member).and_then(Value::as_str).unwrap_or_default();
    let operator = match text("operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            return Err(InvalidSelector(format!("{} is not a valid label selector operator", quote(other))));
        }
    };
    let values = match expression.get("values") {
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
        }
        _ => Vec::new(),
    };
    Requirement::new(text("key"), operator, values)
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let first = self.values.first().map(String::as_str).unwrap_or_default();
        match self.operator {
            Operator::Equals => write!(f, "{key}={first}"),
            Operator::NotEquals => write!(f, "{key}!={first}"),
            Operator::In => write!(f, "{key} in ({})", self.values.join(",")),
            Operator::NotIn => write!(f, "{key} notin ({})", self.values.join(",")),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{first}"),
            Operator::LessThan => write!(f, "{key}<{first}"),
        }
    }
}

/// The text form of queries.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn all_forms_are_read() {
        let selector = LabelSelector::parse("a=b, c!=d,e in (f, g ),h,!i,j>5,k notin (x),l==m").unwrap();
        let good = labels(&[("a", "b"), ("e", "g"), ("h", ""), ("j", "6"), ("l", "m")]);
        assert!(selector.matches(&good));
        for (key, value) in [("a", "x"), ("c", "d"), ("e", "h"), ("i", ""), ("j", "5"), ("k", "x")] {
            let mut bad = good.clone();
            bad.insert(key.to_owned(), value.to_owned());
            assert!(!selector.matches(&bad), "{key}={value}");
        }
        assert_eq!(selector.to_string(), "a=b,c!=d,e in (f,g),h,!i,j>5,k notin (x),l=m");
        assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
    }

    #[test]
    fn empty_values_count() {
        let empty = labels(&[("env", "")]);
        assert!(LabelSelector::parse("env in (prod, )").unwrap().matches(&empty));
        assert!(LabelSelector::parse("env in ()").unwrap().matches(&empty));
        assert!(LabelSelector::parse("env=").unwrap().matches(&empty));
        assert!(LabelSelector::parse("env in (,,a)").unwrap().matches(&empty));
        assert!(LabelSelector::parse("").unwrap().is_everything());
    }

    #[test]
    fn mistakes_are_named() {
        for (query, message) in [
            ("a>=5", "unable to parse requirement: found '=', expected: identifier"),
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("a,", "found '', expected: identifier after ','"),
            (
                "n>x",
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, \
                 the value must be an integer",
            ),
        ] {
            assert_eq!(LabelSelector::parse(query).unwrap_err().0, message, "{query}");
        }
        assert!(LabelSelector::parse("a=-b").unwrap_err().0.contains("values[0][a]: Invalid value: \"-b\""));
    }

    #[test]
    fn json_selectors_are_read() {
        let selector = LabelSelector::from_json(&json!({
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["d"]}, {"key": "e", "operator": "Exists"}],
        }))
        .unwrap();
        assert!(selector.matches(&labels(&[("a", "b"), ("e", "x")])));
        assert!(!selector.matches(&labels(&[("a", "b"), ("c", "d"), ("e", "x")])));
        assert_eq!(selector.exact("a"), Some("b"));
        assert!(LabelSelector::from_json(&json!({})).unwrap().is_everything());
        assert!(LabelSelector::from_json(&Value::Null).unwrap().is_nothing());
        assert!(
            LabelSelector::from_json(&json!({"matchExpressions": [{"key": "a", "operator": "Gt"}]})).is_err()
        );
    }
}
