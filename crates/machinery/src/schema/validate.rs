//! Whether an object keeps to its schema.
//!
//! The checks, their order of reporting and their sentences are those of k8s.io/kube-openapi's `validation/validate`, which
//! kube-apiserver uses for custom resources. On an update, what is equal to the old value is let pass (ratcheting).

use std::fmt::Display;

use serde_json::{Map, Number, Value};

use super::path::Path;
use super::result::Outcome;
use super::tree::{Additional, Combinators, ListType, MapType, Schema, SchemaType, ValueRules};
use super::{embedded, formats, lists};
use crate::status::{FieldError, FieldErrorKind, quote};

/// What is reported at the root where errors keep rules in CEL from being run.
pub const UNCHECKED_RULES: &str = "some validation rules were not checked because the object was invalid; \
                                   correct the existing errors to complete validation";

/// Whether errors keep rules in CEL from being run: then [`UNCHECKED_RULES`] is one more error, at `<nil>` with the value null.
pub fn blocks_rules(errors: &[FieldError]) -> bool {
    errors.iter().any(|error| {
        matches!(
            error.kind,
            FieldErrorKind::Required
                | FieldErrorKind::TypeInvalid
                | FieldErrorKind::NotSupported
                | FieldErrorKind::TooLong
                | FieldErrorKind::TooMany
        )
    })
}

/// Checks a root object. `old` is the object before an update: what is as it was is let pass.
pub fn validate(schema: &Schema, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    validate_below(schema, None, object, old)
}

/// Checks a part of an object by the schema of that part, as kube-apiserver checks `status` by itself: paths of errors
/// start with `prefix`, messages name fields from the part on.
pub fn validate_below(
    schema: &Schema,
    prefix: Option<&str>,
    value: &Value,
    old: Option<&Value>,
) -> Vec<FieldError> {
    let checker = Checker { prefix };
    let mut errors = checker.check(value, schema, &Path::Root, old).errors;
    embedded::check(value, schema, prefix, &Path::Root, &mut errors);
    // Duplicates that were there already are let pass altogether.
    let duplicates = lists::duplicates(value, schema, prefix);
    if !duplicates.is_empty() && old.is_none_or(|old| lists::duplicates(old, schema, prefix).is_empty()) {
        errors.extend(duplicates);
    }
    errors
}

/// The path of an error: prefix and path, `<nil>` for neither.
pub(super) fn error_path(prefix: Option<&str>, path: &Path<'_>) -> String {
    match (prefix, path) {
        (None, Path::Root) => "<nil>".to_owned(),
        (Some(prefix), Path::Root) => prefix.to_owned(),
        (None, path) => path.to_string(),
        (Some(prefix), Path::Item(Path::Root, _)) => format!("{prefix}{path}"),
        (Some(prefix), path) => format!("{prefix}.{path}"),
    }
}

struct Checker<'a> {
    prefix: Option<&'a str>,
}

/// A number as Go's `%v` shows a float64.
pub(super) fn show_float(float: f64) -> String {
    let magnitude = float.abs();
    if float == 0.0 || (1e-4..1e21).contains(&magnitude) {
        return float.to_string();
    }
    let shown = format!("{float:e}");
    match shown.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => shown,
    }
}

/// The number as an integer of 64 bits, which JSON decoding of Go makes of everything that fits.
fn as_int(number: &Number) -> Option<i64> {
    number.as_i64()
}

fn as_float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// Whether a float stands for a whole number that floats can tell apart.
fn is_whole(float: f64) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    float.is_finite() && float.abs() <= LARGEST && float.fract() == 0.0
}

/// JSON type and format that kube-openapi gives a value.
fn type_of(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
        Value::Number(number) if as_int(number).is_some() => ("integer", "int64"),
        Value::Number(_) => ("number", "float64"),
    }
}

impl Checker<'_> {
    fn path(&self, path: &Path<'_>) -> String {
        error_path(self.prefix, path)
    }

    fn invalid(&self, path: &Path<'_>, value: impl Into<Value>, rest: impl Display) -> FieldError {
        FieldError::invalid(self.path(path), value, format!("{path} in body {rest}"))
    }

    /// An error without a field of its own: kube-apiserver reports it at the root, with the empty text as value.
    fn general(&self, message: String) -> FieldError {
        FieldError::invalid(error_path(self.prefix, &Path::Root), "", message)
    }

    fn wrong_type(&self, path: &Path<'_>, wanted: &str, found: &str) -> Outcome {
        let detail = format!("{path} in body must be of type {wanted}: {}", quote(found));
        let kind = FieldErrorKind::TypeInvalid;
        Outcome::failed(FieldError::new(self.path(path), kind, Some(Value::from(found)), detail))
    }

    /// Checks one value by one node. `old` is the value that stood here, where it can be told.
    fn check(&self, value: &Value, schema: &Schema, path: &Path<'_>, old: Option<&Value>) -> Outcome {
        if old == Some(value) {
            return Outcome { errors: Vec::new(), matched: 1 };
        }
        let mut outcome = self.check_type(value, schema, path);
        let rules = schema.rules.as_deref();
        if value.is_null() {
            outcome.merge(self.check_allowed(value, rules, path));
            return outcome;
        }
        if let Some(combinators) = &schema.combinators {
            outcome.merge(self.check_combinators(value, combinators, path));
        }
        match value {
            Value::String(text) => {
                outcome.merge(self.check_text(text, rules, path));
                outcome.merge(self.check_format(text, schema, path));
            }
            Value::Number(number) => outcome.merge(self.check_number(number, schema, path)),
            Value::Array(items) => outcome.merge(self.check_items(items, schema, path, old)),
            Value::Object(members) => outcome.merge(self.check_members(members, schema, path, old)),
            Value::Bool(_) | Value::Null => {}
        }
        outcome.merge(self.check_allowed(value, rules, path));
        outcome.matched += 1;
        outcome
    }

    fn check_type(&self, value: &Value, schema: &Schema, path: &Path<'_>) -> Outcome {
        let fine = Outcome { errors: Vec::new(), matched: 1 };
        let (found, found_format) = type_of(value);
        if schema.int_or_string {
            let whole = value.as_f64().is_some_and(is_whole);
            let fits = matches!(found, "integer" | "string") || whole || (value.is_null() && schema.nullable);
            return if fits { fine } else { self.wrong_type(path, "integer,string", found) };
        }
        let Some(wanted) = schema.schema_type else { return fine };
        if value.is_null() {
            return if schema.nullable { fine } else { self.wrong_type(path, wanted.name(), found) };
        }
        let fits = match (wanted, value) {
            (SchemaType::Integer, Value::Number(number)) => {
                as_int(number).is_some() || is_whole(as_float(number))
            }
            (SchemaType::Number, Value::Number(_)) => true,
            _ => wanted.name() == found,
        };
        if fits {
            return fine;
        }
        let format = formats::effective(schema);
        match format {
            // A format names the type more closely, except to texts and lists.
            Some(format)
                if !matches!(value, Value::String(_) | Value::Array(_)) && format != found_format =>
            {
                self.wrong_type(path, format, found_format)
            }
            Some(_) if value.is_array() && wanted == SchemaType::String => fine,
            _ => self.wrong_type(path, wanted.name(), found),
        }
    }

    fn check_allowed(&self, value: &Value, rules: Option<&ValueRules>, path: &Path<'_>) -> Outcome {
        let Some(allowed) = rules.and_then(|rules| rules.allowed.as_ref()) else { return Outcome::default() };
        if allowed.iter().any(|one| one == value || (one.is_number() && one.as_f64() == value.as_f64())) {
            return Outcome::default();
        }
        let shown: Vec<String> =
            allowed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        Outcome::failed(FieldError::not_supported(self.path(path), value.clone(), &shown))
    }

    fn check_text(&self, text: &str, rules: Option<&ValueRules>, path: &Path<'_>) -> Outcome {
        let Some(rules) = rules else { return Outcome::default() };
        let length = || text.chars().count() as u64;
        if let Some(maximum) = rules.max_length {
            // Bytes are never fewer than characters: short texts need no counting.
            if text.len() as u64 > maximum && length() > maximum {
                let maximum = usize::try_from(maximum).unwrap_or(usize::MAX);
                return Outcome::failed(FieldError::too_long(self.path(path), maximum));
            }
        }
        if let Some(minimum) = rules.min_length
            && length() < minimum
        {
            let rest = format!("should be at least {minimum} chars long");
            return Outcome::failed(self.invalid(path, text, rest));
        }
        if let Some(pattern) = &rules.pattern
            && !pattern.regex().is_some_and(|regex| regex.is_match(text))
        {
            return Outcome::failed(self.invalid(path, text, format!("should match '{}'", pattern.text)));
        }
        Outcome::default()
    }

    fn check_format(&self, text: &str, schema: &Schema, path: &Path<'_>) -> Outcome {
        match formats::effective(schema) {
            Some(format) if !formats::is_valid(format, text) => self.wrong_type(path, format, text),
            _ => Outcome::default(),
        }
    }

    fn check_number(&self, number: &Number, schema: &Schema, path: &Path<'_>) -> Outcome {
        let mut outcome = Outcome { errors: Vec::new(), matched: 1 };
        let integer = schema.schema_type == Some(SchemaType::Integer);
        let format = formats::effective(schema);
        let out_of_range = match (schema.schema_type, format) {
            (Some(SchemaType::Integer), Some("int32")) => {
                as_int(number).is_none_or(|int| i32::try_from(int).is_err())
            }
            (Some(SchemaType::Integer), _) => as_int(number).is_none() && !is_whole(as_float(number)),
            (Some(SchemaType::Number), Some("float")) => as_float(number).abs() > f64::from(f32::MAX),
            _ => false,
        };
        if out_of_range {
            let name = if integer { "integer" } else { "number" };
            let with = format.map_or("(default format)".to_owned(), |format| format!("with format {format}"));
            let message = format!("Checked value must be of type {name} {with} in {path}");
            outcome.errors.push(self.general(message));
        }
        let Some(rules) = schema.rules.as_deref() else { return outcome };
        let multiple = rules.multiple_of.and_then(|factor| self.check_multiple(number, factor, path));
        outcome.errors.extend(multiple);
        outcome.errors.extend(self.check_minimum(number, rules, path));
        outcome.errors.extend(self.check_maximum(number, rules, path));
        outcome
    }

    fn check_multiple(&self, number: &Number, factor: f64, path: &Path<'_>) -> Option<FieldError> {
        let (holds, shown) = match as_int(number) {
            Some(int) => {
                let factor = truncated(factor);
                (factor > 0 && int % factor == 0, factor.to_string())
            }
            None => {
                let float = as_float(number);
                let ratio = if factor < 1.0 { 1.0 / factor * float } else { float / factor };
                (is_whole(ratio), show_float(factor))
            }
        };
        let rest = format!("should be a multiple of {shown}");
        (!holds).then(|| self.invalid(path, shown_number(number), rest))
    }

    fn check_minimum(&self, number: &Number, rules: &ValueRules, path: &Path<'_>) -> Option<FieldError> {
        let minimum = rules.minimum.as_ref()?;
        let exclusive = rules.exclusive_minimum;
        let (breaks, shown) = match as_int(number) {
            Some(int) => {
                let minimum = truncated(as_float(minimum));
                (int < minimum || (exclusive && int == minimum), minimum.to_string())
            }
            None => {
                let (float, minimum) = (as_float(number), as_float(minimum));
                (float < minimum || (exclusive && float == minimum), show_float(minimum))
            }
        };
        let words = if exclusive { "greater than" } else { "greater than or equal to" };
        breaks.then(|| self.invalid(path, shown_number(number), format!("should be {words} {shown}")))
    }

    fn check_maximum(&self, number: &Number, rules: &ValueRules, path: &Path<'_>) -> Option<FieldError> {
        let maximum = rules.maximum.as_ref()?;
        let exclusive = rules.exclusive_maximum;
        let (breaks, shown) = match as_int(number) {
            Some(int) => {
                let maximum = truncated(as_float(maximum));
                (int > maximum || (exclusive && int == maximum), maximum.to_string())
            }
            None => {
                let (float, maximum) = (as_float(number), as_float(maximum));
                (float > maximum || (exclusive && float == maximum), show_float(maximum))
            }
        };
        let words = if exclusive { "less than" } else { "less than or equal to" };
        breaks.then(|| self.invalid(path, shown_number(number), format!("should be {words} {shown}")))
    }

    fn check_items(&self, items: &[Value], schema: &Schema, path: &Path<'_>, old: Option<&Value>) -> Outcome {
        let mut outcome = Outcome { errors: Vec::new(), matched: 1 };
        if let Some(child) = &schema.items {
            let old_items = old.and_then(Value::as_array).filter(|_| schema.list_type == ListType::Map);
            for (index, item) in items.iter().enumerate() {
                let old_item = old_items.and_then(|old| lists::find(old, item, schema));
                outcome.merge(self.check(item, child, &Path::Item(path, index), old_item));
            }
        }
        let Some(rules) = schema.rules.as_deref() else { return outcome };
        let size = items.len() as u64;
        if let Some(minimum) = rules.min_items.filter(|minimum| size < *minimum) {
            outcome.errors.push(self.invalid(path, size, format!("should have at least {minimum} items")));
        }
        if let Some(maximum) = rules.max_items.filter(|maximum| size > *maximum) {
            let maximum = usize::try_from(maximum).unwrap_or(usize::MAX);
            outcome.errors.push(FieldError::too_many(self.path(path), items.len(), maximum));
        }
        if rules.unique_items
            && (1..items.len()).any(|at| items.iter().take(at).any(|item| Some(item) == items.get(at)))
        {
            outcome.errors.push(self.invalid(path, "", "shouldn't contain duplicates"));
        }
        outcome
    }

    fn check_members(
        &self,
        members: &Map<String, Value>,
        schema: &Schema,
        path: &Path<'_>,
        old: Option<&Value>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        if let Some(rules) = schema.rules.as_deref() {
            let size = members.len() as u64;
            if let Some(minimum) = rules.min_properties.filter(|minimum| size < *minimum) {
                let rest = format!("should have at least {minimum} properties");
                outcome.errors.push(self.invalid(path, size, rest));
            }
            if let Some(maximum) = rules.max_properties.filter(|maximum| size > *maximum) {
                let maximum = usize::try_from(maximum).unwrap_or(usize::MAX);
                outcome.errors.push(FieldError::too_many(self.path(path), members.len(), maximum));
            }
        }
        let old_members = old.and_then(Value::as_object).filter(|_| schema.map_type != MapType::Atomic);
        for (name, member) in members {
            let child = match (schema.properties.get(name.as_str()), &schema.additional) {
                (Some(child), _) | (None, Some(Additional::Schema(child))) => child,
                _ => continue,
            };
            // The version of an object changes by conversion, out of sight: it is never let pass.
            let is_type = matches!(path, Path::Root) && matches!(name.as_str(), "apiVersion" | "kind");
            let old_member = old_members.filter(|_| !is_type).and_then(|old| old.get(name));
            outcome.merge(self.check(member, child, &Path::Member(path, name), old_member));
        }
        for name in &schema.required {
            if !members.contains_key(name.as_ref()) {
                outcome.errors.push(FieldError::required(self.path(&Path::Member(path, name)), ""));
            }
        }
        outcome
    }

    fn check_combinators(&self, value: &Value, combinators: &Combinators, path: &Path<'_>) -> Outcome {
        let mut outcome = Outcome { errors: Vec::new(), matched: 1 };
        self.check_any_of(value, &combinators.any_of, path, &mut outcome);
        self.check_one_of(value, &combinators.one_of, path, &mut outcome);
        let mut valid = 0;
        for schema in &combinators.all_of {
            let one = self.check(value, schema, path, None);
            valid += usize::from(one.is_valid());
            outcome.merge(one);
        }
        if valid != combinators.all_of.len() {
            let rest = if valid == 0 { ". None validated" } else { "" };
            let shown = quote(&path.to_string());
            outcome.errors.push(self.general(format!("{shown} must validate all the schemas (allOf){rest}")));
        }
        if let Some(not) = &combinators.not
            && self.check(value, not, path, None).is_valid()
        {
            let shown = quote(&path.to_string());
            outcome.errors.push(self.general(format!("{shown} must not validate the schema (not)")));
        }
        outcome
    }

    fn check_any_of(&self, value: &Value, any_of: &[Schema], path: &Path<'_>, outcome: &mut Outcome) {
        if any_of.is_empty() {
            return;
        }
        let mut best: Option<Outcome> = None;
        for schema in any_of {
            let one = self.check(value, schema, path, None);
            if one.is_valid() {
                outcome.matched += one.matched;
                return;
            }
            if best.as_ref().is_none_or(|best| one.matched > best.matched) {
                best = Some(one);
            }
        }
        let shown = quote(&path.to_string());
        outcome.errors.push(self.general(format!("{shown} must validate at least one schema (anyOf)")));
        outcome.merge(best.unwrap_or_default());
    }

    fn check_one_of(&self, value: &Value, one_of: &[Schema], path: &Path<'_>, outcome: &mut Outcome) {
        if one_of.is_empty() {
            return;
        }
        let mut best: Option<Outcome> = None;
        let mut valid = 0;
        for schema in one_of {
            let one = self.check(value, schema, path, None);
            if one.is_valid() {
                valid += 1;
                best = None;
            } else if valid == 0 && best.as_ref().is_none_or(|best| one.matched > best.matched) {
                best = Some(one);
            }
        }
        if valid == 1 {
            return;
        }
        let rest = if valid == 0 {
            "Found none valid".to_owned()
        } else {
            format!("Found {valid} valid alternatives")
        };
        let shown = quote(&path.to_string());
        outcome
            .errors
            .push(self.general(format!("{shown} must validate one and only one schema (oneOf). {rest}")));
        outcome.merge(best.unwrap_or_default());
    }
}

/// Go's conversion of a bound to an integer.
#[allow(clippy::cast_possible_truncation)] // saturating is what is wanted
fn truncated(float: f64) -> i64 {
    float as i64
}

/// A number as the value of an error.
fn shown_number(number: &Number) -> Value {
    Value::Number(number.clone())
}
