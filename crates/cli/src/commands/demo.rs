//! `windlass demo`: a cluster on simulated machines, from nothing, in one go.
//!
//! It is `up` in a temporary directory plus objects applied through the API; nothing here knows more than a user would.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use clap::Args;
use manager::{Data, Environment, Plane, Settings, write_private};
use runtime::client::{Call, Client, Verb};
use runtime::clock::Clock;
use runtime::key::Key;
use runtime::kind::Kind;
use serde_json::Value;

use super::{read, up};
use crate::error::CommandError;
use crate::tree::{self, Mood, Parts};

/// What is brought up.
const OBJECTS: &str = include_str!("demo.yaml");
/// Its name and namespace.
const NAME: &str = "demo";
const NAMESPACE: &str = "default";
/// How often the view is drawn anew while something happens.
const REFRESH: Duration = Duration::from_millis(100);

/// How the demonstration runs.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Stop as soon as the cluster is Available.
    #[arg(long)]
    once: bool,
    /// How many seconds the cluster may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Where the API is served. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: String,
}

/// Runs the command.
pub fn run(arguments: DemoArguments) -> Result<(), CommandError> {
    super::start_logging("error");
    let folder = tempfile::Builder::new().prefix("windlass-demo-").tempdir();
    let folder =
        folder.map_err(|error| CommandError::user(format!("cannot make a temporary directory: {error}")))?;
    let settings = Settings {
        data: Data::Directory(folder.path().join("data")),
        listen: Some(arguments.listen.clone()),
        kubeconfig: Some(folder.path().join("kubeconfig")),
        controllers: true,
    };
    super::block_on(async {
        let environment = Environment::of_this_machine().map_err(CommandError::internal)?;
        let plane = Plane::start(settings, environment).await.map_err(up::explain)?;
        let outcome = bring_up(&plane, folder.path(), &arguments).await;
        plane.stop().await.map_err(CommandError::internal)?;
        outcome
    })
}

async fn bring_up(plane: &Plane, folder: &Path, arguments: &DemoArguments) -> Result<(), CommandError> {
    let client = plane.client();
    println!("management plane: https://{}", plane.address());
    apply(client, OBJECTS).await?;
    let clock = Clock::system();
    watch_until_available(client, &clock, arguments.timeout).await?;
    let management = folder.join("kubeconfig");
    let workload = write_workload_kubeconfig(client, folder).await?;
    for line in next_steps(&management, &workload) {
        println!("{line}");
    }
    if arguments.once { Ok(()) } else { super::told_to_stop().await }
}

/// Applies every document of a YAML text, as `kubectl apply --server-side` would.
async fn apply(client: &Client, documents: &str) -> Result<(), CommandError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(documents).map_err(CommandError::internal)?;
    for document in documents.iter().filter(|document| !document.is_null()) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&document["apiVersion"]), text(&document["kind"]));
        let wanted = machinery::gvk::GroupVersionKind::from_api_version(&api_version, &kind);
        let described = client.discover(&wanted).await.map_err(CommandError::internal)?;
        let key = Key::new(NAMESPACE, &text(&document["metadata"]["name"]));
        let mut call = Call::new(Verb::Apply, &described, &key);
        call.query = &[("fieldManager", "windlass-demo")];
        call.body = document.to_string().into();
        client.call(call).await.map_err(CommandError::unmet)?;
    }
    Ok(())
}

/// Draws the tree until the Cluster is Available, or the time is over.
async fn watch_until_available(
    client: &Client,
    clock: &Clock,
    timeout_seconds: u64,
) -> Result<(), CommandError> {
    let started = clock.now();
    let mut view = View::new();
    loop {
        let parts = read::parts(client, NAMESPACE, NAME).await?;
        let elapsed = clock.since(started);
        view.show(&parts, clock, elapsed);
        if is_available(&parts) {
            println!("\ncluster {NAME} is Available after {:.1} s", elapsed.as_secs_f64());
            return Ok(());
        }
        if elapsed > Duration::from_secs(timeout_seconds) {
            return Err(CommandError::unmet(format!(
                "cluster {NAME} is not Available after {timeout_seconds} s: {}",
                why_not(&parts, clock)
            )));
        }
        tokio::select! {
            biased;
            stop = super::told_to_stop() => {
                stop?;
                return Err(CommandError::unmet(format!("stopped before cluster {NAME} was Available")));
            }
            () = clock.sleep(REFRESH) => {}
        }
    }
}

fn is_available(parts: &Parts) -> bool {
    let conditions = parts.cluster["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Available" && condition["status"] == "True")
}

fn why_not(parts: &Parts, clock: &Clock) -> String {
    let lines = tree::lines(parts, clock.now());
    let waiting = lines.iter().find(|line| line.mood != Mood::Good && !line.message.is_empty());
    waiting
        .map(|line| format!("{}: {}", line.name.trim(), line.message))
        .unwrap_or_else(|| "no reason reported".into())
}

/// The live view: the tree drawn over itself on a terminal, changed lines one after another elsewhere.
struct View {
    terminal: Option<console::Term>,
    drawn_lines: usize,
    printed: Vec<String>,
}

impl View {
    fn new() -> Self {
        let terminal = std::io::stdout().is_terminal().then(console::Term::stdout);
        Self { terminal, drawn_lines: 0, printed: Vec::new() }
    }

    fn show(&mut self, parts: &Parts, clock: &Clock, elapsed: Duration) {
        let lines = tree::lines(parts, clock.now());
        match self.terminal.take() {
            Some(terminal) => {
                self.draw(&terminal, &lines, elapsed);
                self.terminal = Some(terminal);
            }
            None => self.print(&lines, elapsed),
        }
    }

    /// A terminal that cannot be drawn on is no reason to stop: the next drawing tries again.
    fn draw(&mut self, terminal: &console::Term, lines: &[tree::Line], elapsed: Duration) {
        let width = usize::from(terminal.size().1).max(40);
        let _ = terminal.clear_last_lines(self.drawn_lines);
        let mut rows = vec![String::new(), format!("elapsed {:.1} s", elapsed.as_secs_f64())];
        rows.extend(tree::table(lines).iter().enumerate().map(|(index, row)| {
            let row = console::truncate_str(row, width - 1, "…");
            let mood = index.checked_sub(1).and_then(|index| lines.get(index)).map(|line| line.mood);
            match mood {
                Some(Mood::Good) => console::style(row).green().to_string(),
                Some(Mood::Bad) => console::style(row).red().to_string(),
                Some(Mood::Waiting) => row.into_owned(),
                None => console::style(row).bold().to_string(),
            }
        }));
        self.drawn_lines = rows.len();
        for row in rows {
            let _ = terminal.write_line(&row);
        }
    }

    fn print(&mut self, lines: &[tree::Line], elapsed: Duration) {
        let described = |line: &tree::Line| {
            let message = if line.message.is_empty() { String::new() } else { format!(": {}", line.message) };
            format!(
                "{} {} {}{message}",
                line.name.trim_start_matches(['├', '└', '─', '│', ' ']),
                line.version,
                line.state
            )
        };
        let now: Vec<String> = lines.iter().map(described).collect();
        for line in now.iter().filter(|line| !self.printed.contains(line)) {
            println!("{:7.1}s  {line}", elapsed.as_secs_f64());
        }
        self.printed = now;
    }
}

/// Puts the workload cluster's kubeconfig, from its Secret, beside the management plane's.
async fn write_workload_kubeconfig(client: &Client, folder: &Path) -> Result<PathBuf, CommandError> {
    let secrets = Kind::new("", "v1", "Secret", "secrets");
    let name = format!("{NAME}-kubeconfig");
    let secret = read::get(client, &secrets, NAMESPACE, &name).await.map_err(CommandError::internal)?;
    let encoded = secret.as_ref().and_then(|secret| secret["data"]["value"].as_str()).unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
    let content = decoded.ok().filter(|content| !content.is_empty());
    let content =
        content.ok_or_else(|| CommandError::internal(format!("Secret {name} holds no kubeconfig")))?;
    let path = folder.join(format!("{NAME}.kubeconfig"));
    write_private(&path, &content)
        .map_err(|error| CommandError::user(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// What to try next: every command works when pasted.
fn next_steps(management: &Path, workload: &Path) -> Vec<String> {
    let (management, workload) = (management.display(), workload.display());
    vec![
        String::new(),
        "Reach the management plane, and the cluster itself:".into(),
        format!("  export KUBECONFIG={management}"),
        "  kubectl get cluster,kubeadmcontrolplane,machinedeployment,machine".into(),
        format!("  kubectl --kubeconfig {workload} get nodes"),
        format!("  kubectl --kubeconfig {workload} get pods -A"),
        "Scale it:".into(),
        "  kubectl scale machinedeployment/demo-workers --replicas=5".into(),
        "  kubectl scale kubeadmcontrolplane/demo-control-plane --replicas=5".into(),
        "Upgrade it, the control plane first, then the workers:".into(),
        "  kubectl patch kubeadmcontrolplane/demo-control-plane --type=merge -p '{\"spec\":{\"version\":\"v1.36.0\"}}'".into(),
        "  kubectl wait --for=condition=RollingOut=False kubeadmcontrolplane/demo-control-plane --timeout=120s".into(),
        "  kubectl patch machinedeployment/demo-workers --type=merge -p '{\"spec\":{\"template\":{\"spec\":{\"version\":\"v1.36.0\"}}}}'".into(),
        "See what it is doing, and why:".into(),
        format!("  windlass describe cluster demo --kubeconfig {management}"),
        "Delete it:".into(),
        "  kubectl delete cluster/demo".into(),
        String::new(),
        "Ctrl-C stops the management plane and takes everything with it.".into(),
    ]
}
