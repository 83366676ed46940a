//! The format of `scenarios/*.json`, which `scenarios/README.md` explains. Unknown fields are errors.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// One file: scenarios of one topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    #[expect(dead_code, reason = "for readers")]
    about: String,
    scenarios: Vec<Scenario>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) why: String,
    #[serde(default = "automatic")]
    pub(super) method: String,
    pub(super) impersonate: Option<String>,
    #[serde(default)]
    pub(super) lenient: bool,
    pub(super) jitter: Option<f64>,
    #[serde(default)]
    pub(super) environment: Environment,
    #[serde(default)]
    pub(super) endpoints: Addresses,
    #[serde(default)]
    pub(super) shared_cache: bool,
    #[serde(default)]
    pub(super) server_clock: f64,
    #[serde(default)]
    pub(super) traffic: BTreeMap<Service, Vec<Reply>>,
    pub(super) steps: Vec<Step>,
    #[serde(default)]
    pub(super) requests: BTreeMap<Service, Requests>,
    pub(super) report: Option<Report>,
    pub(super) counters: Option<Counts>,
}

fn automatic() -> String {
    "automatic".to_owned()
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Environment {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) terminal: bool,
    pub(super) yc: bool,
    pub(super) yc_endpoint: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Addresses {
    pub(super) api: Option<String>,
    pub(super) iam: Option<String>,
    pub(super) oauth: Option<String>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Service {
    Metadata,
    Discovery,
    Iam,
    Impersonate,
    Revoke,
    Authorization,
    Issuer,
    Yc,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) times: Option<u32>,
    pub(super) until: Option<f64>,
    #[serde(default)]
    pub(super) after: f64,
    pub(super) token: Option<TokenNumber>,
    pub(super) life: Option<f64>,
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
    pub(super) drip: Option<f64>,
    pub(super) fault: Option<Fault>,
    #[serde(default)]
    pub(super) silence: bool,
    pub(super) exit: Option<i32>,
    pub(super) stdout: Option<String>,
    pub(super) stderr: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum TokenNumber {
    Number(u64),
    Word(String),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    ConnectTimeout,
    ConnectRefused,
    Unreachable,
    NameResolution,
    Tls,
    Reset,
    Malformed,
    TooLarge,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    Header,
    Try,
    Prewarm,
    Select,
    Refuse,
    Revoke,
    Drop,
    Restart,
    Suspend,
    SetWallForward,
    SetWallBack,
    Reboot,
    Set,
    Unset,
    Write,
    Remove,
    Cache,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) at: f64,
    pub(super) every: Option<f64>,
    pub(super) until: Option<f64>,
    #[serde(rename = "do")]
    pub(super) action: Action,
    pub(super) process: Option<String>,
    pub(super) count: Option<usize>,
    pub(super) deadline: Option<f64>,
    pub(super) min_ttl: Option<f64>,
    pub(super) leaves: Option<f64>,
    pub(super) token: Option<u64>,
    pub(super) seconds: Option<f64>,
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
    pub(super) path: Option<String>,
    pub(super) content: Option<String>,
    pub(super) state: Option<CacheState>,
    pub(super) expect: Option<Expect>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CacheState {
    Works,
    Fails,
    Full,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) token: Option<u64>,
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) anonymous: bool,
    #[serde(default)]
    pub(super) nothing: bool,
    #[serde(default)]
    pub(super) left: bool,
    #[serde(default)]
    pub(super) done: bool,
    pub(super) error: Option<String>,
    pub(super) says: Option<String>,
    pub(super) retry_after: Option<f64>,
    pub(super) changed: Option<bool>,
    pub(super) under_way: Option<usize>,
    pub(super) wait: Option<Span>,
}

/// A number, or a range with both ends.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Span {
    Exactly(f64),
    Between(f64, f64),
}

/// Times are compared to the millisecond.
const TOLERANCE: f64 = 0.001;

impl Span {
    pub(super) const ZERO: Self = Self::Exactly(0.0);

    pub(super) fn has(self, value: f64) -> bool {
        let (least, most) = match self {
            Self::Exactly(value) => (value, value),
            Self::Between(least, most) => (least, most),
        };
        value >= least - TOLERANCE && value <= most + TOLERANCE
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(formatter, "{value}"),
            Self::Between(least, most) => write!(formatter, "{least} to {most}"),
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Requests {
    At(Vec<Span>),
    Described(Described),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    pub(super) first: Option<Span>,
    pub(super) gaps: Option<Vec<Span>>,
    pub(super) count: Option<Span>,
    pub(super) shortest_gap: Option<f64>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    pub(super) selected: Option<String>,
    #[serde(default)]
    pub(super) outcomes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) reasons: BTreeMap<String, String>,
    pub(super) notes: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) fetches: Option<Span>,
    pub(super) failures: Option<Span>,
    pub(super) waited: Option<Span>,
}

/// All scenarios, with the names of their files.
pub(super) fn load() -> Vec<(String, Scenario)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let topic = parse(&std::fs::read_to_string(&path).unwrap());
        let topic = topic.unwrap_or_else(|error| panic!("scenarios/{name}: {error}"));
        all.extend(topic.into_iter().map(|scenario| (name.clone(), scenario)));
    }
    all
}

/// The scenarios of one file, checked.
pub(super) fn parse(text: &str) -> Result<Vec<Scenario>, String> {
    let topic: Topic = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for scenario in &topic.scenarios {
        scenario.check().map_err(|error| format!("{}: {error}", scenario.name))?;
    }
    Ok(topic.scenarios)
}

impl Scenario {
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.why.is_empty() || self.steps.is_empty() {
            return Err("a name, a reason and a step are needed".to_owned());
        }
        let mut last = 0.0;
        for (at, step) in self.steps.iter().enumerate() {
            step.check().map_err(|error| format!("step {}: {error}", at + 1))?;
            if step.at < last {
                return Err(format!("step {}: the steps are not in the order of their time", at + 1));
            }
            last = step.at;
        }
        for reply in self.traffic.values().flatten() {
            let kinds = [
                reply.token.is_some(),
                reply.status.is_some() || reply.body.is_some(),
                reply.fault.is_some(),
                reply.silence,
                reply.exit.is_some() || reply.stdout.is_some(),
            ];
            if kinds.iter().filter(|is_set| **is_set).count() != 1 {
                return Err("a reply is a token, a status or body, a fault, silence, or an exit".to_owned());
            }
        }
        Ok(())
    }
}

impl Step {
    /// Refuses a field that the action does not use, and an action without what it needs.
    fn check(&self) -> Result<(), String> {
        use Action::{
            Cache, Drop, Header, Reboot, Refuse, Remove, Restart, Revoke, Select, Set, SetWallBack,
            SetWallForward, Suspend, Try, Unset, Write,
        };
        let is_call = matches!(self.action, Header | Try | Select | Refuse | Revoke);
        let clock = matches!(self.action, Suspend | SetWallForward | SetWallBack);
        let fields = [
            ("deadline", self.deadline.is_some(), self.action == Header),
            ("min_ttl", self.min_ttl.is_some(), self.action == Header),
            ("leaves", self.leaves.is_some(), self.action == Header),
            ("count", self.count.is_some(), self.action == Header),
            ("token", self.token.is_some(), self.action == Refuse),
            ("seconds", self.seconds.is_some(), clock),
            ("name", self.name.is_some(), matches!(self.action, Set | Unset)),
            ("value", self.value.is_some(), self.action == Set),
            ("path", self.path.is_some(), matches!(self.action, Write | Remove)),
            ("content", self.content.is_some(), self.action == Write),
            ("state", self.state.is_some(), self.action == Cache),
            (
                "process",
                self.process.is_some(),
                is_call || matches!(self.action, Action::Prewarm | Drop | Restart),
            ),
            ("expect", self.expect.is_some(), is_call || matches!(self.action, Drop | Restart)),
            ("every", self.every.is_some(), is_call),
        ];
        if let Some((field, ..)) = fields.iter().find(|(_, is_set, may_be)| *is_set && !may_be) {
            return Err(format!("{:?} has no `{field}`", self.action));
        }
        let needed = ["token", "seconds", "name", "value", "path", "content", "state"];
        let missing =
            fields.iter().find(|(name, is_set, may_be)| *may_be && !is_set && needed.contains(name));
        if let Some((field, ..)) = missing {
            return Err(format!("{:?} needs `{field}`", self.action));
        }
        if self.every.is_some() != self.until.is_some() {
            return Err("`every` and `until` belong together".to_owned());
        }
        match &self.expect {
            Some(expect) => expect.check(),
            None if is_call => Err(format!("{:?} needs `expect`", self.action)),
            None if self.action == Reboot => Ok(()),
            None => Ok(()),
        }
    }
}

impl Expect {
    fn check(&self) -> Result<(), String> {
        let outcomes = [
            self.token.is_some(),
            self.key.is_some(),
            self.anonymous,
            self.nothing,
            self.left,
            self.done,
            self.error.is_some(),
            self.changed.is_some(),
        ];
        let count = outcomes.iter().filter(|is_set| **is_set).count();
        if count > 1 || (count == 0 && self.under_way.is_none()) {
            return Err("`expect` has one outcome".to_owned());
        }
        if (self.says.is_some() || self.retry_after.is_some()) && self.error.is_none() {
            return Err("`says` and `retry_after` are of an error".to_owned());
        }
        Ok(())
    }
}
