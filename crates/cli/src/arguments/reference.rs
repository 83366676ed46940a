//! The text after the options: examples, exit statuses and variables. Help and man page print the same tables.

/// What each exit status means; `failure.rs` maps errors to these numbers.
pub(crate) const EXIT_STATUS: [(u8, &str); 7] = [
    (0, "success"),
    (
        1,
        "any other failure: the output could not be written, a check of the demo failed, or credentials cannot be checked",
    ),
    (2, "the command line is invalid"),
    (3, "no credentials were found"),
    (4, "a value, file or address is invalid, or a secret would be sent to a host that must not get it"),
    (5, "a service or program is unavailable or did not respond in time; try the command again later"),
    (6, "a service or program refused the credentials, or the token has expired"),
];

/// The variables that the command reads, and their meaning.
pub(crate) fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    CREDENTIAL_VARIABLES.into_iter().chain(ADDRESS_VARIABLES).chain(OTHER_VARIABLES)
}

/// The variables that choose the credentials, or hold them: a command that this process runs has only those that this
/// process sets.
pub(crate) const CREDENTIAL_VARIABLES: [(&str, &str); 14] = [
    (
        "YC_AUTH_METHOD",
        "the one method that automatic selection uses: api-key, iam-token, oauth-token, service-account-key, \
         workload-identity, token-file, metadata, env-iam-token or yandex-cloud-cli",
    ),
    ("YC_API_KEY", "an API key of a service account (api-key)"),
    ("YC_API_KEY_FILE", "a file with an API key (api-key)"),
    ("YC_IAM_TOKEN", "an IAM token, used as it is (iam-token)"),
    ("YC_OAUTH_TOKEN", "an OAuth token issued before 2026-06-01 (oauth-token)"),
    ("YC_OAUTH_TOKEN_FILE", "a file with such an OAuth token (oauth-token)"),
    ("YC_SERVICE_ACCOUNT_KEY_FILE", "an authorized key, as a path or as JSON (service-account-key)"),
    ("YC_OIDC_TOKEN", "a token of another issuer, to be exchanged (workload-identity)"),
    ("YC_OIDC_TOKEN_FILE", "a file with a token of another issuer (workload-identity)"),
    ("YC_SERVICE_ACCOUNT_ID", "the service account of the exchanged tokens (workload-identity)"),
    (
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "the address of the tokens of GitHub or Forgejo, in a job (workload-identity)",
    ),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the token for this address, in a job (workload-identity)"),
    ("YC_IAM_TOKEN_FILE", "a file with an IAM token that another program renews (token-file)"),
    ("YC_TOKEN", "an IAM token that another program renews (env-iam-token)"),
];

/// The addresses of services that issue credentials. The emulator sets its own.
pub(crate) const ADDRESS_VARIABLES: [(&str, &str); 2] = [
    ("YC_METADATA_ADDR", "the address of the metadata service, if not the default (metadata)"),
    (
        "YC_OAUTH_ENDPOINT",
        "the authorization server, https://auth.yandex.cloud by default (workload-identity, whoami --ask)",
    ),
];

/// The other variables.
const OTHER_VARIABLES: [(&str, &str); 20] = [
    ("YC_PROFILE", "the yc profile (yandex-cloud-cli, profile)"),
    (
        "HOME",
        "the folder with .config/yandex-cloud/config.yaml (profile) and yandex-cloud/bin/yc (yandex-cloud-cli); on Windows \
         USERPROFILE",
    ),
    ("YC_FOLDER_ID", "the folder that whoami shows, if the method knows none, and that doctor --check names"),
    ("YC_API_ENDPOINT", "the API endpoint, api.cloud.yandex.net:443 by default"),
    ("PATH", "the folders where the command searches for yc, and `credential keyring` for the next keyring"),
    ("KUBERNETES_EXEC_INFO", "the version that kubectl expects (credential kubernetes)"),
    ("CLAUDE_CODE_MCP_SERVER_URL", "the URL of the MCP server that the headers are for (headers)"),
    (
        "HTTPS_PROXY",
        "the proxy for TLS hosts (http, https, socks5, socks5h); metadata requests never use one",
    ),
    ("ALL_PROXY", "the same, if HTTPS_PROXY is not set"),
    ("NO_PROXY", "the hosts, networks and ports without a proxy"),
    ("SSL_CERT_FILE", "the certificate authorities to trust, instead of the system's"),
    ("SSL_CERT_DIR", "folders with such certificate authorities"),
    ("YC_AUTH_CACHE", "on (the default) or off: whether the processes of this machine share their tokens"),
    ("YC_AUTH_CACHE_DIR", "the folder of the shared tokens, an absolute path"),
    ("XDG_RUNTIME_DIR", "the folder with that folder, `yc-auth`, by default"),
    ("XDG_CACHE_HOME", "the same, if XDG_RUNTIME_DIR is not set; else .cache in HOME"),
    ("YC_AUTH_GATEWAY_KEY", "the key of the clients of `serve --gateway`, in place of a file"),
    ("YC_AUTH_LOG", "the log level on standard error: off (the default), error, warn, info, debug or trace"),
    ("NO_COLOR", "turns color off on a terminal"),
    ("TERM", "no color either if this is `dumb`"),
];

/// The warning that follows the options of each subcommand with `--auth`.
pub(super) const SECRETS_ARE_VISIBLE: &str = "A secret in `--auth` is visible in the process list (`ps`) and in the \
    shell's history. Give it on standard input (`--auth -`), in a file or pipe (`--auth @FILE`), or in its variable.";

const EXAMPLES: &str = "  yc-auth header | curl -H @- https://ai.api.cloud.yandex.net/v1/models
  export YC_IAM_TOKEN=\"$(yc-auth token --key-file key.json)\"
  yc-auth token --auth @key.txt --format json
  yc-auth header --key-file key.json --impersonate aje…
  yc-auth doctor --check
  yc-auth demo";

/// The text after the options of the command itself; with both tables where `long`.
pub(super) fn after_help(long: bool) -> String {
    let mut text = format!("Examples:\n{EXAMPLES}\n\n{SECRETS_ARE_VISIBLE}");
    if long {
        text.push_str("\n\nExit status:");
        for (status, meaning) in EXIT_STATUS {
            text.push_str(&format!("\n  {status}  {meaning}"));
        }
        text.push_str("\n\nEnvironment (the method in parentheses uses the variable):");
        for (name, meaning) in variables() {
            text.push_str(&format!("\n  {name:30}  {meaning}"));
        }
    } else {
        text.push_str("\n\n`--help` lists the exit statuses and the variables.");
    }
    text
}
