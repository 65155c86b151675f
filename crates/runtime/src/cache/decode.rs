//! Reading an object as little as possible.
//!
//! Most versions that arrive by watch are known already, since the answer to our own write was merged before. So first
//! only the header of an object is read, and the whole of it where that turns out to be news. The managed fields, about
//! half of an object, are cut out of the text before it is decoded.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The end of the initial events of a streaming list.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// One line of a watch.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    #[serde(borrow)]
    pub r#type: Cow<'a, str>,
    #[serde(borrow)]
    pub object: &'a RawValue,
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub metadata: PageHeader,
    #[serde(borrow, default)]
    pub items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageHeader {
    pub resource_version: String,
    #[serde(rename = "continue")]
    pub continue_token: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    metadata: Header<'a>,
}

/// What the cache has to know of an object before it decodes it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Header<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub namespace: Cow<'a, str>,
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
    deletion_timestamp: Option<IgnoredAny>,
    deletion_grace_period_seconds: Option<i64>,
    finalizers: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    managed_fields: Option<&'a RawValue>,
}

impl<'a> Header<'a> {
    /// Reads the header of the object that `text` holds.
    pub fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        Ok(serde_json::from_str::<Envelope<'a>>(text)?.metadata)
    }

    /// The version as a number. Versions of one server grow; they are compared, never computed with.
    pub fn version(&self) -> u64 {
        self.resource_version.parse().unwrap_or_default()
    }

    /// Whether the object has the label `name`, whatever its value.
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.is_some_and(|raw| {
            serde_json::from_str::<BTreeMap<Cow<'_, str>, IgnoredAny>>(raw.get())
                .is_ok_and(|labels| labels.contains_key(name))
        })
    }

    /// Whether deletion was asked for.
    pub fn is_being_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether the write that answered this removed the last reason to keep the object. Grace of zero says that nothing
    /// but finalizers held it.
    pub fn is_finalized(&self) -> bool {
        self.deletion_timestamp.is_some()
            && self.deletion_grace_period_seconds == Some(0)
            && self.finalizers.as_ref().is_none_or(Vec::is_empty)
    }

    /// Whether this is the bookmark that ends the initial events.
    pub fn ends_initial_events(&self) -> bool {
        self.annotations.is_some_and(|raw| {
            serde_json::from_str::<BTreeMap<Cow<'_, str>, Cow<'_, str>>>(raw.get()).is_ok_and(|annotations| {
                annotations.get(INITIAL_EVENTS_END).is_some_and(|value| value == "true")
            })
        })
    }

    /// `text`, the object that this header was read from, with `null` in the place of its managed fields.
    pub fn without_managed_fields(&self, text: &'a str) -> Cow<'a, str> {
        let Some(raw) = self.managed_fields else {
            return Cow::Borrowed(text);
        };
        // The raw value borrows from the text, so its distance from the start is its position.
        let start = (raw.get().as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let (Some(before), Some(after)) = (text.get(..start), text.get(start + raw.get().len()..)) else {
            return Cow::Borrowed(text);
        };
        let mut short = String::with_capacity(before.len() + 4 + after.len());
        short.push_str(before);
        short.push_str("null");
        short.push_str(after);
        Cow::Owned(short)
    }

    /// What the managers that `keep` names own by apply.
    pub(super) fn applied(&self, keep: fn(&str) -> bool) -> Box<[Applied]> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry<'a> {
            #[serde(borrow, default)]
            manager: Cow<'a, str>,
            #[serde(borrow, default)]
            operation: Cow<'a, str>,
            #[serde(borrow, default)]
            subresource: Cow<'a, str>,
            #[serde(borrow, default)]
            api_version: Cow<'a, str>,
            #[serde(borrow, rename = "fieldsV1")]
            fields: Option<&'a RawValue>,
        }
        let Some(raw) = self.managed_fields else {
            return Box::default();
        };
        let entries: Vec<Entry<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
        entries
            .into_iter()
            .filter(|entry| entry.operation == "Apply" && keep(&entry.manager))
            .filter_map(|entry| {
                Some(Applied {
                    manager: entry.manager.into(),
                    subresource: entry.subresource.into(),
                    api_version: entry.api_version.into(),
                    fields: entry.fields?.get().into(),
                })
            })
            .collect()
    }
}

/// One manager's entry of the managed fields, its field set left encoded: it is read only when an apply has to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    pub manager: Box<str>,
    pub subresource: Box<str>,
    pub api_version: Box<str>,
    pub fields: Box<str>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","uid":"u",
        "resourceVersion":"12","labels":{"x":"y"},"managedFields":[
        {"manager":"m","operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{}}},
        {"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{}}}]},
        "data":{"k":"v"}}"#;

    #[test]
    fn managed_fields_are_cut_out_and_kept_aside() {
        let header = Header::read(OBJECT).unwrap();
        assert_eq!((header.version(), header.has_label("x"), header.has_label("y")), (12, true, false));
        let value: serde_json::Value = serde_json::from_str(&header.without_managed_fields(OBJECT)).unwrap();
        assert_eq!(value["metadata"]["managedFields"], serde_json::Value::Null);
        assert_eq!(value["data"]["k"], "v");
        let applied = header.applied(|_| true);
        assert_eq!(applied.len(), 1);
        assert_eq!(&*applied[0].fields, r#"{"f:data":{}}"#);
        assert!(header.applied(|manager| manager == "other").is_empty());
    }

    #[test]
    fn the_last_finalizer_is_told_from_a_grace_period() {
        let finalized = |text: &str| Header::read(text).unwrap().is_finalized();
        let time = "2026-01-01T00:00:00Z";
        for (rest, expected) in [
            (r#""deletionGracePeriodSeconds":0"#, true),
            (r#""deletionGracePeriodSeconds":0,"finalizers":["a"]"#, false),
            (r#""deletionGracePeriodSeconds":30"#, false),
            (r#""generation":1"#, false),
        ] {
            let text = format!(r#"{{"metadata":{{"deletionTimestamp":"{time}",{rest}}}}}"#);
            assert_eq!(finalized(&text), expected, "{rest}");
        }
    }
}
