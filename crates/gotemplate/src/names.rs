//! Names of generated objects, from a naming template.

use crate::{Error, Functions, MissingKey, Template, Value};

/// Longest name that the generator gives, in bytes: names go into labels, which hold no more.
pub const MAXIMUM_NAME_BYTES: usize = 63;
/// How much of a longer name is kept in front of its suffix, in bytes.
pub const KEPT_NAME_BYTES: usize = 58;

/// Makes a name: renders the template with `data` and, as `.random`, the given five characters. A name that comes out
/// longer than [`MAXIMUM_NAME_BYTES`] is cut and ends with `suffix_random` instead, five other characters.
///
/// The template knows no functions but Go's own, and must not use a key that is not there.
pub fn generate(template: &str, data: &Value, random: &str, suffix_random: &str) -> Result<String, Error> {
    const NAME: &str = "template name generator";
    let parsed = Template::parse(NAME, template, Functions::builtin())?.missing_key(MissingKey::Error);
    let mut entries = match data {
        Value::Map(map) => map.entries.clone(),
        _ => Default::default(),
    };
    entries.insert("random".to_owned(), Value::string(random));
    let name = parsed.render(&Value::map(entries))?;
    if name.len() <= MAXIMUM_NAME_BYTES {
        return String::from_utf8(name).map_err(|_| Error::NotText { name: NAME.to_owned() });
    }
    Ok(cut(&name, suffix_random))
}

/// Makes a name of a base, cut if need be, and five random characters.
pub fn with_suffix(base: &str, random: &str) -> String {
    cut(base.as_bytes(), random)
}

fn cut(base: &[u8], suffix: &str) -> String {
    let mut name = base.get(..KEPT_NAME_BYTES).unwrap_or(base).to_vec();
    name.extend_from_slice(suffix.as_bytes());
    // A cut inside of a character leaves no valid name whatever is done; the server will say so.
    String::from_utf8_lossy(&name).into_owned()
}

/// What the names of a topology's objects begin with: templates and bootstrap configs of a MachineDeployment or pool.
pub fn topology_prefix(cluster_name: &str, topology_name: &str) -> String {
    format!("{cluster_name}-{topology_name}-")
}

/// The data that naming templates see: `.cluster.name` and, under `owner` (as `machineDeployment`), its field.
pub fn data(cluster_name: &str, owner: Option<(&str, &str, &str)>) -> Value {
    let one = |key: &str, value: &str| Value::map([(key.to_owned(), Value::string(value))]);
    let mut entries = vec![("cluster".to_owned(), one("name", cluster_name))];
    if let Some((owner, field, name)) = owner {
        entries.push((owner.to_owned(), one(field, name)));
    }
    Value::map(entries)
}
