//! Media types: what a client wants to read, and what it sends.

use machinery::status::{Status, StatusDetails};

use crate::Refused;

/// How an answer is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/yaml`.
    Yaml,
}

impl Encoding {
    /// The media type that names it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
        }
    }
}

/// Into what objects are turned before they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transform {
    /// Objects as they are.
    #[default]
    None,
    /// Rows of a table.
    Table,
    /// Kind, apiVersion and metadata alone.
    Partial,
}

/// The outcome of reading an `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Output {
    /// How it is written.
    pub encoding: Encoding,
    /// What is written.
    pub transform: Transform,
    /// The client named the list form of the partial objects.
    pub list_form: bool,
    /// `v1` or `v1beta1` of the transformed kinds.
    pub transform_beta: bool,
}

/// One entry of an `Accept` header.
struct Clause<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality_thousandths: u32,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let mut parameters = Vec::new();
        let mut quality_thousandths = 1000;
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            if name.trim() == "q" {
                let quality: f64 = value.trim().parse().unwrap_or(1.0);
                quality_thousandths = (quality.clamp(0.0, 1.0) * 1000.0) as u32;
            } else {
                parameters.push((name.trim(), value.trim().trim_matches('"')));
            }
        }
        Self { media_type, parameters, quality_thousandths }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn encoding(&self) -> Option<Encoding> {
        match self.media_type {
            "*/*" | "" => Some(Encoding::Json),
            text if text.eq_ignore_ascii_case("application/json") => Some(Encoding::Json),
            text if text.eq_ignore_ascii_case("application/yaml") => Some(Encoding::Yaml),
            _ => None,
        }
    }
}

fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<_> =
        accept.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Clause::parse).collect();
    clauses.sort_by_key(|clause| std::cmp::Reverse(clause.quality_thousandths));
    clauses
}

/// Media types this server writes, for the 406 message. Protobuf is named as by every Kubernetes API, so that clients
/// that print the list print what they are used to.
const WRITTEN: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// Chooses an answer form for objects. `list` tells whether the answer is a list (whose partial form is named
/// `PartialObjectMetadataList`).
pub fn output(accept: Option<&str>) -> Result<Output, Refused> {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return Ok(Output::default()) };
    for clause in clauses(accept) {
        let Some(encoding) = clause.encoding() else { continue };
        let group = clause.parameter("g");
        let version = clause.parameter("v");
        let transform = match clause.parameter("as") {
            None => Transform::None,
            Some(_) if group != Some("meta.k8s.io") => continue,
            Some("Table") => Transform::Table,
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if version == Some("v1") => {
                Transform::Partial
            }
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if version == Some("v1beta1") => {
                Transform::Partial
            }
            Some(_) => continue,
        };
        if transform == Transform::Table && !matches!(version, Some("v1" | "v1beta1")) {
            continue;
        }
        let list_form = clause.parameter("as") == Some("PartialObjectMetadataList");
        return Ok(Output { encoding, transform, list_form, transform_beta: version == Some("v1beta1") });
    }
    if clauses(accept).iter().any(|clause| clause.encoding().is_some()) {
        // The encoding would do, but there is no such form.
        let known = WRITTEN.join(", ");
        let text = format!("only the following media types are accepted: {known}");
        return Err(Status::failure(406, "NotAcceptable", text).into());
    }
    Err(Status::not_acceptable(&WRITTEN).with_details(StatusDetails::default()).into())
}

/// Whether the client accepts aggregated discovery, and in which version.
pub fn aggregated_discovery(accept: Option<&str>) -> Option<&'static str> {
    for clause in clauses(accept?) {
        if clause.encoding().is_none() {
            continue;
        }
        match (clause.parameter("as"), clause.parameter("g"), clause.parameter("v")) {
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => return Some("v2"),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2beta1")) => {
                return Some("v2beta1");
            }
            (None, _, _) => return None,
            _ => {}
        }
    }
    None
}

/// Reads the content type of a body that holds an object.
pub fn input(content_type: Option<&str>) -> Result<Encoding, Refused> {
    let Some(content_type) = content_type else { return Ok(Encoding::Json) };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.is_empty() || media_type.eq_ignore_ascii_case("application/json") {
        return Ok(Encoding::Json);
    }
    if media_type.eq_ignore_ascii_case("application/yaml") {
        return Ok(Encoding::Yaml);
    }
    Err(unsupported(&WRITTEN).into())
}

fn unsupported(accepted: &[&str]) -> Status {
    let accepted = accepted.join(", ");
    Status::unsupported_media_type(format!(
        "the body of the request was in an unknown format - accepted media types include: {accepted}"
    ))
}

/// What a PATCH body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Merge that knows lists by their keys (built-in kinds only).
    Strategic,
    /// Server-side apply.
    Apply,
}

/// Reads the content type of a patch.
pub fn patch_type(content_type: Option<&str>, custom: bool) -> Result<PatchType, Refused> {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media_type {
        "application/json-patch+json" => Ok(PatchType::Json),
        "application/merge-patch+json" => Ok(PatchType::Merge),
        "application/apply-patch+yaml" => Ok(PatchType::Apply),
        "application/strategic-merge-patch+json" if !custom => Ok(PatchType::Strategic),
        _ if custom => {
            let known = [
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+cbor",
                "application/apply-patch+yaml",
            ];
            Err(unsupported(&known).into())
        }
        _ => Err(Status::unsupported_media_type("415: Unsupported Media Type").into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn accept_headers_choose_an_answer() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(output(Some(table)).unwrap().transform, Transform::Table);
        let falls_back = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,\
                          application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
        assert_eq!(output(Some(falls_back)).unwrap().transform, Transform::Partial);
        assert_eq!(
            output(Some("application/json;q=0.1,application/yaml;q=0.5")).unwrap().encoding,
            Encoding::Yaml
        );
        assert!(output(Some("text/html")).is_err());
        assert!(output(Some("application/*")).is_err());
        assert_eq!(output(None).unwrap(), Output::default());
    }

    #[test]
    fn aggregated_discovery_prefers_what_comes_first() {
        let both = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        assert_eq!(aggregated_discovery(Some(both)), Some("v2"));
        assert_eq!(aggregated_discovery(Some("application/json")), None);
    }
}
