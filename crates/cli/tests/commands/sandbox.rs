//! Running the binary: apart from the machine's own configuration, and never for longer than patience lasts.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

/// How long anything may take before it is taken for stuck. Generous: other work may run on the machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A home of its own for the processes of one test.
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    /// A path inside; nothing is made there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file inside.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What temporary files there are.
    pub fn temporary_files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// A command that knows no home but this one.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        for variable in ["KUBECONFIG", "XDG_DATA_HOME", "WINDLASS_LOG"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Starts windlass.
    pub fn start(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_windlass"));
        command.args(arguments);
        Running::start(command)
    }

    /// Runs windlass to its end.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
        self.start(arguments).finish()
    }

    /// Starts a plane and waits until it is ready.
    pub fn up(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Up {
        let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
        let mut running = self.start(std::iter::once("up".into()).chain(arguments));
        let ready = running.line_with("windlass is ready at ");
        let (_, rest) = ready.split_once("https://").unwrap();
        let (address, rest) = rest.split_once(" (kubeconfig: ").unwrap();
        let kubeconfig = PathBuf::from(rest.strip_suffix(')').unwrap());
        Up { address: address.to_owned(), kubeconfig, running }
    }
}

/// A plane that is ready.
pub struct Up {
    pub running: Running,
    pub address: String,
    pub kubeconfig: PathBuf,
}

/// A process that is killed when patience is over, or when the test is.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    seen: String,
    stderr: Option<JoinHandle<String>>,
    // Dropping it calls the watchdog off.
    watchdog: Option<mpsc::Sender<()>>,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Nothing where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let (watchdog, called_off) = mpsc::channel();
        let id = child.id();
        thread::spawn(move || {
            if called_off.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                signal("KILL", id);
            }
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, seen: String::new(), stderr: Some(stderr), watchdog: Some(watchdog) }
    }

    /// The next line on standard output; nothing at its end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        self.seen.push_str(&line);
        Some(line.trim_end().to_owned())
    }

    /// The next line on standard output that contains `text`.
    pub fn line_with(&mut self, text: &str) -> String {
        loop {
            match self.line() {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => {
                    let stderr = self.stderr.take().unwrap().join().unwrap();
                    panic!("it ended without a line with {text:?}\n{}\n{stderr}", self.seen);
                }
            }
        }
    }

    pub fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    pub fn interrupt(&self) {
        signal("INT", self.child.id());
    }

    /// Ends it at once, without a chance to tidy up.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Finished {
        while self.line().is_some() {}
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let code = self.child.wait().unwrap().code();
        self.watchdog = None;
        Finished { code, stdout: std::mem::take(&mut self.seen), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.watchdog.take().is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn signal(name: &str, id: u32) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().unwrap();
    assert!(sent.success(), "kill -{name} {id}");
}

/// The folder of the project.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
