//! What create, update, patch and apply have in common: from a drafted object to a committed one.

use std::sync::LazyLock;

use bytes::Bytes;
use machinery::apply::{Writer, reset_fields, track_update};
use machinery::schema::{Schema, UNCHECKED_RULES, blocks_rules};
use machinery::status::{FieldError, FieldErrorKind, Status};
use serde_json::{Value, json};
use store::{Change, CommitError, Entry, Precondition};

use crate::admission::Operation;
use crate::exchange::Exchange;
use crate::kinds::strategy::Effect;
use crate::kinds::{ScalePaths, definition};
use crate::object::{self, Encoded};
use crate::request::WriteOptions;
use crate::{Refused, metadata, namespaces};

/// Who records which fields the writer owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Fields that differ become the manager's.
    Track,
    /// Apply has written the record already.
    Recorded,
}

/// Which part of an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything but the status (or everything, where the kind has no status of its own).
    Main,
    /// The status.
    Status,
    /// How many, through the scale.
    Scale,
}

impl Part {
    /// The subresource that writes it.
    pub fn subresource(self) -> Option<&'static str> {
        match self {
            Self::Main => None,
            Self::Status => Some("status"),
            Self::Scale => Some("scale"),
        }
    }
}

/// A written object.
pub struct Saved {
    /// As answered: in the version asked for.
    pub bytes: Bytes,
    /// Whether it came into being.
    pub created: bool,
}

/// How one try to write ended.
pub enum Attempt {
    /// It is done.
    Done(Saved),
    /// Somebody else was faster: look again and draft anew.
    Lost,
}

/// A commit that failed for no fault of the client's.
pub fn broken(error: &CommitError) -> Refused {
    match error {
        // Nothing was written, and the same request may succeed later.
        CommitError::NoRoom { .. } => Status::failure(507, "InsufficientStorage", error.to_string()).into(),
        _ => Status::internal(error).into(),
    }
}

/// Stores a new object that was drafted from a body.
pub async fn insert(
    exchange: &mut Exchange,
    mut value: Value,
    options: &WriteOptions,
    ownership: Ownership,
) -> Result<Saved, Refused> {
    let resource = exchange.resource.clone();
    let kind = resource.kind.clone();
    let named = begin(exchange, &mut value)?;
    if !kind.custom() {
        (kind.strategy.refuse)(&value)?;
    }
    let reader = exchange.server.reader();
    let request = exchange.admission(Operation::Create, &named, None, options.dry_run, &reader);
    exchange.server.admission().mutate(&request, &mut value)?;
    (kind.strategy.default)(&mut value);
    if resource.version().status {
        value.as_object_mut().map(|map| map.remove("status"));
    }
    metadata::tidy(&mut value);
    if ownership == Ownership::Track {
        track(exchange, None, &mut value, options.field_manager.as_deref(), Part::Main);
    }
    namespaces::check_create(exchange, object::name(&value))?;
    if kind.terminating {
        let name = object::name(&value).to_owned();
        return Err(
            exchange.forbidden(&name, "create not allowed while custom resource definition is terminating")
        );
    }
    complete_new(exchange, &mut value);
    judge(exchange, &value, None)?;
    let name = object::name(&value).to_owned();
    let request = exchange.admission(Operation::Create, &name, None, options.dry_run, &reader);
    let warnings = exchange.server.admission().validate(&request, &value)?;
    exchange.warnings.extend(warnings);
    commit_new(exchange, &value, options.dry_run).await
}

/// Gives a new object its name, namespace and what else the server decides.
fn begin(exchange: &mut Exchange, value: &mut Value) -> Result<String, Refused> {
    metadata::drop_double_owners(value, &mut exchange.warnings);
    namespaces::settle(exchange, value)?;
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        object::set_meta(value, name, Value::Null);
    }
    if !object::meta_text(value, "resourceVersion").is_empty() {
        return Err(Status::plain_error("resourceVersion should not be set on objects to be created").into());
    }
    let generate = object::meta_text(value, "generateName").to_owned();
    if object::name(value).is_empty() && !generate.is_empty() {
        // Five characters are added, and the whole may have 63.
        let base: String = generate.chars().take(58).collect();
        object::set_meta(value, "name", format!("{base}{}", exchange.server.identifiers().suffix()));
    }
    Ok(object::name(value).to_owned())
}

fn complete_new(exchange: &Exchange, value: &mut Value) {
    let kind = &exchange.resource.kind;
    object::set_meta(value, "uid", exchange.server.identifiers().uid());
    object::set_meta(value, "creationTimestamp", crate::time_text(exchange.server.now()));
    if kind.strategy.counts_generations {
        object::set_meta(value, "generation", 1);
    }
    (kind.strategy.complete)(value, None);
}

/// Everything that is wrong with the object, as one answer.
fn judge(exchange: &mut Exchange, value: &Value, old: Option<&Value>) -> Result<(), Refused> {
    let resource = exchange.resource.clone();
    let kind = &resource.kind;
    let mut errors = match old {
        None => metadata::validate(kind, value, exchange.namespace()),
        Some(old) => {
            let mut errors = metadata::immutable(old, value);
            // What did not change was accepted once: rules that came later must not lock anybody out.
            if old.get("metadata") != value.get("metadata") {
                let found = metadata::validate(kind, value, exchange.namespace());
                // Built-in kinds look at metadata several times over, and say so each time.
                errors.extend(found.into_iter().flat_map(|error| {
                    let times = if kind.custom() { 1 } else { repeated(&error.path) };
                    std::iter::repeat_n(error, times)
                }));
            }
            errors
        }
    };
    if kind.custom() {
        errors.extend(machinery::schema::validate(resource.version().schema(), value, old));
        add_unchecked(resource.version().schema(), &mut errors);
        check_replicas(resource.version().scale.as_ref(), value, &mut errors);
    }
    errors.extend((kind.strategy.validate)(value, old));
    exchange.warnings.extend(metadata::warnings(kind, value, old));
    refuse_invalid(exchange, object::name(value), &errors)
}

/// How often an update of a built-in object tells about a mistake in its metadata.
fn repeated(path: &str) -> usize {
    match path {
        "metadata.labels" | "metadata.annotations" => 4,
        path if path.starts_with("metadata.ownerReferences") => 4,
        _ => 1,
    }
}

/// The number that the scale subresource shows must be one that it can show.
fn check_replicas(scale: Option<&ScalePaths>, value: &Value, errors: &mut Vec<FieldError>) {
    let Some(scale) = scale else { return };
    let found = scale.spec_replicas.iter().try_fold(value, |value, member| value.get(member));
    let Some(found) = found.filter(|found| !found.is_null()) else { return };
    let path = format!(".{}", scale.spec_replicas.join("."));
    let detail = match found.as_i64() {
        None => "should be a whole number",
        Some(number) if number < 0 => "should be a non-negative integer",
        Some(number) if number > i64::from(i32::MAX) => "should be less than or equal to 2147483647",
        Some(_) => return,
    };
    errors.push(FieldError::invalid(path, found.clone(), detail));
}

/// Rules are not looked at where the structure is wrong: the client is told.
fn add_unchecked(schema: &Schema, errors: &mut Vec<FieldError>) {
    if blocks_rules(errors) && schema.has_validations() {
        errors.push(FieldError::new("<nil>", FieldErrorKind::Invalid, Some(Value::Null), UNCHECKED_RULES));
    }
}

/// 422 about the object, where there is anything to say.
pub fn refuse_invalid(exchange: &Exchange, name: &str, errors: &[FieldError]) -> Result<(), Refused> {
    if errors.is_empty() {
        return Ok(());
    }
    let kind = &exchange.resource.kind;
    Err(Status::invalid(&kind.group, &kind.kind, name, errors).into())
}

/// What a new built-in object is compared with: its plain structures are there, but empty.
static BARE: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "metadata": {},
        "spec": {"strategy": {}, "updateStrategy": {}, "template": {"metadata": {}, "spec": {}}, "names": {}},
        "status": {},
        "source": {},
    })
});

/// Records who owns what changed.
fn track(exchange: &Exchange, old: Option<&Value>, new: &mut Value, manager: Option<&str>, part: Part) {
    let resource = &exchange.resource;
    let api_version = resource.api_version();
    let subresource = part.subresource();
    let writer = Writer {
        manager: exchange.manager(manager),
        api_version: &api_version,
        subresource,
        reset_fields: reset_fields(subresource, resource.version().status),
        now: exchange.server.now(),
    };
    let old = old.or_else(|| (!resource.kind.custom()).then_some(&*BARE));
    track_update(resource.version().schema(), old, new, &writer);
}

async fn commit_new(exchange: &mut Exchange, value: &Value, dry_run: bool) -> Result<Saved, Refused> {
    let kind = exchange.resource.kind.clone();
    let name = object::name(value).to_owned();
    let key = kind.key(exchange.namespace(), &name);
    let exists = || Refused::from(Status::already_exists(&kind.group, &kind.plural, &name));
    if dry_run {
        if exchange.server.store().get(&key).is_some() {
            return Err(exists());
        }
        return Ok(Saved { bytes: Encoded::new(value).without_version(), created: true });
    }
    let encoded = exchange.encode_for_store(value);
    let put = move |revision| Change::Put(encoded.with_version(revision));
    let committed = match exchange.server.store().commit(&key, Precondition::Absent, put).await {
        Ok(committed) => committed,
        Err(CommitError::Conflict { .. }) => return Err(exists()),
        Err(error) => return Err(broken(&error)),
    };
    let bytes = exchange.outgoing(committed.value, committed.revision);
    after(exchange, &name).await;
    Ok(Saved { bytes, created: true })
}

/// One try to replace a stored object by a drafted one.
pub struct Replacement<'a> {
    /// What is stored.
    pub entry: &'a Entry,
    /// The same as a tree, in the version asked for.
    pub old: Value,
    /// The draft.
    pub new: Value,
    /// Which part of it is meant.
    pub part: Part,
    /// Who records ownership.
    pub ownership: Ownership,
}

/// Tries to replace a stored object.
pub async fn replace(
    exchange: &mut Exchange,
    replacement: Replacement<'_>,
    options: &WriteOptions,
) -> Result<Attempt, Refused> {
    let Replacement { entry, old, mut new, part, ownership } = replacement;
    let resource = exchange.resource.clone();
    let kind = resource.kind.clone();
    let name = object::name(&old).to_owned();
    metadata::keep_server_owned(&old, &mut new);
    metadata::drop_double_owners(&mut new, &mut exchange.warnings);
    separate(exchange, &old, &mut new, part);
    let reader = exchange.server.reader();
    let request = exchange.admission(Operation::Update, &name, Some(&old), options.dry_run, &reader);
    exchange.server.admission().mutate(&request, &mut new)?;
    (kind.strategy.default)(&mut new);
    metadata::tidy(&mut new);
    object::set_meta(&mut new, "resourceVersion", entry.modified.to_string());
    if ownership == Ownership::Track {
        track(exchange, Some(&old), &mut new, options.field_manager.as_deref(), part);
        if part == Part::Status && kind.custom() {
            keep_metadata(&old, &mut new);
        }
    }
    (kind.strategy.complete)(&mut new, Some(&old));
    count_generation(exchange, &old, &mut new, part);
    judge(exchange, &new, Some(&old))?;
    let request = exchange.admission(Operation::Update, &name, Some(&old), options.dry_run, &reader);
    let warnings = exchange.server.admission().validate(&request, &new)?;
    exchange.warnings.extend(warnings);
    if object::deleting(&new) && object::finalizers(&new).is_empty() && !lives_on(&new) {
        return finish_deletion(exchange, entry, &old, &new, options.dry_run).await;
    }
    metadata::keep_times(&old, &mut new);
    // An object stored in another version is rewritten even where it reads the same.
    if new == old && resource.is_stored_version_of(&entry.value) {
        return Ok(Attempt::Done(Saved {
            bytes: exchange.outgoing(entry.value.clone(), entry.modified),
            created: false,
        }));
    }
    if options.dry_run {
        let bytes = Encoded::new(&new).with_version(entry.modified);
        return Ok(Attempt::Done(Saved { bytes, created: false }));
    }
    commit_over(exchange, entry, &new, &name).await
}

/// Whether something besides finalizers of the metadata holds an object: a namespace has finalizers of its own.
pub fn lives_on(value: &Value) -> bool {
    let finalizers = value.pointer("/spec/finalizers").and_then(Value::as_array);
    keeps_namespace(value) && finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

/// Whether the object is a namespace.
pub fn keeps_namespace(value: &Value) -> bool {
    value.get("kind").and_then(Value::as_str) == Some("Namespace")
        && value.get("apiVersion").and_then(Value::as_str) == Some("v1")
}

async fn commit_over(
    exchange: &mut Exchange,
    entry: &Entry,
    new: &Value,
    name: &str,
) -> Result<Attempt, Refused> {
    let encoded = exchange.encode_for_store(new);
    let put = move |revision| Change::Put(encoded.with_version(revision));
    match exchange.server.store().commit(&entry.key, Precondition::Revision(entry.modified), put).await {
        Ok(committed) => {
            let bytes = exchange.outgoing(committed.value, committed.revision);
            after(exchange, name).await;
            Ok(Attempt::Done(Saved { bytes, created: false }))
        }
        Err(CommitError::Conflict { .. }) => Ok(Attempt::Lost),
        Err(error) => Err(broken(&error)),
    }
}

/// The last finalizer is gone: so is the object. Watchers are told its last stored state.
async fn finish_deletion(
    exchange: &mut Exchange,
    entry: &Entry,
    old: &Value,
    new: &Value,
    dry_run: bool,
) -> Result<Attempt, Refused> {
    let bytes = Encoded::new(new).with_version(entry.modified);
    if !dry_run {
        let encoded = exchange.encode_for_store(old);
        let gone = move |revision| Change::Delete { last: encoded.with_version(revision) };
        match exchange.server.store().commit(&entry.key, Precondition::Revision(entry.modified), gone).await {
            Ok(_) => after(exchange, object::name(old)).await,
            Err(CommitError::Conflict { .. }) => return Ok(Attempt::Lost),
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(Attempt::Done(Saved { bytes, created: false }))
}

/// Leaves in the draft only what the part written may change.
fn separate(exchange: &Exchange, old: &Value, new: &mut Value, part: Part) {
    let resource = &exchange.resource;
    match part {
        Part::Main | Part::Scale if resource.version().status => object::copy_member(old, new, "status"),
        Part::Main | Part::Scale => {}
        Part::Status if resource.kind.custom() => {
            let members: Vec<String> =
                new.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
            let stored = old.as_object().into_iter().flatten().map(|(name, _)| name.clone());
            for name in members.into_iter().chain(stored) {
                if !matches!(name.as_str(), "status" | "metadata" | "apiVersion" | "kind") {
                    object::copy_member(old, new, &name);
                }
            }
            keep_metadata(old, new);
        }
        Part::Status => object::copy_member(old, new, "spec"),
    }
}

/// A custom resource's status is written without its metadata, except for the record of owners.
fn keep_metadata(old: &Value, new: &mut Value) {
    let managed = new.pointer("/metadata/managedFields").cloned();
    object::copy_member(old, new, "metadata");
    object::set_meta(new, "managedFields", managed.unwrap_or(Value::Null));
}

/// The generation counts changes of what is wanted: not of metadata, and not of the status where that is apart.
fn count_generation(exchange: &Exchange, old: &Value, new: &mut Value, part: Part) {
    let resource = &exchange.resource;
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64);
    if !resource.kind.strategy.counts_generations {
        return;
    }
    let before = before.unwrap_or(0);
    let counted = |name: &str| match name {
        "metadata" | "apiVersion" | "kind" => false,
        "status" => resource.kind.custom() && !resource.version().status,
        _ => true,
    };
    let empty = serde_json::Map::new();
    let (left, right) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let changed = part != Part::Status
        && left
            .keys()
            .chain(right.keys())
            .filter(|name| counted(name))
            .any(|name| left.get(name) != right.get(name));
    object::set_meta(new, "generation", if changed { before + 1 } else { before });
}

/// 409 or 422 about the resource version that an update names.
pub fn check_version(exchange: &Exchange, entry: &Entry, new: &Value) -> Result<bool, Refused> {
    let name = exchange.name()?.to_owned();
    let given = object::meta_text(new, "resourceVersion");
    if given.is_empty() || given == "0" {
        if exchange.resource.kind.strategy.unconditional_update {
            return Ok(false);
        }
        let detail = "must be specified for an update";
        let error = FieldError::new(
            "metadata.resourceVersion",
            FieldErrorKind::Invalid,
            Some(Value::from(0)),
            detail,
        );
        let kind = &exchange.resource.kind;
        return Err(Status::invalid(&kind.group, &kind.plural, &name, &[error]).into());
    }
    if given == entry.modified.to_string() { Ok(true) } else { Err(exchange.stale(&name)) }
}

/// 500 about a resource version that is no number.
pub fn check_number(value: &Value) -> Result<(), Refused> {
    let given = object::meta_text(value, "resourceVersion");
    if given.is_empty() || given.parse::<u64>().is_ok() {
        return Ok(());
    }
    Err(Status::plain_error(format!(
        "strconv.ParseUint: parsing {}: invalid syntax",
        machinery::status::quote(given)
    ))
    .into())
}

/// What a write brings about besides.
pub async fn after(exchange: &Exchange, name: &str) {
    let kind = &exchange.resource.kind;
    if kind.strategy.effect == Effect::Definition {
        definition::changed(&exchange.server, name).await;
    } else if kind.terminating
        && let Some(definition) = &kind.definition
    {
        definition::instance_gone(&exchange.server, definition).await;
    }
}
