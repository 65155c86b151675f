//! What a machine makes of its user data: the files that cloud-init writes and the commands it runs.
//!
//! Read as cloud-init reads it: instance variables first (only where the first line asks for the template language), then
//! YAML, then each file decoded. Deliberately absent: users, disks, mounts and time servers, which leave no trace in a
//! simulation; conditions and loops of the template language; files that are compressed stay as they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// First line of user data in which instance variables stand.
const TEMPLATE_HEADER: &str = "## template: jinja";
const CLOUD_CONFIG_HEADER: &str = "#cloud-config";

/// What is left of user data after the first boot.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Booted {
    /// Content by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Commands of `runcmd`, in order.
    pub commands: Vec<String>,
}

impl Booted {
    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).and_then(|content| std::str::from_utf8(content).ok())
    }
}

#[derive(Deserialize)]
struct CloudConfig {
    #[serde(default)]
    write_files: Vec<WriteFile>,
    #[serde(default)]
    runcmd: Vec<Command>,
}

#[derive(Deserialize)]
struct WriteFile {
    path: String,
    #[serde(default)]
    encoding: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    append: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Command {
    Line(String),
    Words(Vec<String>),
}

/// Boots user data on the machine called `hostname`. The error is a sentence for people, free of the data's content:
/// user data holds keys.
pub fn boot(user_data: &[u8], hostname: &str) -> Result<Booted, String> {
    let text = std::str::from_utf8(user_data).map_err(|_| "the bootstrap data is not text".to_owned())?;
    let text = if text.lines().next().is_some_and(|line| line.trim_end() == TEMPLATE_HEADER) {
        Cow::Owned(fill_in(text, hostname))
    } else {
        Cow::Borrowed(text)
    };
    let header = text.lines().find(|line| line.trim_end() != TEMPLATE_HEADER && !line.trim().is_empty());
    if header.map(str::trim_end) != Some(CLOUD_CONFIG_HEADER) {
        return Err(
            "the bootstrap data is not a cloud-config; simulated machines understand no other format"
                .to_owned(),
        );
    }
    let config: CloudConfig = serde_saphyr::from_str(&text).map_err(|_| {
        "the bootstrap data cannot be read as cloud-config: write_files and runcmd must be lists".to_owned()
    })?;
    let mut booted = Booted::default();
    for file in config.write_files {
        let content = decode(&file)?;
        let target = booted.files.entry(file.path).or_default();
        if !file.append {
            target.clear();
        }
        target.extend(content);
    }
    booted.commands = config
        .runcmd
        .into_iter()
        .map(|command| match command {
            Command::Line(line) => line,
            Command::Words(words) => words.join(" "),
        })
        .collect();
    Ok(booted)
}

fn decode(file: &WriteFile) -> Result<Vec<u8>, String> {
    match file.encoding.as_str() {
        "base64" | "b64" => {
            let compact: String =
                file.content.chars().filter(|character| !character.is_whitespace()).collect();
            STANDARD.decode(compact).map_err(|_| format!("the content of file {} is not base64", file.path))
        }
        _ => Ok(file.content.clone().into_bytes()),
    }
}

/// Replaces `{{ variable }}`. A variable that the machine does not have becomes cloud-init's mark for it.
fn fill_in(text: &str, hostname: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            filled.push_str("{{");
            rest = after;
            continue;
        };
        filled.push_str(&variable(name.trim(), hostname));
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

fn variable<'a>(name: &str, hostname: &'a str) -> Cow<'a, str> {
    let plain = name.replace(['[', ']', '"', '\''], ".").replace('-', "_");
    let last = plain.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    match last {
        "hostname" | "local_hostname" | "instance_id" => Cow::Borrowed(hostname),
        _ => Cow::Owned(format!("CI_MISSING_JINJA_VAR/{name}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_are_read() {
        let data = "## template: jinja\n#cloud-config\n\nwrite_files:\n-   path: /a\n    content: |\n      name: '{{ ds.meta_data.hostname }}' {{ x }}\n\
                    -   path: /b\n    encoding: \"base64\"\n    content: |\n      aGVs\n      bG8=\n-   path: /a\n    append: true\n    content: more\n\
                    runcmd:\n  - \"echo 1\"\n  - [sh, -c, two]\n";
        let booted = boot(data.as_bytes(), "m1").unwrap();
        assert_eq!(booted.text("/a"), Some("name: 'm1' CI_MISSING_JINJA_VAR/x\nmore"));
        assert_eq!(booted.text("/b"), Some("hello"));
        assert_eq!(booted.commands, ["echo 1", "sh -c two"]);
    }

    #[test]
    fn variables_are_filled_in_only_where_the_first_line_asks() {
        let booted =
            boot(b"#cloud-config\nwrite_files:\n- path: /a\n  content: '{{ hostname }}'\n", "m").unwrap();
        assert_eq!(booted.text("/a"), Some("{{ hostname }}"));
        assert_eq!(variable("ds.meta_data[\"local-hostname\"]", "m"), "m");
    }

    #[test]
    fn other_formats_are_refused_without_showing_them() {
        for data in ["{\"ignition\":{}}", "#!/bin/sh\nsecret", "#cloud-config\nwrite_files: secret", ""] {
            let error = boot(data.as_bytes(), "m").unwrap_err();
            assert!(!error.contains("secret") && error.contains("bootstrap data"), "{error}");
        }
    }
}
