//! From the options to credentials, and from credentials to the one header of this run.

mod build;

use std::io::Read;
use std::time::{Duration, Instant};

use yandex_cloud_auth::sdk_internals::{ClaimsRecord, SubjectClaims, new_runtime};
use yandex_cloud_auth::{
    Credentials, Endpoints, Error, ErrorKind, HeaderOptions, Report, ServiceAccountKeyAuth, Snapshot, System,
};
use zeroize::Zeroizing;

use self::build::{base, build, flag};
use crate::arguments::{AuthOptions, AuthValue, MethodName};
use crate::deadline::Deadline;
use crate::flag_errors;
use crate::input::{self, Value};
use crate::shared_cache;
use crate::subprocesses::Subprocesses;
use crate::unused;

/// What one attempt to make a header gave.
pub(crate) struct Outcome {
    /// The header, or the reason for its absence.
    pub(crate) header: Result<Snapshot, Error>,
    /// The report of the selection, where the selection began.
    pub(crate) report: Option<Report>,
    /// The duration of selection and fetch.
    pub(crate) elapsed: Duration,
}

/// Makes the header of these options.
pub(crate) fn header(options: &AuthOptions, deadline: Deadline) -> Result<Snapshot, Error> {
    with_session(options, deadline, |session| session.attempt(false).header)
}

/// Where the tokens of a run come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tokens {
    /// Another process may have fetched them.
    Shared,
    /// As `Shared`, with a new one in the place of a usable one.
    Renewed,
    /// This run fetches them.
    Own,
}

/// Makes the header of these options with a new token in the place of the shared one. If none comes in half of the time,
/// the shared token is used.
pub(crate) fn renewed_header(options: &AuthOptions, deadline: Deadline) -> Result<(Snapshot, bool), Error> {
    let renewing = AuthOptions { timeout: options.timeout / 2, ..options.clone() };
    let renewed = run_session(&renewing, deadline, Tokens::Renewed, |session| session.attempt(false).header);
    match renewed.map_err(|error| flag_errors::in_flags(error, options)) {
        Ok(snapshot) => Ok((snapshot, true)),
        Err(_) => header(options, deadline).map(|snapshot| (snapshot, false)),
    }
}

/// The credentials of one run, and the time that is left for them.
pub(crate) struct Session<'a> {
    pub(crate) credentials: Credentials,
    pub(crate) deadline: Deadline,
    options: &'a AuthOptions,
    system: System,
    subprocesses: Subprocesses,
    /// The value of `--auth`.
    value: Option<Value>,
    /// Whether the processes of this machine share their tokens.
    shares_tokens: bool,
    /// What the tokens of another issuer have said about themselves.
    claims: ClaimsRecord,
}

/// Builds the credentials of these options for one use, and ends every program that the use has started.
pub(crate) fn with_session<T>(
    options: &AuthOptions,
    deadline: Deadline,
    use_session: impl FnOnce(&Session<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let used = run_session(options, deadline, Tokens::Shared, use_session);
    used.map_err(|error| flag_errors::in_flags(error, options))
}

/// As [`with_session`], and without the tokens that other processes share: a diagnosis has to see the fetch.
pub(crate) fn with_own_tokens<T>(
    options: &AuthOptions,
    deadline: Deadline,
    use_session: impl FnOnce(&Session<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let used = run_session(options, deadline, Tokens::Own, use_session);
    used.map_err(|error| flag_errors::in_flags(error, options))
}

fn run_session<T>(
    options: &AuthOptions,
    deadline: Deadline,
    tokens: Tokens,
    use_session: impl FnOnce(&Session<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let deadline = deadline.within(options.timeout);
    let subprocesses = Subprocesses::default();
    let Place { system, shares_tokens } = place(options, deadline, tokens, &subprocesses)?;
    let value = options.auth.as_ref().map(|auth| input::read(auth, deadline)).transpose()?;
    let claims = ClaimsRecord::default();
    let credentials = build(options, value.as_ref(), &claims)?.with_system(system.clone());
    let of_session = subprocesses.clone();
    let session = Session {
        credentials,
        deadline,
        options,
        system,
        subprocesses: of_session,
        value,
        claims,
        shares_tokens,
    };
    let used = use_session(&session);
    if used.is_ok() && tokens != Tokens::Own {
        session.leave_renewal();
    }
    // Dropping the last handle cancels a fetch that still runs. The cancellation kills its program on another thread,
    // so the command waits for the program's end before the process exits.
    drop(session);
    subprocesses.wait_for_exit();
    used
}

/// The system of a run, and whether the processes of this machine share their tokens.
struct Place {
    system: System,
    shares_tokens: bool,
}

fn place(
    options: &AuthOptions,
    deadline: Deadline,
    tokens: Tokens,
    subprocesses: &Subprocesses,
) -> Result<Place, Error> {
    let mut system = System::real().with_processes(subprocesses.clone());
    if let Some(endpoint) = flag(options.endpoint.as_deref(), "--endpoint")? {
        system = system.with_endpoints(Endpoints::new().api(endpoint));
        unused::check_endpoint(&system)?;
    }
    // Before anything is used: `revoke` must not revoke first, and complain later.
    if let Some(profile) = flag(options.profile.as_deref(), "--profile")?
        && unused::leaves_out_profile(options)
    {
        unused::check_profile(profile, given_instead(options), &system, deadline)?;
    }
    let shares_tokens = tokens != Tokens::Own && shared_cache::is_on(options, &system)?;
    if shares_tokens {
        system = shared_cache::attach(system, options, tokens == Tokens::Renewed)?;
    }
    Ok(Place { system, shares_tokens })
}

/// The credentials of these options for a process that stays: it renews their token, and handles signals itself.
pub(crate) fn for_server(options: &AuthOptions, deadline: Deadline) -> Result<Credentials, Error> {
    let deadline = deadline.within(options.timeout);
    let subprocesses = Subprocesses::default();
    subprocesses.leave_signals();
    let made = check_key_file(options).and_then(|()| place(options, deadline, Tokens::Shared, &subprocesses));
    let made = made.and_then(|place| {
        let value = options.auth.as_ref().map(|auth| input::read(auth, deadline)).transpose()?;
        Ok(build(options, value.as_ref(), &ClaimsRecord::default())?.with_system(place.system))
    });
    made.map_err(|error| flag_errors::in_flags(error, options))
}

/// The longest text that is taken for a path and not for a key: a key in base64 is some thousands of letters.
const LONGEST_PATH: usize = 1024;

/// The largest file with a key.
const LARGEST_KEY: u64 = 64 << 10;

/// Refuses a key file that cannot be read, or that holds no key. A command is told by its fetch; a process that stays would
/// try again and again.
fn check_key_file(options: &AuthOptions) -> Result<(), Error> {
    let Some(file) = options.key_file.as_ref() else { return Ok(()) };
    let text = file.to_string_lossy();
    if text.len() > LONGEST_PATH || text.contains('{') {
        return Ok(());
    }
    let mut key = Zeroizing::new(String::new());
    let read = std::fs::File::open(file).and_then(|file| file.take(LARGEST_KEY).read_to_string(&mut key));
    read.map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("cannot read {}: {error}", file.display()))
            .at("--key-file")
            .with_help("give the path of an authorized key that this user can read")
    })?;
    ServiceAccountKeyAuth::new(&*key).map(drop).map_err(|error| error.at(file.display().to_string()))
}

/// What automatic selection takes now, without impersonation.
pub(crate) fn select(options: &AuthOptions, deadline: Deadline) -> Result<Report, Error> {
    with_session(options, deadline, |session| {
        let credentials = base(options, None, &ClaimsRecord::default())?.with_system(session.system.clone());
        let report = credentials.blocking().select();
        report.map_err(|error| session.explain(error))
    })
}

/// The credentials of a value in a file, as `--auth @FILE` and `method` make them. Asks no service.
///
/// # Errors
/// `Invalid` if the file cannot be read, or if the value is no key or token of the method.
pub(crate) fn of_file(
    path: &str,
    method: Option<MethodName>,
    options: &AuthOptions,
    deadline: Deadline,
) -> Result<Credentials, Error> {
    let value = input::read(&AuthValue::File(path.into()), deadline)?;
    base(&AuthOptions { method, ..options.clone() }, Some(&value), &ClaimsRecord::default())
}

/// What the command uses instead of a profile.
fn given_instead(options: &AuthOptions) -> &'static str {
    match options.method {
        Some(method) if method != MethodName::Impersonation => method.method().name(),
        _ if options.key_file.is_some() => "service-account-key",
        _ => "that of --auth",
    }
}

impl Session<'_> {
    /// Makes the header, and keeps the report and the duration. `asks_service` tells whether a service is asked with the
    /// header afterwards.
    pub(crate) fn attempt(&self, asks_service: bool) -> Outcome {
        let start = Instant::now();
        let header = self.credentials.blocking().get(self.deadline.options());
        let elapsed = start.elapsed();
        let header = header.map_err(|error| self.explain(error));
        let header = header.and_then(|header| self.check_flags(asks_service).map(|()| header));
        let report = match &header {
            Err(error) if error.report().is_some() => error.report().cloned(),
            _ => self.credentials.report(),
        };
        Outcome { header, report, elapsed }
    }

    /// A token that lives for `min_ttl` more, where the source has one; else the longest-lived token that it has.
    pub(crate) fn long_lived_token(&self, min_ttl: Duration) -> Result<Snapshot, Error> {
        let credentials = self.credentials.blocking();
        let usable = credentials.get(self.deadline.options()).map_err(|error| self.explain(error))?;
        self.check_flags(false)?;
        // A usable token is at hand, so a renewal that does not end must not take all of the time.
        let limit = self.deadline.remaining().unwrap_or_default() / 2;
        let longer = credentials.get(HeaderOptions::new().deadline(limit).min_ttl(min_ttl));
        // A new token can be too short-lived, too.
        Ok(longer.ok().or_else(|| self.credentials.snapshot()).unwrap_or(usable))
    }

    /// Drops the token that the processes of this machine share, if it is this one: a server has refused it. A new token
    /// takes its place.
    pub(crate) fn refuse(&self, refused: &str) -> Result<(), Error> {
        let folder = shared_cache::named_folder(self.options.cache_dir.as_deref(), &self.system)?;
        if self.options.no_cache || folder.is_none() {
            return Ok(());
        }
        let credentials = self.credentials.blocking();
        let current = credentials.get(self.deadline.options()).map_err(|error| self.explain(error))?;
        if current.expose_secret() == Some(refused) && self.credentials.invalidate(&current) {
            // The refusal is on record before the fetch, so its failure changes nothing.
            let _ = credentials.get(self.deadline.options());
        }
        Ok(())
    }

    /// Whether other processes of this machine may use the same token.
    pub(crate) fn shares_tokens(&self) -> bool {
        self.shares_tokens
    }

    /// Leaves the renewal of a stale token to another process: this one ends, or becomes another program.
    fn leave_renewal(&self) {
        if let Some(snapshot) = self.credentials.snapshot()
            && self.credentials.blocking().needs_shared_renewal(&snapshot)
        {
            shared_cache::renew_in_background(self.options, self.value.as_ref());
        }
    }

    /// Refuses and reports flags that neither the selected method uses nor the question to a service.
    pub(crate) fn check_flags(&self, asks_service: bool) -> Result<(), Error> {
        unused::check(self.options, asks_service, &self.credentials, &self.system, self.deadline)
    }

    /// The subject of the token, as the authorization server gives it.
    pub(crate) fn ask_subject(&self) -> Result<String, Error> {
        let runtime = new_runtime().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
        let limit = self.deadline.remaining().unwrap_or_default();
        runtime.block_on(self.credentials.ask_subject(limit)).map_err(|error| self.explain(error))
    }

    /// What the token of another issuer says about itself; `None` where no such token was exchanged.
    pub(crate) fn subject_claims(&self) -> Option<SubjectClaims> {
        self.claims.last()
    }

    /// Leaves signals to whoever listens: they no longer end this process while a program runs for a token.
    pub(crate) fn leave_signals(&self) {
        self.subprocesses.leave_signals();
    }

    /// The library's error in the terms of the command line.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match (error.kind(), error.location()) {
            // Without a location, no service is to blame: the time was up. The library's own text is for a program that
            // keeps running; this command ends.
            (ErrorKind::Unavailable, None) if self.deadline.is_exceeded() => {
                let what = match self.credentials.method() {
                    Some(method) => format!("{method}: no token"),
                    None => "no token".to_owned(),
                };
                self.deadline.exceeded(&what, self.credentials.waiting_for().as_deref())
            }
            _ => flag_errors::in_flags(error, self.options),
        }
    }
}
