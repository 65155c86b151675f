//! The divisor of an environment variable that tells a resource: an amount, always there, in its canonical form.

use machinery::quantity::{InvalidQuantity, Quantity};
use serde_json::{Value, json};

/// Gives the divisor of a variable, as of a Pod, the form that Go gives it. Of other variables nothing changes.
pub(crate) fn make_canonical(variable: &mut Value) -> Result<(), InvalidQuantity> {
    let resource = variable.pointer_mut("/valueFrom/resourceFieldRef").and_then(Value::as_object_mut);
    let Some(resource) = resource else {
        return Ok(());
    };
    let divisor = match resource.get("divisor") {
        None | Some(Value::Null) => "0".to_owned(),
        Some(Value::String(text)) => canonical(text)?,
        Some(Value::Number(number)) => canonical(&number.to_string())?,
        Some(_) => return Err(InvalidQuantity::Format),
    };
    resource.insert("divisor".to_owned(), json!(divisor));
    Ok(())
}

fn canonical(text: &str) -> Result<String, InvalidQuantity> {
    Ok(Quantity::parse(text.trim())?.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn divisor(given: Value) -> Result<Value, InvalidQuantity> {
        let mut variable = json!({ "name": "a", "valueFrom": { "resourceFieldRef": { "divisor": given } } });
        make_canonical(&mut variable)?;
        Ok(variable["valueFrom"]["resourceFieldRef"]["divisor"].clone())
    }

    #[test]
    fn a_divisor_has_one_form() {
        for (given, canonical) in [
            (json!("1024Ki"), "1Mi"),
            (json!("1000m"), "1"),
            (json!("1000"), "1k"),
            (json!("0.5"), "500m"),
            (json!("1.5Gi"), "1536Mi"),
            (json!(" 1 "), "1"),
            (json!(1000), "1k"),
            (json!(0.5), "500m"),
            (json!("0"), "0"),
            (json!(null), "0"),
        ] {
            assert_eq!(divisor(given.clone()), Ok(json!(canonical)), "{given}");
        }
        for bad in [json!(""), json!("x"), json!("1x"), json!(true), json!({})] {
            assert!(divisor(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_variables_that_tell_a_resource_have_one() {
        let field = json!({ "name": "a", "valueFrom": { "fieldRef": { "fieldPath": "p" } } });
        for (before, after) in [
            (json!({ "name": "a", "value": "1000" }), json!({ "name": "a", "value": "1000" })),
            (field.clone(), field),
            (
                json!({ "valueFrom": { "resourceFieldRef": { "resource": "r" } } }),
                json!({ "valueFrom": { "resourceFieldRef": { "resource": "r", "divisor": "0" } } }),
            ),
        ] {
            let mut variable = before;
            make_canonical(&mut variable).unwrap();
            assert_eq!(variable, after);
        }
    }
}
