//! Which credentials the tool will use, as arguments. A secret is never among them, only the path of its file.
//!
//! A tool has no terminal, and often none of the variables of the user's shell. So what automatic selection finds here is
//! pinned: its method, and the file or profile behind it.

use std::env;
use std::fs;
use std::path::Path;

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::{Endpoints, Error, ErrorKind, Method, Profile, ProfileAuth, System};

use super::value_check;
use crate::arguments::{AuthOptions, AuthValue, MethodName};
use crate::credentials;
use crate::deadline::Deadline;
use crate::{shared_cache, unused};

/// The variable with the API endpoint.
const ENDPOINT: &str = "YC_API_ENDPOINT";

/// The variables of a job of GitHub Actions or Forgejo Actions.
pub(super) const OF_A_JOB: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

/// The credentials as arguments of `yc-auth`.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) arguments: Vec<String>,
    pub(super) method: Option<Method>,
    /// The file with the secret.
    pub(super) file: Option<String>,
    /// Variables without a secret that the tool has to have too.
    pub(super) variables: Vec<&'static str>,
    /// The folder of the shared tokens where nothing names one: a tool without the variables of the session may find
    /// another one.
    pub(super) cache_folder: Option<String>,
    /// The endpoint of the installation, if the user names one.
    pub(super) endpoint: Option<String>,
    /// Remarks for the user.
    pub(super) remarks: Vec<String>,
}

/// Pins the choice of these options, or of automatic selection.
///
/// # Errors
/// `Invalid` if the choice cannot be written without a secret, and the error of the selection.
pub(super) fn pinned(options: &AuthOptions, deadline: Deadline) -> Result<Choice, Error> {
    let mut choice = Choice::default();
    choice.pin_credentials(options, deadline)?;
    let mut add =
        |flag: &str, value: &str| choice.arguments.extend([flag.to_owned(), value.trim().to_owned()]);
    if let Some(id) = &options.impersonate {
        add("--impersonate", id);
    }
    if let Some(audience) = &options.audience {
        add("--audience", audience);
    }
    let endpoint = options.endpoint.clone().or(variable(ENDPOINT)?);
    if let Some(text) = &endpoint {
        check_endpoint(text)
            .map_err(|error| error.at(if options.endpoint.is_some() { "--endpoint" } else { ENDPOINT }))?;
        add("--endpoint", text);
    }
    choice.endpoint = endpoint.or(choice.endpoint);
    let folder = shared_cache::named_folder(options.cache_dir.as_deref(), &System::real())?;
    match folder.filter(|_| !options.no_cache) {
        None => choice.arguments.push("--no-cache".to_owned()),
        Some(folder) if options.cache_dir.is_some() || variable("YC_AUTH_CACHE_DIR")?.is_some() => {
            add("--cache-dir", &absolute(folder.path())?);
        }
        Some(folder) => choice.cache_folder = Some(absolute(folder.path())?),
    }
    choice.check_characters()?;
    Ok(choice)
}

/// The check of `--endpoint` in every other command: an address may hold a password, which is not written either.
fn check_endpoint(text: &str) -> Result<(), Error> {
    unused::check_endpoint(&System::real().with_endpoints(Endpoints::new().api(text.trim())))
}

impl Choice {
    /// A line break would end the line of a file in the middle of a command.
    fn check_characters(&self) -> Result<(), Error> {
        let mut flag = "";
        for argument in &self.arguments {
            if argument.chars().any(char::is_control) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "the value has a control character, such as a line break",
                )
                .at(flag)
                .with_help("give another path or name: the files of tools cannot hold this one"));
            }
            flag = argument;
        }
        Ok(())
    }

    fn pin_credentials(&mut self, options: &AuthOptions, deadline: Deadline) -> Result<(), Error> {
        let named = options.method.filter(|method| *method != MethodName::Impersonation);
        self.method = named.map(MethodName::method);
        if let Some(value) = &options.auth {
            return self.pin_value(value, options, deadline);
        }
        if let Some(file) = &options.key_file {
            return self.pin_file(Place::KEY_FILE, file, "--key-file", options, deadline);
        }
        let method = match self.method {
            Some(method) => method,
            None => {
                let report = credentials::select(options, deadline).map_err(for_a_tool)?;
                let selected = report.selected().map(|attempt| attempt.method);
                selected.ok_or_else(|| {
                    for_a_tool(Error::new(ErrorKind::NotConfigured, "no credentials were found"))
                })?
            }
        };
        self.method = Some(method);
        self.pin_method(method, options, deadline)
    }

    /// `--auth`: a file only.
    fn pin_value(
        &mut self,
        value: &AuthValue,
        options: &AuthOptions,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let AuthValue::File(path) = value else {
            return Err(Error::new(ErrorKind::Invalid, "a secret cannot be written to the file of a tool")
                .at("--auth")
                .with_help(into_a_file("the secret", "--auth @FILE")));
        };
        let kind = options.method.filter(|method| *method != MethodName::Impersonation);
        self.pin_file(Place { kind, ..Place::AUTH }, path, "--auth", options, deadline)
    }

    fn pin_file(
        &mut self,
        place: Place,
        path: &Path,
        location: &str,
        options: &AuthOptions,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let Place { flag, prefix, kind } = place;
        let absolute = value_check::readable_path(path, flag, prefix, location)?;
        let method = value_check::method_of(&absolute, kind, options, deadline)?;
        if let (Some(kind), "--auth") = (kind, flag) {
            self.arguments.extend(["--method".to_owned(), kind.method().name().to_owned()]);
        }
        self.method = method;
        self.arguments.extend([flag.to_owned(), format!("{prefix}{absolute}")]);
        #[cfg(unix)]
        if let Ok(found) = fs::metadata(&absolute)
            && std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0
        {
            self.remarks.push(format!("other users can read {absolute}: run `chmod 600` on the file"));
        }
        self.file = Some(absolute);
        Ok(())
    }

    fn pin_method(&mut self, method: Method, options: &AuthOptions, deadline: Deadline) -> Result<(), Error> {
        let auth = |kind| Place { kind: Some(kind), ..Place::AUTH };
        let mut pin =
            |place, path: String, name| self.pin_file(place, Path::new(&path), name, options, deadline);
        match method {
            Method::ApiKey => pin(
                auth(MethodName::ApiKey),
                file_of_variable("YC_API_KEY", "YC_API_KEY_FILE")?,
                "YC_API_KEY_FILE",
            ),
            Method::OAuthToken => pin(
                auth(MethodName::OauthToken),
                file_of_variable("YC_OAUTH_TOKEN", "YC_OAUTH_TOKEN_FILE")?,
                "YC_OAUTH_TOKEN_FILE",
            ),
            Method::ServiceAccountKey => match variable("YC_SERVICE_ACCOUNT_KEY_FILE")? {
                Some(value) if value_check::is_key_itself(&value) => {
                    Err(held_by("YC_SERVICE_ACCOUNT_KEY_FILE", "--key-file FILE"))
                }
                Some(path) => pin(Place::KEY_FILE, path, "YC_SERVICE_ACCOUNT_KEY_FILE"),
                None => Err(not_set("YC_SERVICE_ACCOUNT_KEY_FILE")),
            },
            Method::TokenFile => match variable("YC_IAM_TOKEN_FILE")? {
                Some(path) => pin(auth(MethodName::IamToken), path, "YC_IAM_TOKEN_FILE"),
                None => Err(not_set("YC_IAM_TOKEN_FILE")),
            },
            Method::IamToken => Err(short_lived("YC_IAM_TOKEN")),
            Method::EnvIamToken => Err(short_lived("YC_TOKEN")),
            Method::None => {
                Err(Error::new(ErrorKind::Invalid, "the method none gives a tool no token").at("--method"))
            }
            Method::WorkloadIdentity => self.pin_workload_identity(),
            Method::Metadata => {
                self.pin_name(method);
                self.need(&["YC_METADATA_ADDR"])
            }
            Method::Profile | Method::YandexCloudCli => {
                self.pin_name(method);
                let (profile, endpoint) = profile_of(method, options.profile.as_deref().map(str::trim))?;
                self.endpoint = endpoint;
                if let Some(profile) = profile {
                    self.arguments.extend(["--profile".to_owned(), profile]);
                }
                Ok(())
            }
            method => Err(Error::new(
                ErrorKind::Invalid,
                format!("{method} cannot be written to the file of a tool"),
            )),
        }
    }

    fn pin_name(&mut self, method: Method) {
        self.arguments.extend(["--method".to_owned(), method.name().to_owned()]);
    }

    /// The token of the issuer is renewed in its file or by the job, and the variables that name it hold no secret.
    fn pin_workload_identity(&mut self) -> Result<(), Error> {
        if variable("YC_OIDC_TOKEN_FILE")?.is_none() && variable("YC_OIDC_TOKEN")?.is_some() {
            return Err(short_lived("YC_OIDC_TOKEN"));
        }
        self.pin_name(Method::WorkloadIdentity);
        self.need(&["YC_OIDC_TOKEN_FILE", "YC_SERVICE_ACCOUNT_ID", "YC_OAUTH_ENDPOINT"])?;
        if variable("YC_OIDC_TOKEN_FILE")?.is_none() { self.need(&OF_A_JOB) } else { Ok(()) }
    }

    fn need(&mut self, names: &[&'static str]) -> Result<(), Error> {
        for name in names {
            if variable(name)?.is_some() {
                self.variables.push(name);
            }
        }
        Ok(())
    }
}

/// A flag that takes a file, and what has to be in the file.
#[derive(Clone, Copy)]
struct Place {
    flag: &'static str,
    prefix: &'static str,
    kind: Option<MethodName>,
}

impl Place {
    const AUTH: Self = Self { flag: "--auth", prefix: "@", kind: None };
    const KEY_FILE: Self = Self { flag: "--key-file", prefix: "", kind: Some(MethodName::ServiceAccountKey) };
}

/// The file in one variable; a secret in the other variable is refused.
fn file_of_variable(value: &'static str, file: &'static str) -> Result<String, Error> {
    if variable(value)?.is_some() {
        return Err(held_by(value, "--auth @FILE"));
    }
    variable(file)?.ok_or_else(|| not_set(value))
}

/// The error without credentials: a secret in a variable is no help for a tool.
fn for_a_tool(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotConfigured => error.with_help(
            "name the credentials for the tool: `--key-file FILE` (or set YC_SERVICE_ACCOUNT_KEY_FILE), `--auth @FILE`, \
             `--method metadata`, `--method yandex-cloud-cli`",
        ),
        _ => error,
    }
}

/// The named profile, else the one that yc uses now: another profile would be another identity. With its endpoint.
fn profile_of(method: Method, named: Option<&str>) -> Result<(Option<String>, Option<String>), Error> {
    let runtime = new_runtime().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
    let read = async {
        match named {
            Some(name) => ProfileAuth::named(name).profile(&System::real()).await,
            None => Profile::read(&System::real()).await,
        }
    };
    match (runtime.block_on(read), named) {
        (Ok(profile), _) => Ok((Some(profile.name), profile.endpoint)),
        (Err(_), Some(name)) => Ok((Some(name.to_owned()), None)),
        // yc itself may find its configuration elsewhere.
        (Err(_), None) if method == Method::YandexCloudCli => Ok((variable("YC_PROFILE")?, None)),
        (Err(error), None) => Err(error),
    }
}

/// A variable; an empty one counts as unset.
pub(super) fn variable(name: &str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Error::new(ErrorKind::Invalid, "the value is not UTF-8 text").at(name))
        }
    }
}

/// The path for a tool that runs in another folder.
pub(super) fn absolute(path: &Path) -> Result<String, Error> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.into_os_string().into_string().map_err(|path| {
        Error::new(ErrorKind::Invalid, "the path is not UTF-8 text, so no file of a tool can name it")
            .at(path.display().to_string())
    })
}

fn held_by(name: &str, flag: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "the secret is in this variable alone: a tool has no such variable, and `setup` writes no secret to its files",
    )
    .at(name)
    .with_help(into_a_file(&format!("the value of {name}"), flag))
}

pub(super) fn into_a_file(what: &str, flag: &str) -> String {
    let how = what.strip_prefix("the value of ").map_or_else(
        || "for example `(umask 077; cat > ~/.config/yc-key)`".to_owned(),
        |name| format!("`(umask 077; printenv {name} > ~/.config/yc-key)`"),
    );
    format!("put {what} into a file that only you can read (mode 0600), {how}, and give `{flag}`")
}

fn short_lived(name: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "the token is in this variable alone: a tool has no such variable, and `setup` writes no token, which lives for hours, to its files",
    )
    .at(name)
    .with_help(
        "choose credentials that give new tokens: `--key-file FILE`, `--method metadata`, `--method yandex-cloud-cli`; or \
         let a program renew the token in a file of mode 0600, and give `--method iam-token --auth @FILE`",
    )
}

fn not_set(name: &str) -> Error {
    Error::new(ErrorKind::NotConfigured, "the variable is not set")
        .at(name)
        .with_help("set the variable, or name other credentials: `--key-file FILE`, `--method metadata`")
}
