//! How a test runs the binary: in an empty environment, without the network, with no terminal.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// A port of this machine without a listener.
pub(crate) const CLOSED_PORT: &str = "127.0.0.1:1";

/// A `PATH` whose first folder has a `yc` that behaves as `FAKE_YC` says.
pub(crate) const FAKES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fakes:/usr/bin:/bin");

/// One run of the binary.
pub(crate) struct Run {
    pub(crate) command: Command,
    stdin: Vec<u8>,
    secrets: Vec<String>,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with these arguments.
pub(crate) fn yc_auth<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yc-auth"));
    command.args(arguments).env_clear().env("YC_METADATA_ADDR", CLOSED_PORT);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Run { command, stdin: Vec::new(), secrets: Vec::new() }
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets a variable to a secret, which must not appear on standard error or in a diagnosis.
    pub(crate) fn secret(self, name: &str, value: &str) -> Self {
        self.env(name, value).hides(value)
    }

    /// Declares a value that must not appear on standard error or in a diagnosis.
    pub(crate) fn hides(mut self, value: &str) -> Self {
        let value = value.trim();
        if value.len() > 4 {
            self.secrets.push(value.to_owned());
        }
        self
    }

    pub(crate) fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self.command.stdin(Stdio::piped());
        self
    }

    /// Runs the binary to its end.
    pub(crate) fn done(mut self) -> Outcome {
        let mut child = self.command.spawn().unwrap();
        if let Some(mut stdin) = child.stdin.take() {
            // The binary need not read all of its input.
            let _ = stdin.write_all(&self.stdin);
        }
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let outcome = Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        let diagnosis = self.command.get_args().next() == Some(OsStr::new("doctor"));
        for secret in &self.secrets {
            assert!(!outcome.stderr.contains(secret), "standard error has a secret: {outcome:?}");
            assert!(
                !diagnosis || !outcome.stdout.contains(secret),
                "the diagnosis has a secret: {outcome:?}"
            );
        }
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
        outcome
    }
}

impl Outcome {
    /// Standard output of a run that succeeded and wrote nothing to standard error.
    #[track_caller]
    pub(crate) fn output(&self) -> &str {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self:?}");
        &self.stdout
    }

    /// Standard output as one line of JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard error of a run that failed with this status and wrote nothing to standard output.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32) -> &str {
        assert_eq!((self.status, self.stdout.as_str()), (status, ""), "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        &self.stderr
    }
}

/// Checks each case, eight at a time: a run that waits for a service costs no processor.
pub(crate) fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases.into_iter().collect::<Vec<_>>());
    let next = || cases.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(case) = next() {
                    check(case);
                }
            });
        }
    });
}

/// The keys of a JSON object, in the order of its text.
#[track_caller]
pub(crate) fn keys(object: &Value, text: &str) -> Vec<String> {
    let mut keys: Vec<String> = object.as_object().expect("an object").keys().cloned().collect();
    keys.sort_by_key(|key| text.find(&format!("\"{key}\":")));
    keys
}

/// The folder of one test, removed when dropped.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A path below a folder that was removed: another program may make a path of a fixed name.
pub(crate) fn missing(name: &str) -> String {
    let folder = Folder::new();
    folder.path.join(name).to_str().unwrap().to_owned()
}

/// `@` and a path: a file as the value of `--auth`.
pub(crate) fn at(path: &Path) -> String {
    format!("@{}", path.display())
}
