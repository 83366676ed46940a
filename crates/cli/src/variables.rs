//! The variables of `exec` and `env`: the token or key under the names that programs read.

use std::time::{Duration, SystemTime};

use yandex_cloud_auth::sdk_internals::{check_folder_id, new_runtime};
use yandex_cloud_auth::{Error, ErrorKind, Identity, Scheme, Snapshot};
use zeroize::Zeroizing;

use crate::arguments::{AuthOptions, VariableKind, VariableOptions};
use crate::credentials::{self, Session};
use crate::deadline::Deadline;
use crate::{output, status_line};

/// A token with less life is told: a command or a shell gets no newer one.
const SHORT_LIFE: Duration = Duration::from_secs(3600);

/// The variable with the folder.
const FOLDER: &str = "YC_FOLDER_ID";

/// The variables, in the order in which they are printed. A later one replaces an earlier one of the same name.
#[derive(Default)]
pub(crate) struct Variables(Vec<Variable>);

/// One variable.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Zeroizing<String>,
    /// Whether the value is the token or key, or has it inside.
    pub(crate) is_secret: bool,
}

impl Variables {
    /// All variables, each name once.
    pub(crate) fn all(&self) -> &[Variable] {
        &self.0
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|variable| variable.name == name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.put(name, value, false);
    }

    fn set_secret(&mut self, name: &str, value: &str) {
        self.put(name, value, true);
    }

    fn put(&mut self, name: &str, value: &str, is_secret: bool) {
        self.0.retain(|variable| variable.name != name);
        self.0.push(Variable { name: name.to_owned(), value: Zeroizing::new(value.to_owned()), is_secret });
    }
}

/// The variables for a program that keeps them: it gets no newer token, and `newer` says how to get one.
///
/// # Errors
/// Why there is no header, or a variable.
pub(crate) fn for_one_use(
    auth: &AuthOptions,
    options: &VariableOptions,
    deadline: Deadline,
    newer: &str,
) -> Result<Variables, Error> {
    credentials::with_session(auth, deadline, |session| {
        let known = Known::of(session, options, false)?;
        let variables = known.variables(session, options)?;
        known.tell_short_life(newer);
        Ok(variables)
    })
}

/// The credentials of one run, with what is known about them.
pub(crate) struct Known {
    pub(crate) snapshot: Snapshot,
    pub(crate) identity: Option<Identity>,
    pub(crate) folder: Option<String>,
}

impl Known {
    /// Makes the header and asks for the folder. `wants_subject` tells whether the subject is needed too.
    ///
    /// # Errors
    /// Why there is no header; `Invalid` if `YC_FOLDER_ID` is not the id of a folder.
    pub(crate) fn of(
        session: &Session<'_>,
        options: &VariableOptions,
        wants_subject: bool,
    ) -> Result<Self, Error> {
        let set = folder_of_environment()?;
        let snapshot = session.attempt(options.openai).header?;
        let wants_subject =
            wants_subject || options.var.iter().any(|variable| variable.kind == VariableKind::SubjectId);
        // The metadata service and yc are asked, so only for what is not known yet. Without an answer it stays unknown.
        let identity = (set.is_none() || wants_subject)
            .then(|| session.credentials.blocking().identity(session.deadline.options()).ok())
            .flatten();
        let of_identity = || identity.as_ref().and_then(|identity| identity.folder_id.clone());
        let folder = set.or_else(of_identity).filter(|id| check_folder_id(id).is_ok());
        Ok(Self { snapshot, identity, folder })
    }

    /// The token with its kind; `None` for the method `none`.
    fn credential(&self) -> Option<(Scheme, &str)> {
        self.snapshot.scheme().zip(self.snapshot.expose_secret())
    }

    /// The IAM token.
    ///
    /// # Errors
    /// `Invalid`, if the method gives none, with what needs it.
    pub(crate) fn iam_token(&self, needed_by: &str) -> Result<&str, Error> {
        match self.credential() {
            Some((Scheme::Bearer, token)) => Ok(token),
            _ => Err(self.lacks("an IAM token", needed_by)),
        }
    }

    fn lacks(&self, what: &str, needed_by: &str) -> Error {
        let method = self.snapshot.method();
        let gives = match self.snapshot.scheme() {
            Some(Scheme::Bearer) => "an IAM token",
            Some(_) => "an API key",
            None => "no credentials",
        };
        let reason = format!("{needed_by} needs {what}, and the method {method} gives {gives}");
        Error::new(ErrorKind::Invalid, reason).with_help(
            "choose another method with `--method`, `--key-file` or `--auth`, or leave the option out",
        )
    }

    /// The variables of these options.
    ///
    /// # Errors
    /// `Invalid` if an option needs what the method does not give; why the address of AI Studio is not known.
    pub(crate) fn variables(
        &self,
        session: &Session<'_>,
        options: &VariableOptions,
    ) -> Result<Variables, Error> {
        let mut variables = Variables::default();
        match self.credential() {
            Some((Scheme::Bearer, token)) => variables.set_secret("YC_IAM_TOKEN", token),
            Some((_, key)) => variables.set_secret("YC_API_KEY", key),
            None => {}
        }
        if let Some(folder) = &self.folder {
            variables.set(FOLDER, folder);
        }
        if options.terraform {
            variables.set_secret("YC_TOKEN", self.iam_token("--terraform")?);
        }
        if options.openai {
            self.set_openai(session, &mut variables)?;
        }
        for variable in &options.var {
            self.set_kind(variable.kind, &variable.name, &mut variables)?;
        }
        Ok(variables)
    }

    fn set_openai(&self, session: &Session<'_>, variables: &mut Variables) -> Result<(), Error> {
        let Some((_, secret)) = self.credential() else {
            return Err(self.lacks("a token or a key", "--openai"));
        };
        let runtime = new_runtime().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
        let limit = session.deadline.remaining().unwrap_or_default();
        let url = runtime.block_on(session.credentials.openai_base_url(limit));
        variables.set("OPENAI_BASE_URL", &url.map_err(|error| session.explain(error))?);
        variables.set_secret("OPENAI_API_KEY", secret);
        match &self.folder {
            Some(folder) => variables.set("OPENAI_PROJECT_ID", folder),
            None => warn("the folder is not known, so OPENAI_PROJECT_ID is not set: set YC_FOLDER_ID"),
        }
        Ok(())
    }

    fn set_kind(&self, kind: VariableKind, name: &str, variables: &mut Variables) -> Result<(), Error> {
        let option = format!("--var {name}");
        let unknown = |what: &str, help: &str| {
            Error::new(ErrorKind::Invalid, format!("{what} is not known"))
                .at(&option)
                .with_help(help.to_owned())
        };
        match (kind, self.credential()) {
            (VariableKind::Token, Some((_, secret))) => variables.set_secret(name, secret),
            (VariableKind::Token | VariableKind::Header, None) => {
                return Err(self.lacks("a token or a key", &option));
            }
            (VariableKind::IamToken, _) => variables.set_secret(name, self.iam_token(&option)?),
            (VariableKind::ApiKey, Some((Scheme::ApiKey, key))) => variables.set_secret(name, key),
            (VariableKind::ApiKey, _) => return Err(self.lacks("an API key", &option)),
            (VariableKind::Header, Some((scheme, secret))) => {
                let header = Zeroizing::new([scheme.as_str(), " ", secret].concat());
                variables.set_secret(name, &header);
            }
            (VariableKind::FolderId, _) => match &self.folder {
                Some(folder) => variables.set(name, folder),
                None => return Err(unknown("the folder", "set YC_FOLDER_ID")),
            },
            (VariableKind::SubjectId, _) => match self.subject() {
                Some(subject) => variables.set(name, subject),
                None => {
                    return Err(unknown(
                        "the subject",
                        "`yc-auth whoami --ask` asks a server whose the token is",
                    ));
                }
            },
            (VariableKind::ExpiresAt, _) => match self.snapshot.expires_at().and_then(output::rfc3339) {
                Some(end) => variables.set(name, &end),
                None => return Err(unknown("the end of the token's life", "leave the variable out")),
            },
        }
        Ok(())
    }

    /// The id of the service account or the user, if the method knows it.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.identity.as_ref()?.subject_id.as_deref()
    }

    /// Tells that the token ends soon. `newer` says how to get another one.
    pub(crate) fn tell_short_life(&self, newer: &str) {
        let Some(end) = self.snapshot.expires_at() else { return };
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        if left < SHORT_LIFE {
            warn(&format!("the IAM token expires in {}: {newer}", output::duration(left)));
        }
    }
}

/// The folder in the environment.
fn folder_of_environment() -> Result<Option<String>, Error> {
    let Some(value) = std::env::var_os(FOLDER) else { return Ok(None) };
    let value = value.to_string_lossy();
    let id = value.trim();
    if id.is_empty() {
        return Ok(None);
    }
    check_folder_id(id).map_err(|error| error.at(FOLDER))?;
    Ok(Some(id.to_owned()))
}

/// One line on standard error.
pub(crate) fn warn(line: &str) {
    status_line::write_above(&format!("warning: {line}\n"));
}
