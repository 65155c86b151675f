//! The selectors of MachineSets and MachineDeployments.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use machinery::selector::{self, InvalidSelector, Operator, Requirement};

/// Reads a selector. An empty one is read as selecting nothing: whoever left it empty did not mean every object there is.
///
/// # Errors
/// A key, value or operator that does not exist.
pub fn of(selector: &LabelSelector) -> Result<selector::LabelSelector, InvalidSelector> {
    let requirements = requirements(selector)?;
    if requirements.is_empty() {
        return Ok(selector::LabelSelector::nothing());
    }
    Ok(selector::LabelSelector::new(requirements))
}

/// A selector as text, for the scale subresource; `None` if it is empty or cannot be read.
pub fn text(selector: &LabelSelector) -> Option<String> {
    let read = of(selector).ok().filter(|read| !read.is_nothing())?;
    Some(read.to_string())
}

fn requirements(selector: &LabelSelector) -> Result<Vec<Requirement>, InvalidSelector> {
    let labels = selector.match_labels.iter().flatten();
    let mut requirements = labels
        .map(|(key, value)| Requirement::new(key, Operator::Equals, vec![value.clone()]))
        .collect::<Result<Vec<_>, _>>()?;
    for expression in selector.match_expressions.iter().flatten() {
        let operator = match expression.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                return Err(InvalidSelector(format!("{other:?} is not a valid label selector operator")));
            }
        };
        let values = expression.values.clone().unwrap_or_default();
        requirements.push(Requirement::new(&expression.key, operator, values)?);
    }
    Ok(requirements)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_is_what_a_query_takes() {
        let selector: LabelSelector = serde_json::from_value(json!({
            "matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [{"key": "c", "operator": "In", "values": ["x"]}, {"key": "d", "operator": "Exists"}],
        }))
        .unwrap();
        assert_eq!(text(&selector).unwrap(), "a=1,b=2,c in (x),d");
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        let selector = of(&LabelSelector::default()).unwrap();
        assert!(!selector.matches(&std::collections::BTreeMap::new()));
        assert_eq!(text(&LabelSelector::default()), None);
    }
}
