//! What every kind has in common, and the macro that declares one.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A namespaced kind of one of our groups, known at compile time.
pub trait Kind:
    kube_core::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + Default
    + PartialEq
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// API group, for example `cluster.x-k8s.io`.
    const GROUP: &'static str;
    /// API version within the group, for example `v1beta2`.
    const VERSION: &'static str;
    /// Kind in upper camel case, for example `MachineSet`.
    const KIND: &'static str;
    /// Plural name as it stands in URLs, for example `machinesets`.
    const PLURAL: &'static str;
    /// `GROUP/VERSION`, as it stands in `apiVersion` and in owner references.
    const API_VERSION: &'static str;
    /// What the kind is for, in a sentence or two.
    const DESCRIPTION: &'static str;

    /// The OpenAPI schema of the whole object, structural and without references.
    fn schema() -> serde_json::Value;

    /// Reads an object, as its `Deserialize` does: that code is long, and compiled here once for all who read the kind.
    ///
    /// # Errors
    /// When the text is not JSON or not of this kind.
    fn from_json(text: &str) -> Result<Self, serde_json::Error>;

    /// Writes the object, as its `Serialize` does: compiled here once. Types of ours can always be written.
    fn to_json(&self) -> serde_json::Value;
}

/// A kind that reports conditions in its status.
pub trait Conditioned: Kind {
    /// The conditions last reported.
    fn conditions(&self) -> &[Condition];

    /// The conditions, to be changed.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;

    /// The condition of the given type.
    fn condition(&self, condition_type: &str) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == condition_type)
    }

    /// Whether the condition of the given type is present and `True`.
    fn condition_is_true(&self, condition_type: &str) -> bool {
        self.condition(condition_type).is_some_and(|condition| condition.status == "True")
    }
}

/// Whether a value says nothing: such a value is left out when an object is written.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Declares a kind: the struct with `metadata`, `spec` and (where given) `status`, its serialization with `apiVersion`
/// and `kind`, [`kube_core::Resource`] and [`Kind`]. A kind with a status of the form `status: conditions Type` also
/// implements [`Conditioned`].
macro_rules! kind {
    (
        $(#[doc = $doc:literal])+
        $name:ident in $group:literal as $plural:literal {
            spec: $spec:ty $(,)?
        }
    ) => {
        $crate::kind::kind!(@object [$($doc)+] $name $group $plural $spec;);
    };
    (
        $(#[doc = $doc:literal])+
        $name:ident in $group:literal as $plural:literal {
            spec: $spec:ty,
            status: conditions $status:ty $(,)?
        }
    ) => {
        $crate::kind::kind!(@object [$($doc)+] $name $group $plural $spec; $status);
        impl $crate::Conditioned for $name {
            fn conditions(&self) -> &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition] {
                &self.status.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
                &mut self.status.conditions
            }
        }
    };
    (
        $(#[doc = $doc:literal])+
        $name:ident in $group:literal as $plural:literal {
            spec: $spec:ty,
            status: $status:ty $(,)?
        }
    ) => {
        $crate::kind::kind!(@object [$($doc)+] $name $group $plural $spec; $status);
    };
    (@object [$($doc:literal)+] $name:ident $group:literal $plural:literal $spec:ty; $($status:ty)?) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        pub struct $name {
            /// Name, namespace, labels, owners and the like.
            #[serde(default)]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What is wanted.
            #[serde(default)]
            pub spec: $spec,
            $(
                /// What was last observed.
                #[serde(default)]
                pub status: $status,
            )?
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct as _;
                let mut object = serializer.serialize_struct(stringify!($name), 5)?;
                object.serialize_field("apiVersion", <Self as $crate::Kind>::API_VERSION)?;
                object.serialize_field("kind", <Self as $crate::Kind>::KIND)?;
                object.serialize_field("metadata", &self.metadata)?;
                if !$crate::is_default(&self.spec) {
                    object.serialize_field("spec", &self.spec)?;
                }
                $(
                    if !$crate::is_default::<$status>(&self.status) {
                        object.serialize_field("status", &self.status)?;
                    }
                )?
                object.end()
            }
        }

        impl kube_core::Resource for $name {
            type DynamicType = ();
            type Scope = k8s_openapi::NamespaceResourceScope;

            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                stringify!($name).into()
            }
            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }
            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                $crate::VERSION.into()
            }
            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }

        impl $crate::Kind for $name {
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $crate::VERSION;
            const KIND: &'static str = stringify!($name);
            const PLURAL: &'static str = $plural;
            const API_VERSION: &'static str = concat!($group, "/v1beta2");
            const DESCRIPTION: &'static str = concat!($($doc),+);

            fn schema() -> serde_json::Value {
                #[allow(unused_mut, unused_assignments)]
                let mut status = None;
                $( status = Some($crate::schema::of::<$status>()); )?
                $crate::schema::object($crate::schema::of::<$spec>(), status)
            }

            fn from_json(text: &str) -> Result<Self, serde_json::Error> {
                serde_json::from_str(text)
            }

            fn to_json(&self) -> serde_json::Value {
                serde_json::to_value(self).unwrap_or_default()
            }
        }
    };
}
pub(crate) use kind;
