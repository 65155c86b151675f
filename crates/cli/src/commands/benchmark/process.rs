//! What this process has used so far.

use std::time::Duration;

/// CPU time of all threads, user and system.
pub fn cpu() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanoseconds)
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// Resident memory in bytes, where the operating system tells (Linux).
pub fn resident_bytes() -> Option<u64> {
    parse_resident(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(
            parse_resident("Name:\twindlass\nVmRSS:\t   12345 kB\nRssAnon:\t1 kB\n"),
            Some(12_641_280)
        );
        assert_eq!(parse_resident("Name:\twindlass\n"), None);
    }

    #[cfg(unix)]
    #[test]
    fn cpu_time_only_grows() {
        let before = cpu();
        assert!(cpu() >= before);
        assert!(before > Duration::ZERO);
    }
}
