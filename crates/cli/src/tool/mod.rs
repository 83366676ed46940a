//! What the command remembers of the tool that runs it: its last answer, and its last failure.
//!
//! A tool rarely says that a server refused the last token. Some tools run their command again only then: for these,
//! `--on-repeat=renew` takes a repeated call of the same tool process for a refusal. And a tool that runs a failing command
//! several times in a row gets the first failure again, for ten seconds.
//!
//! The memory is beside the shared tokens, without a secret. Without that folder nothing is remembered.

mod process;

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IsTerminal;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use yandex_cloud_auth::System;
use yandex_cloud_auth::system::{CacheFolder, CacheStore};

use self::process::ToolProcess;
use crate::arguments::{AuthOptions, variables};
use crate::failure::Failure;
use crate::shared_cache;

/// How long a failure is told again to the tool that got it.
const FAILURE_LASTS: Duration = Duration::from_secs(10);

/// An older answer is no token that the tool still has: IAM tokens live for 12 h at most.
const ANSWER_LASTS: Duration = Duration::from_secs(12 * 3600);

/// How many renewals in a row come at once, and the longest pause between later ones. A server that refuses every token
/// must not cause a request to IAM for each of them.
const BURST: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After so much time a repeat is the first one again.
const SERIES_ENDS: Duration = Duration::from_secs(600);

/// The memory of one tool process, for one command line.
pub(crate) struct ToolMemory {
    store: CacheFolder,
    name: String,
}

/// The last answer.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Answer {
    /// When the last token was printed, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// How many renewals there were in a row, and when the last one was.
    renewals: u32,
    renewed_ms: u64,
}

/// The last failure.
#[derive(Serialize, Deserialize)]
struct RecordedFailure {
    at_ms: u64,
    status: u8,
    text: String,
}

impl ToolMemory {
    /// The memory of the tool that runs this command; `None` where the tool is not known, or the cache is off.
    pub(crate) fn of_caller(options: &AuthOptions) -> Option<Self> {
        if options.no_cache {
            return None;
        }
        let store = shared_cache::named_folder(options.cache_dir.as_deref(), &System::real()).ok()??;
        let name = name(&process::caller()?);
        Some(Self { store, name })
    }

    /// The failure that this tool got a moment ago.
    pub(crate) fn recent_failure(&self) -> Option<Failure> {
        let record: RecordedFailure = self.read(".hook")?;
        let age = Duration::from_millis(now_ms().checked_sub(record.at_ms)?);
        (age < FAILURE_LASTS).then_some(Failure::Remembered { status: record.status, text: record.text })
    }

    /// Remembers a failure. Its text is masked, as on standard error.
    pub(crate) fn record_failure(&self, failure: &Failure) {
        if !failure.is_worth_remembering() {
            return;
        }
        let record = RecordedFailure { at_ms: now_ms(), status: failure.status(), text: failure.text() };
        self.write(".hook", &record);
    }

    /// Whether this call repeats one that was answered, and a renewal is due.
    pub(crate) fn is_repeat(&self) -> bool {
        let (now, answer) = (now_ms(), self.answer());
        let Some(age) = answer.and_then(|answer| now.checked_sub(answer.at_ms)) else { return false };
        let Answer { renewals, renewed_ms, .. } = self.series(now);
        let since_renewal = Duration::from_millis(now.saturating_sub(renewed_ms));
        Duration::from_millis(age) < ANSWER_LASTS && (renewals < BURST || since_renewal >= pause(renewals))
    }

    /// Remembers that a token was printed whole, and whether it was renewed for a repeat.
    pub(crate) fn record_answer(&self, is_renewed: bool) {
        let now = now_ms();
        let Answer { renewals, renewed_ms, .. } = self.series(now);
        let answer = match is_renewed {
            true => Answer { at_ms: now, renewals: renewals.saturating_add(1), renewed_ms: now },
            false => Answer { at_ms: now, renewals, renewed_ms },
        };
        self.write(".answer", &answer);
    }

    fn remove_old(&self) {
        let now = now_ms();
        for name in self.store.names().unwrap_or_default() {
            let lasts = match name.rsplit_once('.') {
                Some((_, "hook")) => FAILURE_LASTS,
                Some((_, "answer")) => ANSWER_LASTS,
                _ => continue,
            };
            let record = self.store.read(&name).ok().flatten();
            let record = record.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
            let at = record.and_then(|record| record["at_ms"].as_u64()).unwrap_or_default();
            if Duration::from_millis(now.saturating_sub(at)) >= lasts {
                let _ = self.store.remove(&name);
            }
        }
    }

    /// The last answer, without renewals that are long ago.
    fn series(&self, now: u64) -> Answer {
        let answer = self.answer().unwrap_or_default();
        let since_renewal = Duration::from_millis(now.saturating_sub(answer.renewed_ms));
        if since_renewal < SERIES_ENDS { answer } else { Answer { renewals: 0, ..answer } }
    }

    fn answer(&self) -> Option<Answer> {
        self.read(".answer")
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, suffix: &str) -> Option<T> {
        let text = self.store.read(&format!("{}{suffix}", self.name)).ok()??;
        serde_json::from_slice(&text).ok()
    }

    /// A memory that cannot be written is an empty one. Records that have lost their meaning go: the folder may be in the
    /// memory of the machine.
    fn write(&self, suffix: &str, record: &impl Serialize) {
        self.remove_old();
        if let Ok(text) = serde_json::to_vec(record) {
            let _ = self.store.write(&format!("{}{suffix}", self.name), &text);
        }
    }
}

/// Runs a hook, unless the same tool got its failure a moment ago.
pub(crate) fn hook(options: &AuthOptions, run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    // A person who has mended a mistake tries again at once.
    if std::io::stdout().is_terminal() {
        return run();
    }
    let Some(memory) = ToolMemory::of_caller(options) else { return run() };
    if let Some(failure) = memory.recent_failure() {
        return Err(failure);
    }
    let outcome = run();
    if let Err(failure) = &outcome {
        memory.record_failure(failure);
    }
    outcome
}

/// The pause before the next renewal in a row.
fn pause(renewals: u32) -> Duration {
    let doubled = renewals.saturating_sub(BURST).min(6);
    (Duration::from_secs(1) * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
}

/// The name of the records: that of an entry, so that `cache clear` removes them too. Another command line, another
/// folder and other credentials have records of their own.
fn name(tool: &ToolProcess) -> String {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let folder = std::env::current_dir().ok();
    let variables: Vec<_> = variables().map(|(name, _)| std::env::var_os(name)).collect();
    // Keyed by the tool: the hash of a secret in a variable is worth nothing to a reader.
    let mut tool_key = DefaultHasher::new();
    (tool.pid, tool.started).hash(&mut tool_key);
    let hash = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, tool_key.finish(), &arguments, &folder, &variables).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}{:016x}{:016x}", tool.pid, tool.started, hash(0), hash(1))
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
