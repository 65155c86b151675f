//! What may be a name: qualified names (label keys), label values, DNS labels and subdomains.
//!
//! Each check returns what is wrong, in Kubernetes' sentences (k8s.io/apimachinery `util/validation`); nothing where the
//! text is fine.

const LABEL_FORMAT: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// Longest DNS label, label value and name part of a label key, in bytes.
pub const MAXIMUM_LABEL_LENGTH: usize = 63;
/// Longest DNS subdomain, in bytes.
pub const MAXIMUM_SUBDOMAIN_LENGTH: usize = 253;

/// The sentence about a text that a pattern does not match.
fn pattern_problem(rule: &str, format: &str, examples: &[&str]) -> String {
    let shown: String = examples
        .iter()
        .enumerate()
        .map(|(index, example)| format!("{}'{example}', ", if index == 0 { "" } else { " or " }))
        .collect();
    format!("{rule} (e.g. {shown}regex used for validation is '{format}')")
}

fn too_long(maximum: usize) -> String {
    format!("must be no more than {maximum} characters")
}

/// Whether the text starts and ends with an alphanumeric byte and holds nothing but those and `inner`.
fn framed(text: &str, alphanumeric: fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => {
            alphanumeric(first)
                && alphanumeric(last)
                && bytes.iter().all(|&byte| alphanumeric(byte) || inner.contains(&byte))
        }
        _ => false,
    }
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn any_case(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_qualified_part(text: &str) -> bool {
    framed(text, any_case, b"-_.")
}

/// A DNS label of RFC 1123: at most 63 lower-case letters, digits and dashes.
pub fn dns_label_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > MAXIMUM_LABEL_LENGTH {
        problems.push(too_long(MAXIMUM_LABEL_LENGTH));
    }
    if !framed(text, lower, b"-") {
        let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
                    and must start and end with an alphanumeric character";
        problems.push(pattern_problem(rule, LABEL_FORMAT, &["my-name", "123-abc"]));
    }
    problems
}

/// A DNS subdomain of RFC 1123: at most 253 bytes of labels joined by dots.
pub fn dns_subdomain_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > MAXIMUM_SUBDOMAIN_LENGTH {
        problems.push(too_long(MAXIMUM_SUBDOMAIN_LENGTH));
    }
    if !text.split('.').all(|label| framed(label, lower, b"-")) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                    and must start and end with an alphanumeric character";
        let format = format!("{LABEL_FORMAT}(\\.{LABEL_FORMAT})*");
        problems.push(pattern_problem(rule, &format, &["example.com"]));
    }
    problems
}

/// A DNS label of RFC 1035: as of RFC 1123, but starting with a letter (names of Services).
pub fn dns_1035_label_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > MAXIMUM_LABEL_LENGTH {
        problems.push(too_long(MAXIMUM_LABEL_LENGTH));
    }
    let starts_well = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if !starts_well || !framed(text, lower, b"-") {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
                    start with an alphabetic character, and end with an alphanumeric character";
        problems.push(pattern_problem(rule, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    problems
}

/// A label key, annotation key or finalizer: a name of at most 63 bytes, after an optional DNS subdomain and a slash.
pub fn qualified_name_problems(text: &str) -> Vec<String> {
    let rule = "must consist of alphanumeric characters, '-', '_' or '.', \
                and must start and end with an alphanumeric character";
    let pattern = || pattern_problem(rule, QUALIFIED_FORMAT, &["MyName", "my.name", "123-abc"]);
    let mut problems = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a qualified name {} {optional}", pattern())];
        }
        Some(("", name)) => {
            problems.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            let prefixed = dns_subdomain_problems(prefix);
            problems.extend(prefixed.into_iter().map(|problem| format!("prefix part {problem}")));
            name
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > MAXIMUM_LABEL_LENGTH {
        problems.push(format!("name part {}", too_long(MAXIMUM_LABEL_LENGTH)));
    }
    if !is_qualified_part(name) {
        problems.push(format!("name part {}", pattern()));
    }
    problems
}

/// A label value: empty, or at most 63 bytes shaped like the name of a label key.
pub fn label_value_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > MAXIMUM_LABEL_LENGTH {
        problems.push(too_long(MAXIMUM_LABEL_LENGTH));
    }
    if !text.is_empty() && !is_qualified_part(text) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                    and must start and end with an alphanumeric character";
        let format = format!("({QUALIFIED_FORMAT})?");
        problems.push(pattern_problem(rule, &format, &["MyValue", "my_value", "12345"]));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_those_of_kubernetes() {
        assert!(qualified_name_problems("example.com/My_name.1").is_empty());
        assert!(label_value_problems("").is_empty());
        assert_eq!(
            label_value_problems("-a"),
            [
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
              start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
              for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            ]
        );
        assert_eq!(
            dns_subdomain_problems("BAD"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
              start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
              '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        assert_eq!(qualified_name_problems("/a"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name_problems("").len(), 2);
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(dns_label_problems(&"a".repeat(63)).is_empty());
        assert_eq!(dns_label_problems(&"a".repeat(64)), ["must be no more than 63 characters"]);
        assert!(dns_1035_label_problems("1a").len() == 1);
    }
}
