//! The live view: the tree drawn over itself on a terminal, changed lines one after another elsewhere.
//!
//! On a terminal too narrow for what is waited for beside everything else, that stands below its line.

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
/// The same for one in which nothing is under way: whoever reads what stands above it, or copies from there, is not disturbed.
const AGEING_AT_REST: Duration = Duration::from_secs(60);
/// The narrowest terminal that is drawn for.
const NARROWEST_COLUMNS: usize = 40;
/// How much room the last column must have to stand beside the others.
const MESSAGE_COLUMNS: usize = 36;

/// What was shown last, and where.
pub struct View {
    cluster: &'static str,
    terminal: Option<Term>,
    drawn_widths: Vec<usize>,
    printed: Printed,
    available_after: Option<Duration>,
    goes_on: bool,
}

impl View {
    /// A view of this cluster on standard output.
    pub fn new(cluster: &'static str) -> Self {
        let terminal = std::io::stdout().is_terminal().then(Term::buffered_stdout);
        Self {
            cluster,
            terminal,
            drawn_widths: Vec::new(),
            printed: Printed::new(),
            available_after: None,
            goes_on: false,
        }
    }

    /// Shows the tree as it is now.
    pub fn show(&mut self, lines: &[Line], elapsed: Duration, available: bool) {
        let became_available = available && self.available_after.is_none();
        if became_available {
            self.available_after = Some(elapsed);
        }
        match &self.terminal {
            Some(terminal) => {
                let heading = if lines.is_empty() { self.is_gone() } else { self.heading(elapsed) };
                self.drawn_widths = draw(terminal, &self.drawn_widths, lines, &heading)
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

    /// From here on it shows, below what stands there by now, what becomes of the cluster.
    pub fn go_on(&mut self) {
        (self.goes_on, self.drawn_widths) = (true, Vec::new());
    }

    fn availability(&self, after: Duration) -> String {
        format!("cluster {} is Available after {:.1} s", self.cluster, after.as_secs_f64())
    }

    fn is_gone(&self) -> String {
        format!("cluster {} is gone", self.cluster)
    }

    fn heading(&self, elapsed: Duration) -> String {
        if self.goes_on {
            return format!("cluster {}, live:", self.cluster);
        }
        let elapsed = format!("elapsed {:.1} s", elapsed.as_secs_f64());
        match self.available_after {
            Some(after) => format!("{elapsed}; {}", self.availability(after)),
            None => elapsed,
        }
    }

    /// Returns once there is something new to show.
    pub async fn stale(&self, watched: &Watched, clock: &Clock, at_rest: bool) {
        if self.terminal.is_none() {
            return watched.changed().await;
        }
        tokio::select! {
            biased;
            () = watched.changed() => clock.sleep(FRAME).await,
            () = clock.sleep(if at_rest { AGEING_AT_REST } else { AGEING }) => {}
        }
    }

    fn print(&mut self, lines: &[Line], elapsed: Duration) {
        let now: Printed = lines.iter().map(|line| (bare_name(line).to_owned(), described(line))).collect();
        for news in news(&self.printed, &now) {
            output::line(format_args!("{:7.1}s  {news}", elapsed.as_secs_f64()));
        }
        self.printed = now;
    }
}

/// What was printed last of each object, by its name, in the order of the tree.
type Printed = Vec<(String, String)>;

/// What is new since: changed lines, and what is no longer there.
fn news(before: &Printed, now: &Printed) -> Vec<String> {
    let changed = now.iter().filter(|line| !before.contains(line)).map(|(_, text)| text.clone());
    let is_left = |name: &String| now.iter().any(|(left, _)| left == name);
    let gone = before.iter().filter(|(name, _)| !is_left(name)).map(|(name, _)| format!("{name} is gone"));
    changed.chain(gone).collect()
}

fn bare_name(line: &Line) -> &str {
    line.name.trim_start_matches(['├', '└', '─', '│', ' '])
}

fn described(line: &Line) -> String {
    let words = [bare_name(line), line.version.as_str(), line.state.as_str()];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let separator = if line.message.is_empty() { "" } else { ": " };
    format!("{}{separator}{}", words.join(" "), line.message)
}

/// Draws over the rows drawn last, of these widths, and returns the widths of those that are there now.
///
/// A terminal that cannot be drawn on is no reason to stop: the next drawing tries again.
fn draw(terminal: &Term, drawn_widths: &[usize], lines: &[Line], heading: &str) -> Vec<usize> {
    let (height, width) = terminal.size();
    let _ = terminal.clear_last_lines(height_of(drawn_widths, usize::from(width)));
    // What scrolled off the top cannot be drawn over: a tree that is too tall is cut.
    let rows = rows(lines, heading, usize::from(width)).into_iter().take(usize::from(height.max(3)) - 1);
    let rows: Vec<String> = rows.collect();
    for row in &rows {
        let _ = terminal.write_line(row);
    }
    let _ = terminal.flush();
    rows.iter().map(|row| console::measure_text_width(row)).collect()
}

/// How many rows of a terminal lines of these widths take: one that has become narrower has wrapped them.
fn height_of(widths: &[usize], columns: usize) -> usize {
    widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
}

fn rows(lines: &[Line], heading: &str, width: usize) -> Vec<String> {
    let columns = width.max(NARROWEST_COLUMNS) - 1;
    let cut = |text: &str| console::truncate_str(text, columns, "…").into_owned();
    let mut rows = vec![String::new(), cut(heading)];
    if lines.is_empty() {
        return rows;
    }
    let is_wide = tree::message_column(lines) + MESSAGE_COLUMNS <= columns;
    let table = if is_wide { tree::table(lines) } else { tree::narrow_table(lines, columns) };
    let mut table = table.iter();
    rows.extend(table.next().map(|header| console::style(cut(header)).bold().to_string()));
    for (row, line) in table.zip(lines) {
        rows.push(colored(&cut(row), line.mood));
        if !is_wide && !line.message.is_empty() {
            rows.push(colored(&cut(&format!("{}  {}", tree::below(&line.name), line.message)), line.mood));
        }
    }
    rows
}

fn colored(row: &str, mood: Mood) -> String {
    let row = console::style(row);
    match mood {
        Mood::Good => row.green().to_string(),
        Mood::Waiting => row.to_string(),
        Mood::Bad => row.red().to_string(),
    }
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
    fn what_changed_and_what_went_is_news() {
        let printed = |lines: &[(&str, &str)]| -> Printed {
            lines.iter().map(|(name, text)| ((*name).to_owned(), format!("{name} {text}"))).collect()
        };
        let before = printed(&[("Machine/a", "Running"), ("Machine/b", "Deleting")]);
        assert_eq!(news(&Vec::new(), &before), ["Machine/a Running", "Machine/b Deleting"]);
        let now = printed(&[("Machine/a", "Running"), ("Machine/c", "Pending")]);
        assert_eq!(news(&before, &now), ["Machine/c Pending", "Machine/b is gone"]);
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let long = "x".repeat(200);
        for width in [40, 60, 80, 120] {
            let rows =
                rows(&[line("Cluster/a", &long), line(&format!("└─ Machine/{long}"), "")], &long, width);
            assert!(rows.iter().all(|row| console::measure_text_width(row) < width), "{rows:?}");
        }
    }

    #[test]
    fn what_is_waited_for_is_legible_at_any_width() {
        let name = format!("├─ Machine/{}", "x".repeat(40));
        let lines = [line("Cluster/a", ""), line(&name, "waits for its Node")];
        let shown = |width| -> Vec<String> {
            let rows = rows(&lines, "heading", width);
            rows.iter().map(|row| console::strip_ansi_codes(row).into_owned()).collect()
        };
        let wide = shown(120);
        assert_eq!(wide.len(), 5, "{wide:?}");
        assert!(wide[4].ends_with("waits for its Node"), "{wide:?}");
        let narrow = shown(60);
        assert_eq!(narrow.len(), 6, "{narrow:?}");
        assert!(narrow[2].contains("STATE"), "{narrow:?}");
        assert!(narrow[4].ends_with("Running"), "{narrow:?}");
        assert_eq!(narrow[5], "│    waits for its Node");
        assert!(shown(40)[4].ends_with("…  Running"), "{:?}", shown(40));
    }

    #[test]
    fn a_terminal_that_became_narrower_has_wrapped_what_was_drawn() {
        assert_eq!(height_of(&[0, 79, 80], 80), 3);
        assert_eq!(height_of(&[0, 79, 80], 40), 5);
    }

    #[test]
    fn a_cluster_that_is_gone_leaves_a_sentence() {
        assert_eq!(rows(&[], "cluster demo is gone", 80), ["", "cluster demo is gone"]);
    }
}
