//! `exec --postgres`: the token as the password of `PostgreSQL`, in a file that is kept fresh while the command runs.
//!
//! libpq reads the file for each new connection; open connections outlive the token. A file past the end of its token is
//! empty: a dead token is never sent.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::{Credentials, Error, HeaderOptions, Snapshot};
use zeroize::Zeroizing;

use super::password_file::PasswordFile;
use super::postgres::Connection;
use super::{NAME, set_environment};
use crate::arguments::ExecOptions;
use crate::credentials::{self, Session};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::program::Program;
use crate::signals::Signals;
use crate::variables::{Known, Variables, warn};

/// The longest time between two looks at the token. A look costs nothing while the token is fresh.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The shortest such time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// How long a missing token is waited for before its absence is told. The fetch goes on.
const RENEWAL: Duration = Duration::from_secs(3);

/// Runs the command to its end.
pub(super) fn run(options: &ExecOptions, program: Program<'_>, deadline: Deadline) -> Result<(), Failure> {
    let variable = |name: &str| std::env::var_os(name);
    let connection = Connection::of(variable, options.host.as_deref(), &options.command)?;
    if let Some(missing) = Connection::missing_authority(variable) {
        warn(&missing);
    }
    credentials::with_session(&options.auth, deadline, |session| {
        let known = Known::of(session, &options.variables, connection.user.is_none())?;
        let mut variables = known.variables(session, &options.variables)?;
        known.iam_token("--postgres")?;
        let user = match &connection.user {
            Some(user) => Some(user.clone()),
            None => subject(&known, options, session)?,
        };
        if user.is_none() {
            warn("PGUSER is not set, and the method does not know its subject: set PGUSER, or give `--ask`");
        }
        for (name, value) in connection.variables(user.as_deref()) {
            variables.set(name, &value);
        }
        known.tell_short_life("the variables keep this token, the password file does not");
        let password = Password { connection, user, credentials: session.credentials.clone() };
        // From now on signals are the command's. yc, which may renew the token, has a process group of its own.
        session.leave_signals();
        Ok(serve(&password, known.snapshot, variables, options.keep, program))
    })?
}

/// The subject: from the method, or from the authorization server.
fn subject(known: &Known, options: &ExecOptions, session: &Session<'_>) -> Result<Option<String>, Error> {
    match known.subject() {
        Some(subject) => Ok(Some(subject.to_owned())),
        None if options.ask => session.ask_subject().map(Some),
        None => Ok(None),
    }
}

fn serve(
    password: &Password,
    first: Snapshot,
    mut variables: Variables,
    keep: bool,
    program: Program<'_>,
) -> Result<(), Failure> {
    let failed = |what: &str, error: std::io::Error| Failure::Other(format!("{NAME}: {what}: {error}"));
    let runtime = new_runtime().map_err(|error| failed("cannot start", error))?;
    runtime.block_on(async {
        // Before the file is there: a signal must not leave the file behind.
        let signals = Signals::listen();
        let file = PasswordFile::create().map_err(|error| failed("cannot make the password file", error))?;
        file.write(&password.lines(&first))
            .map_err(|error| failed("cannot write the password file", error))?;
        variables.set("PGPASSFILE", &file.path().to_string_lossy());
        let set = |command: &mut std::process::Command| {
            set_environment(command, &variables, keep);
            // It would win over the file.
            command.env_remove("PGPASSWORD");
        };
        let mut renewal = pin!(password.keep_fresh(&file, first));
        let mut end = pin!(program.run(set, signals));
        std::future::poll_fn(|context| {
            // It never ends.
            let _ = renewal.as_mut().poll(context);
            end.as_mut().poll(context)
        })
        .await
    })
}

/// What the file is made of.
struct Password {
    connection: Connection,
    user: Option<String>,
    credentials: Credentials,
}

impl Password {
    fn lines(&self, snapshot: &Snapshot) -> Zeroizing<String> {
        let token = snapshot.expose_secret();
        token.map_or_else(Zeroizing::default, |token| self.connection.lines(self.user.as_deref(), token))
    }

    /// Writes each new token into the file, and empties the file while there is none.
    async fn keep_fresh(&self, file: &PasswordFile, first: Snapshot) {
        let mut written = Some(first);
        let mut told = false;
        loop {
            tokio::time::sleep(pause(written.as_ref())).await;
            if written.is_some() && self.credentials.snapshot().is_none() {
                written = None;
                if let Err(error) = file.write("") {
                    warn(&format!("{NAME}: the password file cannot be emptied: {error}"));
                }
            }
            let newer = match self.credentials.get(HeaderOptions::new().deadline(RENEWAL)).await {
                Ok(newer) => newer,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        warn(&format!(
                            "{NAME}: the password file is empty until there is a token again: {error}"
                        ));
                    }
                    continue;
                }
            };
            told = false;
            if written.as_ref().is_some_and(|written| written.generation() == newer.generation()) {
                continue;
            }
            match file.write(&self.lines(&newer)) {
                Ok(()) => written = Some(newer),
                Err(error) => warn(&format!("{NAME}: the new password cannot be written: {error}")),
            }
        }
    }
}

/// The time until the next look: the shorter the rest of the token's life, the sooner.
fn pause(snapshot: Option<&Snapshot>) -> Duration {
    let end = snapshot.and_then(Snapshot::expires_at);
    let left = end.map_or(Duration::MAX, |end| end.duration_since(SystemTime::now()).unwrap_or_default());
    (left / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}
