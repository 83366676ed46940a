//! The configuration of an agent: from a file, or from the options for one identity.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use yandex_cloud_auth::{Error, ErrorKind};
use yandex_cloud_auth_agent::{
    AdminConfig, Config, FileFormat, GatewayConfig, IdentityConfig, KeyConfig, KubernetesSecretConfig,
    Limits, ListenConfig, MetadataConfig, OauthConfig, ProbesConfig, SdsConfig, TlsConfig, TokenFileConfig,
};
use zeroize::Zeroizing;

use crate::arguments::{self, AuthOptions, AuthValue, MethodName, ServeOptions};

/// The largest configuration file.
const MAX_FILE: u64 = 1 << 20;

/// The name of the identity of the options.
const NAME: &str = "default";

/// The variable with the key of the clients of a gateway.
const GATEWAY_KEY: &str = "YC_AUTH_GATEWAY_KEY";

/// A configuration, and where it came from.
pub(super) struct Configuration {
    pub(super) config: Config,
    file: Option<PathBuf>,
    _trial: Trial,
}

/// The folders that a check has made, as a start makes them: they go with the value.
#[derive(Default)]
struct Trial(Vec<PathBuf>);

impl Trial {
    /// Makes a folder with those above it.
    fn make(&mut self, folder: &Path) -> std::io::Result<()> {
        let missing = folder.ancestors().take_while(|folder| std::fs::symlink_metadata(folder).is_err());
        self.0.extend(missing.map(Path::to_owned));
        std::fs::create_dir_all(folder)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // The lowest is first. One that has something in it by now stays.
        for folder in &self.0 {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

impl Configuration {
    /// Reads the file of the options, or takes the options themselves.
    ///
    /// # Errors
    /// `Invalid` if the file cannot be read, or if it is no configuration.
    pub(super) fn load(options: &ServeOptions) -> Result<Self, Error> {
        let Some(file) = &options.config else {
            let mut trial = Trial::default();
            let config = of_options(options, &mut trial)?;
            config.check()?;
            return Ok(Self { config, file: None, _trial: trial });
        };
        let at = |error: Error| about_file(error, file);
        let mut text = String::new();
        let read = std::fs::File::open(file).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
        read.map_err(|error| {
            at(Error::new(ErrorKind::Invalid, format!("cannot read the configuration: {error}")))
        })?;
        let folder = absolute(file);
        let config = Config::parse(&text).map_err(at)?.in_folder(folder.parent().unwrap_or(Path::new("/")));
        if config.listen.is_empty() {
            let error =
                Error::new(ErrorKind::Invalid, "nothing is served").with_help("add `[[listen]]` with a kind");
            return Err(at(error));
        }
        Ok(Self { config, file: Some(file.clone()), _trial: Trial::default() })
    }

    /// The error, with the file that it is about.
    pub(super) fn explain(&self, error: Error) -> Error {
        match &self.file {
            Some(file) => about_file(error, file),
            None => error,
        }
    }
}

/// The path from the root: a log is read in another folder than that of the process.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn about_file(error: Error, file: &Path) -> Error {
    let place = match error.location() {
        Some(location) => format!("{}: {location}", file.display()),
        None => file.display().to_string(),
    };
    error.at(place)
}

/// One identity with the listeners of the options.
fn of_options(options: &ServeOptions, trial: &mut Trial) -> Result<Config, Error> {
    let tls = options.tls_certificate.clone().zip(options.tls_key.clone());
    let tls = tls.map(|(certificate, key)| TlsConfig { certificate, key });
    let allow_remote = options.allow_remote;
    let mut listen = Vec::new();
    if let Some(address) = options.metadata {
        listen.push(ListenConfig::Metadata(MetadataConfig {
            address,
            identity: None,
            allow_uids: options.allow_uid.clone(),
            pod_network: options.pod_network,
            limits: Limits::default(),
        }));
    }
    if let Some(address) = options.oauth {
        let client_file = match &options.oauth_client {
            Some(file) => absolute(file),
            None => state_file(options, "oauth-client.json", "with `--oauth-client FILE`", trial)?,
        };
        listen.push(ListenConfig::Oauth(OauthConfig {
            address,
            identity: None,
            client_file,
            allow_remote,
            tls: tls.clone(),
            limits: Limits::default(),
        }));
    }
    if let Some(address) = options.gateway {
        let key = gateway_key(options, trial)?;
        let gateway = GatewayConfig { allow_remote, tls: tls.clone(), ..GatewayConfig::new(address, key) };
        listen.push(ListenConfig::Gateway(gateway));
    }
    if let Some(path) = &options.sds {
        let sds = SdsConfig { allow_uids: options.allow_uid.clone(), ..SdsConfig::at(path) };
        listen.push(ListenConfig::Sds(sds));
    }
    if let Some(path) = &options.token_file {
        listen.push(ListenConfig::TokenFile(TokenFileConfig {
            path: path.clone(),
            identity: None,
            format: match options.format {
                arguments::FileFormat::Bare => FileFormat::Bare,
                arguments::FileFormat::Header => FileFormat::Header,
                arguments::FileFormat::Pgpass => FileFormat::Pgpass,
                arguments::FileFormat::Dotenv => FileFormat::Dotenv,
            },
            mode: options.mode.clone(),
            group: options.group.clone(),
            host: options.host.clone(),
            user: options.user.clone(),
        }));
    }
    if let Some((namespace, name)) =
        options.kubernetes_secret.as_ref().and_then(|secret| secret.split_once('/'))
    {
        listen.push(ListenConfig::KubernetesSecret(KubernetesSecretConfig::new(namespace, name)));
    }
    if let Some(address) = options.admin {
        listen.push(ListenConfig::Admin(AdminConfig {
            address,
            keys: options.admin_key.iter().map(|file| KeyConfig::file(absolute(file))).collect(),
            allow_remote,
            tls,
            limits: Limits::default(),
        }));
    }
    let probes = |address| ListenConfig::Probes(ProbesConfig { address, limits: Limits::default() });
    listen.extend(options.probes.map(probes));
    let identity =
        IdentityConfig { name: NAME.to_owned(), folder: options.folder.clone(), ..IdentityConfig::default() };
    let drain_seconds = options.drain.map(|drain| drain.as_secs_f64());
    Ok(Config { identity: vec![identity], listen, drain_seconds })
}

/// The key of the clients of a gateway: the file of the option, the variable, or a file that the agent makes.
fn gateway_key(options: &ServeOptions, trial: &mut Trial) -> Result<KeyConfig, Error> {
    if let Some(AuthValue::File(file)) = &options.gateway_key {
        return Ok(KeyConfig::file(absolute(file)));
    }
    if options.gateway_key.is_some() {
        return Err(Error::new(ErrorKind::Invalid, "the key would be visible in the list of processes")
            .at("--gateway-key")
            .with_help(format!("give the file with the key, as `@FILE`, or set {GATEWAY_KEY}")));
    }
    match std::env::var(GATEWAY_KEY) {
        Ok(value) if !value.trim().is_empty() => {
            let value = Some(Zeroizing::new(value));
            Ok(KeyConfig { value, ..KeyConfig::file(GATEWAY_KEY) })
        }
        _ => {
            let otherwise = "with `--gateway-key @FILE`, give the key itself in YC_AUTH_GATEWAY_KEY";
            Ok(KeyConfig::file(state_file(options, "gateway.key", otherwise, trial)?))
        }
    }
}

/// A file that the agent keeps, in the folder of systemd, else of the user. `otherwise`: how else the user can give its path.
fn state_file(
    options: &ServeOptions,
    name: &str,
    otherwise: &str,
    trial: &mut Trial,
) -> Result<PathBuf, Error> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = || {
        let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
        Some(state.join("yc-auth"))
    };
    let found = folder("STATE_DIRECTORY").or_else(of_user);
    let error = |reason: String| {
        Error::new(ErrorKind::Invalid, reason).with_help(format!(
            "give the path of the file {otherwise}, or set STATE_DIRECTORY to a folder that the agent can write to"
        ))
    };
    let found = found.ok_or_else(|| {
        error(format!(
            "there is no folder for {name}: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is an absolute path"
        ))
    })?;
    let cannot = |reason| error(format!("cannot make the folder for {name}: {reason}"));
    let made = if options.check { trial.make(&found) } else { std::fs::create_dir_all(&found) };
    made.map_err(|reason| cannot(reason).at(found.display().to_string()))?;
    Ok(found.join(name))
}

/// The options that an identity of a file stands for.
///
/// # Errors
/// `Invalid` if there is no such method, or if the method does not go with the other keys.
pub(super) fn auth_options(options: &ServeOptions, identity: &IdentityConfig) -> Result<AuthOptions, Error> {
    let method = identity.method.as_deref().map(|name| {
        MethodName::from_str(name, false).map_err(|_| {
            let names = MethodName::value_variants().iter().map(|method| method.method().name());
            Error::new(ErrorKind::Invalid, "there is no such method")
                .at("method")
                .with_help(format!("give one of {}", names.collect::<Vec<_>>().join(", ")))
        })
    });
    let auth = AuthOptions {
        auth: identity.auth_file.clone().map(AuthValue::File),
        method: method.transpose()?,
        key_file: identity.key_file.clone(),
        impersonate: identity.impersonate.clone(),
        audience: identity.audience.clone(),
        endpoint: identity.endpoint.clone().or_else(|| options.auth.endpoint.clone()),
        profile: identity.profile.clone(),
        no_cache: options.auth.no_cache || identity.cache == Some(false),
        ..options.auth.clone()
    };
    match auth.conflict(false) {
        Some(reason) => Err(Error::new(ErrorKind::Invalid, reason)),
        None => Ok(auth),
    }
}
