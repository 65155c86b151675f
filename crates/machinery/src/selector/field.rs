//! Field selectors: `metadata.name=a,status.phase!=Running`.

use std::fmt;

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRequirement {
    /// Path of the field, as written.
    pub field: String,
    /// The value, unescaped.
    pub value: String,
    /// Whether the field must have the value, or must not.
    pub equal: bool,
}

/// Comparisons that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

/// A field selector that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidFieldSelector(pub String);

impl FieldSelector {
    /// Reads the text form. Values may escape `\`, `,` and `=` with a backslash.
    pub fn parse(query: &str) -> Result<Self, InvalidFieldSelector> {
        let mut requirements = Vec::new();
        for term in split_terms(query) {
            if term.is_empty() {
                continue;
            }
            let Some((field, operator, value)) = split_term(term) else {
                let message = format!("invalid selector: '{query}'; can't understand '{term}'");
                return Err(InvalidFieldSelector(message));
            };
            let value = unescape(value)?;
            requirements.push(FieldRequirement { field: field.to_owned(), value, equal: operator != "!=" });
        }
        Ok(Self { requirements })
    }

    /// Whether an object is meant, given how to look up its fields; a missing field is the empty text.
    pub fn matches<'a>(&self, lookup: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = lookup(&requirement.field).unwrap_or_default();
            (value == requirement.value) == requirement.equal
        })
    }

    /// Whether every object is meant.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The comparisons, as written.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// The one value that the selector asks of a field, if it asks for one.
    pub fn exact(&self, field: &str) -> Option<&str> {
        let found =
            self.requirements.iter().find(|requirement| requirement.field == field && requirement.equal);
        found.map(|requirement| requirement.value.as_str())
    }
}

/// Splits at commas that no backslash escapes.
fn split_terms(query: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (index, byte) in query.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                terms.push(query.get(start..index).unwrap_or_default());
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(query.get(start..).unwrap_or_default());
    terms
}

fn split_term(term: &str) -> Option<(&str, &'static str, &str)> {
    for (index, _) in term.char_indices() {
        let (field, rest) = term.split_at(index);
        for operator in ["!=", "==", "="] {
            if let Some(value) = rest.strip_prefix(operator) {
                return Some((field, operator, value));
            }
        }
    }
    None
}

fn unescape(text: &str) -> Result<String, InvalidFieldSelector> {
    let bad_sequence = |sequence: String| {
        Err(InvalidFieldSelector(format!("invalid field selector: invalid escape sequence: {sequence}")))
    };
    let mut unescaped = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(next @ ('\\' | ',' | '=')) => unescaped.push(next),
                Some(next) => return bad_sequence(format!("\\{next}")),
                None => return bad_sequence("\\".to_owned()),
            },
            ',' | '=' => {
                let code = u32::from(character);
                let message = format!("invalid field selector: unescaped character in value: {code}");
                return Err(InvalidFieldSelector(message));
            }
            other => unescaped.push(other),
        }
    }
    Ok(unescaped)
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if requirement.equal { "=" } else { "!=" };
            let value = requirement.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            write!(f, "{comma}{}{operator}{value}", requirement.field)?;
        }
        Ok(())
    }
}

impl InvalidFieldSelector {
    /// The error about a field that the kind cannot be selected by.
    pub fn unsupported(field: &str) -> Self {
        Self(format!("field label not supported: {field}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_escapes() {
        let selector = FieldSelector::parse("metadata.name=a\\,b,x!=c,y==d,").unwrap();
        assert_eq!(selector.exact("metadata.name"), Some("a,b"));
        assert_eq!(selector.requirements().len(), 3);
        let lookup = |field: &str| match field {
            "metadata.name" => Some("a,b"),
            "y" => Some("d"),
            _ => None,
        };
        assert!(selector.matches(lookup));
        assert_eq!(selector.to_string(), "metadata.name=a\\,b,x!=c,y=d");
        assert_eq!(
            FieldSelector::parse("abc").unwrap_err().0,
            "invalid selector: 'abc'; can't understand 'abc'"
        );
        assert!(FieldSelector::parse("a=b=c").is_err());
        assert!(FieldSelector::parse("a=\\x").is_err());
    }
}
