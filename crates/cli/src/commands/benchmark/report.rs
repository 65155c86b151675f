//! What was measured, as one table: a column for each number of clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use runtime::client::{CallCount, Verb};

/// The number of clusters that others are compared with, where it was measured.
const COMPARED_WITH: usize = 10;
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// What stands where nothing was measured.
const NOTHING: &str = "-";

/// Everything about one number of clusters.
#[derive(Debug, Default, Clone)]
pub struct Measured {
    /// How many clusters were asked for.
    pub clusters: usize,
    /// From the start of the plane until it answers.
    pub started: Duration,
    /// From the first request to the last Cluster seen Available.
    pub wall: Duration,
    /// From the first request to the answer to the last one.
    pub all_accepted: Duration,
    /// From a Cluster accepted to the same Cluster seen Available, shortest first. As many as were Available.
    pub latencies: Vec<Duration>,
    /// CPU of the whole process, from the first request to the last Cluster Available.
    pub cpu: Duration,
    /// What controllers asked the management API for meanwhile.
    pub requests: Requests,
    /// Resident memory before the first cluster, in bytes.
    pub memory_before: Option<u64>,
    /// Resident memory once quiet, in bytes.
    pub memory_after: Option<u64>,
    /// From the last Cluster Available until quiet.
    pub quiet_after: Option<Duration>,
    /// At rest.
    pub rest: Option<Rest>,
    /// How long stopping took.
    pub stopped: Duration,
    /// From the second start until the plane answers.
    pub ready_again: Duration,
    /// From the second start until quiet.
    pub quiet_again: Option<Duration>,
    /// CPU of the second start, until quiet was certain.
    pub restart_cpu: Duration,
}

/// What a plane does while nobody asks it for anything.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    /// CPU of the whole process.
    pub cpu: Duration,
    /// Requests of controllers to the management API.
    pub requests: u64,
    /// How long was watched.
    pub duration: Duration,
}

/// Requests of controllers to the management API.
#[derive(Debug, Default, Clone)]
pub struct Requests {
    /// By verb.
    pub verbs: BTreeMap<&'static str, u64>,
    /// By verb and resource, as `apply machines/status`.
    pub each: BTreeMap<String, u64>,
    /// Those that ended in an error.
    pub failures: u64,
    /// Those of them that were conflicts.
    pub conflicts: u64,
}

impl Requests {
    /// What came to `later` since `earlier`.
    pub fn between(
        earlier: &BTreeMap<(&'static str, String), CallCount>,
        later: &BTreeMap<(&'static str, String), CallCount>,
    ) -> Self {
        let mut requests = Self::default();
        for (key, count) in later {
            let before = earlier.get(key);
            let since = |of: fn(&CallCount) -> u64| of(count).saturating_sub(before.map_or(0, of));
            let calls = since(|count| count.calls);
            *requests.verbs.entry(count.verb).or_default() += calls;
            if calls > 0 {
                requests.each.insert(format!("{} {}", count.verb, without_group(&count.resource)), calls);
            }
            requests.failures += since(|count| count.failures);
            requests.conflicts += since(|count| count.conflicts);
        }
        requests
    }

    fn total(&self) -> u64 {
        self.verbs.values().sum()
    }
}

/// `machines/status` of `machines.cluster.x-k8s.io/status`.
fn without_group(resource: &str) -> String {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let plural = resource.split('.').next().unwrap_or(resource);
    if subresource.is_empty() { plural.to_owned() } else { format!("{plural}/{subresource}") }
}

impl Measured {
    /// How many clusters were Available.
    pub fn available(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that `percent` of all clusters stayed within (nearest rank).
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies.get(rank - 1).copied()
    }

    fn per_cluster(&self, amount: f64) -> f64 {
        // Exact for every number of clusters that fits a machine.
        amount / self.clusters.max(1) as f64
    }

    fn memory_per_cluster(&self) -> Option<f64> {
        let grown = self.memory_after? as f64 - self.memory_before? as f64;
        Some(self.per_cluster(grown / MEBIBYTE))
    }
}

/// The table and what follows from it.
pub fn lines(measured: &[Measured]) -> Vec<String> {
    let mut rows = vec![row("clusters", measured, |one| one.clusters.to_string())];
    rows.extend(creation(measured));
    rows.extend(requests(measured));
    rows.extend(standing(measured));
    let mut lines = aligned(&rows);
    lines.extend(ratios(measured));
    lines.extend(each_request(measured));
    lines
}

/// Requests per cluster by verb and resource; those that are rare are left out.
fn each_request(measured: &[Measured]) -> Vec<String> {
    let share = |one: &Measured, name: &str| {
        one.per_cluster(one.requests.each.get(name).copied().unwrap_or_default() as f64)
    };
    let names: BTreeSet<&String> = measured.iter().flat_map(|one| one.requests.each.keys()).collect();
    let rows: Vec<Row> = names
        .into_iter()
        .filter(|name| measured.iter().any(|one| share(one, name) >= 0.05))
        .map(|name| row(name, measured, |one| format!("{:.1}", share(one, name))))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "requests per cluster, by verb and resource".to_owned()];
    lines.extend(aligned(&rows));
    lines
}

type Row = Vec<String>;

fn row(name: &str, measured: &[Measured], cell: impl Fn(&Measured) -> String) -> Row {
    std::iter::once(name.to_owned()).chain(measured.iter().map(cell)).collect()
}

fn creation(measured: &[Measured]) -> Vec<Row> {
    let seconds = |of: fn(&Measured) -> Duration| move |one: &Measured| fixed(of(one).as_secs_f64());
    let maybe = |of: fn(&Measured) -> Option<Duration>| move |one: &Measured| optional_seconds(of(one));
    vec![
        row("Available", measured, |one| one.available().to_string()),
        row("plane ready after (s)", measured, seconds(|one| one.started)),
        row("all objects accepted after (s)", measured, seconds(|one| one.all_accepted)),
        row("wall, first request to last Available (s)", measured, seconds(|one| one.wall)),
        row("accepted to Available, fastest (s)", measured, maybe(|one| one.latencies.first().copied())),
        row("accepted to Available, p50 (s)", measured, maybe(|one| one.percentile(50))),
        row("accepted to Available, p99 (s)", measured, maybe(|one| one.percentile(99))),
        row("CPU per cluster (s)", measured, |one| fixed(one.per_cluster(one.cpu.as_secs_f64()))),
        row("quiet after the last Available (s)", measured, maybe(|one| one.quiet_after)),
    ]
}

fn requests(measured: &[Measured]) -> Vec<Row> {
    let average = |one: &Measured, count: u64| format!("{:.1}", one.per_cluster(count as f64));
    let mut rows = vec![row("requests per cluster", measured, |one| average(one, one.requests.total()))];
    for verb in Verb::ALL.map(Verb::name) {
        let count = |one: &Measured| one.requests.verbs.get(verb).copied().unwrap_or_default();
        if measured.iter().any(|one| count(one) > 0) {
            rows.push(row(&format!("  {verb}"), measured, |one| average(one, count(one))));
        }
    }
    rows.push(row("  of these failed", measured, |one| average(one, one.requests.failures)));
    rows.push(row("  of these conflicts", measured, |one| average(one, one.requests.conflicts)));
    rows
}

fn standing(measured: &[Measured]) -> Vec<Row> {
    let memory = |bytes: Option<u64>| optional(bytes.map(|bytes| bytes as f64 / MEBIBYTE));
    let rest = |of: fn(&Rest) -> f64| move |one: &Measured| optional(one.rest.as_ref().map(of));
    vec![
        row("memory before (MiB)", measured, |one| memory(one.memory_before)),
        row("memory after (MiB)", measured, |one| memory(one.memory_after)),
        row("memory per cluster (MiB)", measured, |one| optional(one.memory_per_cluster())),
        row(
            "at rest, milli-CPU",
            measured,
            rest(|rest| 1_000.0 * rest.cpu.as_secs_f64() / rest.duration.as_secs_f64()),
        ),
        row(
            "at rest, requests a minute",
            measured,
            rest(|rest| 60.0 * rest.requests as f64 / rest.duration.as_secs_f64()),
        ),
        row("stopped after (s)", measured, |one| fixed(one.stopped.as_secs_f64())),
        row("restart to ready (s)", measured, |one| fixed(one.ready_again.as_secs_f64())),
        row("restart to quiet (s)", measured, |one| optional_seconds(one.quiet_again)),
        row("restart, CPU (s)", measured, |one| fixed(one.restart_cpu.as_secs_f64())),
    ]
}

/// How the cost of one cluster grows with their number.
fn ratios(measured: &[Measured]) -> Vec<String> {
    let Some(base) = measured.iter().find(|one| one.clusters == COMPARED_WITH).or(measured.first()) else {
        return Vec::new();
    };
    if measured.len() < 2 {
        return Vec::new();
    }
    let ratio = |of: &dyn Fn(&Measured) -> Option<f64>, one: &Measured| match (of(one), of(base)) {
        (Some(amount), Some(base)) if base > 0.0 => format!("{:.2}", amount / base),
        _ => NOTHING.to_owned(),
    };
    let cpu = |one: &Measured| Some(one.per_cluster(one.cpu.as_secs_f64()));
    let wall = |one: &Measured| Some(one.per_cluster(one.wall.as_secs_f64()));
    let asked = |one: &Measured| Some(one.per_cluster(one.requests.total() as f64));
    let rows = [
        row("clusters", measured, |one| one.clusters.to_string()),
        row("wall", measured, |one| ratio(&wall, one)),
        row("CPU", measured, |one| ratio(&cpu, one)),
        row("requests", measured, |one| ratio(&asked, one)),
        row("memory", measured, |one| ratio(&Measured::memory_per_cluster, one)),
    ];
    let mut lines = vec![String::new(), format!("per cluster, as a multiple of {} clusters", base.clusters)];
    lines.extend(aligned(&rows));
    lines
}

fn fixed(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.3}") } else { format!("{seconds:.1}") }
}

fn optional(amount: Option<f64>) -> String {
    amount.map_or_else(|| NOTHING.to_owned(), |amount| format!("{amount:.1}"))
}

fn optional_seconds(duration: Option<Duration>) -> String {
    duration.map_or_else(|| NOTHING.to_owned(), |duration| fixed(duration.as_secs_f64()))
}

/// The first column to the left, numbers to the right.
fn aligned(rows: &[Row]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            });
            cells.collect::<String>().trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn measured(clusters: usize, cpu_seconds: u64) -> Measured {
        let seconds = |number: usize| Duration::from_secs(u64::try_from(number).unwrap());
        Measured {
            clusters,
            latencies: (1..=clusters).map(seconds).collect(),
            cpu: Duration::from_secs(cpu_seconds),
            memory_before: Some(50 << 20),
            memory_after: Some((50 + 2 * u64::try_from(clusters).unwrap()) << 20),
            rest: Some(Rest {
                cpu: Duration::from_millis(600),
                requests: 30,
                duration: Duration::from_secs(60),
            }),
            ..Measured::default()
        }
    }

    fn cells<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().collect()
    }

    #[test]
    fn each_number_has_its_column() {
        let lines = lines(&[measured(10, 10), measured(100, 150)]);
        assert_eq!(cells(&lines, "accepted to Available, p50 (s)"), ["5.000", "50.0"]);
        assert_eq!(cells(&lines, "accepted to Available, p99 (s)"), ["10.0", "99.0"]);
        assert_eq!(cells(&lines, "CPU per cluster (s)"), ["1.000", "1.500"]);
        assert_eq!(cells(&lines, "memory per cluster (MiB)"), ["2.0", "2.0"]);
        assert_eq!(cells(&lines, "at rest, milli-CPU"), ["10.0", "10.0"]);
        assert_eq!(cells(&lines, "at rest, requests a minute"), ["30.0", "30.0"]);
    }

    #[test]
    fn ratios_are_those_of_one_cluster() {
        let lines = lines(&[measured(1, 9), measured(10, 10), measured(100, 150)]);
        let lines = &lines[lines.iter().position(|line| line.starts_with("per cluster")).unwrap()..];
        assert!(lines[0].contains("multiple of 10 clusters"));
        assert_eq!(cells(lines, "CPU"), ["9.00", "1.00", "1.50"]);
    }

    #[test]
    fn nothing_measured_is_a_dash() {
        let lines = lines(&[Measured { clusters: 3, ..Measured::default() }]);
        assert_eq!(cells(&lines, "accepted to Available, p50 (s)"), [NOTHING]);
        assert_eq!(cells(&lines, "restart to quiet (s)"), [NOTHING]);
        assert!(!lines.iter().any(|line| line.starts_with("per cluster")));
    }

    #[test]
    fn requests_are_those_in_between() {
        let count = |calls, conflicts| CallCount {
            verb: "apply",
            resource: "machines".into(),
            calls,
            failures: conflicts,
            conflicts,
            duration: Duration::ZERO,
        };
        let at =
            |calls, conflicts| BTreeMap::from([(("apply", "machines".to_owned()), count(calls, conflicts))]);
        let between = Requests::between(&at(5, 1), &at(12, 3));
        assert_eq!((between.total(), between.conflicts), (7, 2));
        assert_eq!(Requests::between(&BTreeMap::new(), &at(5, 1)).total(), 5);
    }
}
