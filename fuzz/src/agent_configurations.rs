use std::collections::BTreeSet;

use yandex_cloud_auth_agent::{Config, ListenConfig};

use crate::support::{assert_presentable, with_secrets};

/// What stands for a secret without the shape of one, and the secret.
const STAND_IN: &str = "@PASSWORD@";
const PASSWORD: &str = "Pa55word-canary0-of-the-fuzzer";

/// The configuration of an agent. An error of the parser never repeats a value, and a configuration that is accepted keeps
/// the rules for addresses outside loopback.
pub fn agent_configurations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = with_secrets(&text.replace(PASSWORD, "x").replace(STAND_IN, PASSWORD));
    match Config::parse(&text) {
        Ok(config) => assert_allowed(&config),
        Err(error) => {
            assert_presentable(&error);
            let line = error.to_string();
            // Other errors name an identity, a path or an object.
            if line.starts_with("line ") {
                assert!(!without_names(&line).contains(PASSWORD), "{line}");
            }
        }
    }
}

/// The error without the key or the kind that is unknown.
fn without_names(line: &str) -> String {
    let mut rest = line.to_owned();
    for start in ["unknown field `", "unknown variant `", "duplicate field `", "missing field `"] {
        if let Some((before, after)) = line.split_once(start) {
            rest = format!("{before}{}", after.split_once('`').map_or("", |(_, after)| after));
        }
    }
    rest
}

fn assert_allowed(config: &Config) {
    let names: Vec<_> = config.identity.iter().map(|identity| identity.name.as_str()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name is there twice: {names:?}");
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    assert!(names.iter().all(|name| is_name(name)), "{names:?}");
    assert!(config.drain().as_secs_f64() <= 3600.0);
    for listen in &config.listen {
        let identity = match listen {
            ListenConfig::Metadata(listen) => {
                assert!(listen.address.ip().is_loopback() || listen.pod_network, "{listen:?}");
                &listen.identity
            }
            ListenConfig::Oauth(listen) => {
                let is_guarded = listen.allow_remote && listen.tls.is_some();
                assert!(listen.address.ip().is_loopback() || is_guarded, "{listen:?}");
                &listen.identity
            }
            ListenConfig::Admin(listen) => {
                let is_guarded = listen.allow_remote && listen.tls.is_some() && !listen.keys.is_empty();
                assert!(listen.address.ip().is_loopback() || is_guarded, "{listen:?}");
                continue;
            }
            ListenConfig::Gateway(listen) => {
                let is_guarded = listen.allow_remote && listen.tls.is_some();
                assert!(listen.address.ip().is_loopback() || is_guarded, "{listen:?}");
                assert!(!listen.keys.is_empty(), "{listen:?}");
                let named = listen.keys.iter().filter_map(|key| key.identity.as_deref());
                named.for_each(|name| assert!(names.contains(&name), "{listen:?}"));
                if listen.keys.iter().all(|key| key.identity.is_some()) {
                    continue;
                }
                &listen.identity
            }
            ListenConfig::TokenFile(listen) => {
                let mode = listen.mode.as_deref().map_or(0o600, |mode| u32::from_str_radix(mode, 8).unwrap());
                assert!(mode & 0o137 == 0 && mode & 0o400 != 0, "{listen:?}");
                assert_ne!(listen.host.as_deref(), Some("*"));
                &listen.identity
            }
            ListenConfig::KubernetesSecret(listen) => {
                let lease = listen.lease.as_ref().unwrap_or(&listen.name);
                for name in [&listen.namespace, &listen.name, lease] {
                    let is_of_name = |byte: u8| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
                    };
                    // Each becomes a part of a path.
                    assert!(
                        name.bytes().all(is_of_name) && !name.is_empty() && !name.contains(".."),
                        "{name:?}"
                    );
                }
                let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                assert!(listen.key.bytes().all(is_of_key) && !listen.key.is_empty(), "{listen:?}");
                &listen.identity
            }
            ListenConfig::Sds(listen) => {
                let mode = listen.mode.as_deref().map(|mode| u32::from_str_radix(mode, 8).unwrap());
                assert!(matches!(mode, None | Some(0o600 | 0o660 | 0o666)), "{listen:?}");
                let of_secrets: BTreeSet<_> = listen.secrets.iter().map(|secret| &secret.name).collect();
                assert_eq!(of_secrets.len(), listen.secrets.len(), "a secret is there twice: {listen:?}");
                for name in of_secrets {
                    assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
                }
                for secret in &listen.secrets {
                    match &secret.identity {
                        Some(name) => assert!(names.contains(&name.as_str()), "{listen:?}"),
                        None => assert_eq!(names.len(), 1, "{listen:?}"),
                    }
                }
                continue;
            }
            ListenConfig::Probes(_) => continue,
        };
        match identity {
            Some(name) => assert!(names.contains(&name.as_str()), "{listen:?}"),
            None => assert_eq!(names.len(), 1, "{listen:?}"),
        }
    }
}
