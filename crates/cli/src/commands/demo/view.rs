//! The live view: the tree drawn over itself on a terminal, changed lines one after another elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use runtime::clock::Clock;

use crate::commands::watched::Watched;
use crate::output;
use crate::tree::{self, Line, Mood};

/// How long changes are gathered before the next drawing: an eye sees no more.
const FRAME: Duration = Duration::from_millis(40);
/// How often a drawing in which nothing changes is renewed, so that its ages go on. It costs no request.
const AGEING: Duration = Duration::from_secs(1);
/// The narrowest terminal that is drawn for.
const NARROWEST_COLUMNS: usize = 40;

/// What was shown last, and where.
pub struct View {
    cluster: &'static str,
    terminal: Option<Term>,
    drawn_rows: usize,
    printed: Vec<String>,
    available_after: Option<Duration>,
}

impl View {
    /// A view of this cluster on standard output.
    pub fn new(cluster: &'static str) -> Self {
        let terminal = std::io::stdout().is_terminal().then(Term::buffered_stdout);
        Self { cluster, terminal, drawn_rows: 0, printed: Vec::new(), available_after: None }
    }

    /// Shows the tree as it is now.
    pub fn show(&mut self, lines: &[Line], elapsed: Duration, available: bool) {
        let became_available = available && self.available_after.is_none();
        if became_available {
            self.available_after = Some(elapsed);
        }
        match &self.terminal {
            Some(terminal) => {
                self.drawn_rows = draw(terminal, self.drawn_rows, lines, &self.heading(elapsed))
            }
            None => {
                self.print(lines, elapsed);
                if became_available {
                    output::line(self.availability(elapsed));
                }
            }
        }
    }

    /// When the Cluster was seen Available first.
    pub fn available_after(&self) -> Option<Duration> {
        self.available_after
    }

    /// Says that everything is there.
    pub fn end(&self, machines: usize, elapsed: Duration) {
        if let (Some(_), Some(available_after)) = (&self.terminal, self.available_after) {
            output::line(format_args!("\n{}", self.availability(available_after)));
        }
        output::line(format_args!(
            "all {machines} machines are Available after {:.1} s",
            elapsed.as_secs_f64()
        ));
    }

    fn availability(&self, after: Duration) -> String {
        format!("cluster {} is Available after {:.1} s", self.cluster, after.as_secs_f64())
    }

    fn heading(&self, elapsed: Duration) -> String {
        let elapsed = format!("elapsed {:.1} s", elapsed.as_secs_f64());
        match self.available_after {
            Some(after) => format!("{elapsed}; {}", self.availability(after)),
            None => elapsed,
        }
    }

    /// Returns once there is something new to show.
    pub async fn stale(&self, watched: &Watched, clock: &Clock) {
        if self.terminal.is_none() {
            return watched.changed().await;
        }
        tokio::select! {
            biased;
            () = watched.changed() => clock.sleep(FRAME).await,
            () = clock.sleep(AGEING) => {}
        }
    }

    fn print(&mut self, lines: &[Line], elapsed: Duration) {
        let now: Vec<String> = lines.iter().map(described).collect();
        for line in now.iter().filter(|line| !self.printed.contains(line)) {
            output::line(format_args!("{:7.1}s  {line}", elapsed.as_secs_f64()));
        }
        self.printed = now;
    }
}

fn described(line: &Line) -> String {
    let name = line.name.trim_start_matches(['├', '└', '─', '│', ' ']);
    let words = [name, line.version.as_str(), line.state.as_str()];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let separator = if line.message.is_empty() { "" } else { ": " };
    format!("{}{separator}{}", words.join(" "), line.message)
}

/// Draws over the rows drawn last and returns how many there are now.
///
/// A terminal that cannot be drawn on is no reason to stop: the next drawing tries again.
fn draw(terminal: &Term, drawn_rows: usize, lines: &[Line], heading: &str) -> usize {
    let (height, width) = terminal.size();
    let _ = terminal.clear_last_lines(drawn_rows);
    // What scrolled off the top cannot be drawn over: a tree that is too tall is cut.
    let rows = rows(lines, heading, usize::from(width)).into_iter().take(usize::from(height.max(3)) - 1);
    let rows: Vec<String> = rows.collect();
    for row in &rows {
        let _ = terminal.write_line(row);
    }
    let _ = terminal.flush();
    rows.len()
}

fn rows(lines: &[Line], heading: &str, width: usize) -> Vec<String> {
    let columns = width.max(NARROWEST_COLUMNS) - 1;
    let table = tree::table(lines);
    let moods = std::iter::once(None).chain(lines.iter().map(|line| Some(line.mood)));
    let mut rows = vec![String::new(), console::truncate_str(heading, columns, "…").into_owned()];
    rows.extend(table.iter().zip(moods).map(|(row, mood)| {
        let row = console::style(console::truncate_str(row, columns, "…"));
        match mood {
            None => row.bold().to_string(),
            Some(Mood::Good) => row.green().to_string(),
            Some(Mood::Waiting) => row.to_string(),
            Some(Mood::Bad) => row.red().to_string(),
        }
    }));
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn line(name: &str, message: &str) -> Line {
        Line {
            name: name.into(),
            state: "Running".into(),
            version: "v1.35.0".into(),
            since: "3s".into(),
            message: message.into(),
            mood: Mood::Waiting,
        }
    }

    #[test]
    fn a_plain_line_says_what_and_why_and_leaves_the_drawing_out() {
        assert_eq!(described(&line("│  └─ Machine/a", "waits")), "Machine/a v1.35.0 Running: waits");
        assert_eq!(described(&line("Cluster/a", "")), "Cluster/a v1.35.0 Running");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let long = "x".repeat(200);
        let rows = rows(&[line("Cluster/a", &long)], &long, 60);
        assert!(rows.iter().all(|row| console::measure_text_width(row) < 60), "{rows:?}");
    }
}
