//! How slowly a machine comes up, as its specification says.

use std::time::Duration;

use api::infrastructure::{CommonProvisioningSettings, InMemoryMachineBackendSpec};

/// One delay: at least `duration`, made longer by up to `jitter` times itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Delay {
    /// The least.
    pub duration: Duration,
    /// The share that chance may add.
    pub jitter: f64,
}

/// The delays of all parts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Settings {
    /// Of the virtual machine.
    pub vm: Delay,
    /// Of the node.
    pub node: Delay,
    /// Of the etcd member.
    pub etcd: Delay,
    /// Of the API server.
    pub api_server: Delay,
}

/// Reads the specification. The error names field and value.
pub fn read(spec: &InMemoryMachineBackendSpec) -> Result<Settings, String> {
    let part = |name: &str, settings: Option<&CommonProvisioningSettings>| match settings {
        Some(settings) => delay(name, settings),
        None => Ok(Delay::default()),
    };
    Ok(Settings {
        vm: part("vm", spec.vm.as_ref().map(|part| &part.provisioning))?,
        node: part("node", spec.node.as_ref().map(|part| &part.provisioning))?,
        etcd: part("etcd", spec.etcd.as_ref().map(|part| &part.provisioning))?,
        api_server: part("apiServer", spec.api_server.as_ref().map(|part| &part.provisioning))?,
    })
}

fn delay(part: &str, settings: &CommonProvisioningSettings) -> Result<Delay, String> {
    let field = |name: &str| format!("spec.backend.inMemory.{part}.provisioning.{name}");
    let duration = duration(&settings.startup_duration).ok_or_else(|| {
        format!(
            "{}: {:?} is not a duration such as 10s or 1m30s",
            field("startupDuration"),
            settings.startup_duration
        )
    })?;
    let text = settings.startup_jitter.as_deref().unwrap_or_default();
    let jitter = if text.is_empty() { Ok(0.0) } else { text.parse::<f64>() };
    match jitter {
        Ok(jitter) if jitter.is_finite() => Ok(Delay { duration, jitter: jitter.max(0.0) }),
        _ => Err(format!("{}: {text:?} is not a number such as 0.2", field("startupJitter"))),
    }
}

/// A duration as Go writes it: numbers with units, `1h2m3.5s`. Negative ones count as zero; empty text too.
fn duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut seconds = 0.0;
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let behind = rest.get(digits..)?;
        let letters = behind
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(behind.len());
        seconds += number * unit_seconds(behind.get(..letters)?)?;
        rest = behind.get(letters..)?;
    }
    Duration::try_from_secs_f64(if negative { 0.0 } else { seconds }).ok()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "h" => Some(3600.0),
        "m" => Some(60.0),
        "s" => Some(1.0),
        "ms" => Some(1e-3),
        "us" | "µs" | "μs" => Some(1e-6),
        "ns" => Some(1e-9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        for (text, milliseconds) in [
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("0", 0),
            ("0s", 0),
            ("", 0),
            ("-5s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["10", "s", "1x", "1s 2s", "."] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let settings = |duration: &str, jitter: &str| CommonProvisioningSettings {
            startup_duration: duration.to_owned(),
            startup_jitter: Some(jitter.to_owned()),
        };
        let error = delay("vm", &settings("soon", "0")).err().unwrap_or_default();
        assert!(error.contains("vm.provisioning.startupDuration") && error.contains("soon"), "{error}");
        let error = delay("etcd", &settings("1s", "much")).err().unwrap_or_default();
        assert!(error.contains("etcd.provisioning.startupJitter"), "{error}");
        assert_eq!(
            delay("vm", &settings("1s", "0.2")),
            Ok(Delay { duration: Duration::from_secs(1), jitter: 0.2 })
        );
    }
}
