//! Durations in messages.

/// A whole number of seconds as Go prints a duration: `0s`, `45s`, `10m0s`, `1h0m0s`.
pub fn go_duration(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn durations_read_like_gos() {
        let shown = [0, 45, 60, 600, 3600, 5025, -61].map(go_duration);
        assert_eq!(shown, ["0s", "45s", "1m0s", "10m0s", "1h0m0s", "1h23m45s", "-1m1s"]);
    }
}
