//! Listeners with TLS and keys, on loopback and outside.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use test_support::http_client::{get, raw};
use test_support::log::Log;
use test_support::raw_server::{Authority, Identity};
use test_support::tls_client;
use test_support::wait::on_runtime;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{Folder, ONE, of, start, tokens};

const NAME: &str = "agent.example";

/// The files of a certificate, and `tls` of a listener with them.
fn certificate(folder: &Folder, identity: &Identity) -> String {
    let [certificate, key] = identity.pem();
    let (certificate_file, key_file) = (folder.join("server.pem"), folder.join("server.key"));
    fs::write(&certificate_file, certificate).unwrap();
    write_key(&key_file, &key, 0o600);
    format!(
        "tls = {{ certificate = \"{}\", key = \"{}\" }}\n",
        certificate_file.display(),
        key_file.display()
    )
}

/// Writes a private key that these users can read.
fn write_key(path: &Path, key: &str, mode: u32) {
    // The file of an earlier mode may not be writable.
    let _ = fs::remove_file(path);
    fs::write(path, key).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = mode;
}

fn request(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {NAME}:{}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        address.port(),
        body.len()
    )
}

/// An admin listener on all addresses of the machine, with a key; the address on loopback.
async fn admin(folder: &Folder, authority: &Authority) -> (Agent, SocketAddr) {
    let tls = certificate(folder, &authority.certify(NAME));
    let key = folder.join("admin.key");
    let listen = format!(
        "{ONE}[[listen]]\nkind = \"admin\"\naddress = \"0.0.0.0:0\"\nallow_remote = true\n{tls}keys = [{{ file = \"{}\" }}]\n",
        key.display()
    );
    let agent = start(&listen, &tokens(), &TestClock::new()).await;
    let address = ([127, 0, 0, 1], agent.addresses()[0].port()).into();
    (agent, address)
}

#[test]
fn a_token_endpoint_with_a_certificate_speaks_tls_alone() {
    on_runtime(async {
        let (folder, authority) = (Folder::new(), Authority::new("FAKE CA"));
        let tls = certificate(&folder, &authority.certify(NAME));
        let client = folder.join("client.json");
        let config = format!(
            "{ONE}[[listen]]\nkind = \"oauth\"\naddress = \"0.0.0.0:0\"\nallow_remote = true\n{tls}client_file = \"{}\"\n",
            client.display()
        );
        let agent = start(&config, &tokens(), &TestClock::new()).await;
        let address: SocketAddr = ([127, 0, 0, 1], agent.addresses()[0].port()).into();
        let client: serde_json::Value = serde_json::from_slice(&fs::read(client).unwrap()).unwrap();
        let form =
            |secret: &str| format!("grant_type=client_credentials&client_id=yc-auth&client_secret={secret}");
        let post = |body: &str| {
            let content = "Content-Type: application/x-www-form-urlencoded\r\n";
            request(address, "POST", "/oauth2/token", content, body)
        };
        let good = post(&form(client["client_secret"].as_str().unwrap()));
        let granted = tls_client::raw(address, NAME, &authority, &good).await.unwrap();
        assert!(
            granted.starts_with("HTTP/1.1 200 ") && granted.contains("\"access_token\":\"t1."),
            "{granted}"
        );
        let wrong = tls_client::raw(address, NAME, &authority, &post(&form("wrong"))).await.unwrap();
        assert!(wrong.starts_with("HTTP/1.1 401 ") && !wrong.contains("t1."), "{wrong}");
        // The same request without TLS, and a client that trusts somebody else.
        let plain = String::from_utf8_lossy(&raw(address, good.as_bytes()).await).into_owned();
        assert!(!plain.contains("HTTP/") && !plain.contains("t1."), "{plain}");
        assert!(tls_client::raw(address, NAME, &Authority::new("OTHER CA"), &good).await.is_err());
        assert!(tls_client::raw(address, "other.example", &authority, &good).await.is_err());
    });
}

#[test]
fn a_listener_outside_loopback_answers_nobody_without_its_key() {
    on_runtime(async {
        let (folder, authority) = (Folder::new(), Authority::new("FAKE CA"));
        let (_agent, address) = admin(&folder, &authority).await;
        let key = fs::read_to_string(folder.join("admin.key")).unwrap();
        assert!(key.len() >= 43, "{}", key.len());
        let basic = |text: String| format!("Authorization: Basic {}\r\n", STANDARD.encode(text));
        let ask = async |path: &str, header: &str| {
            tls_client::raw(address, NAME, &authority, &request(address, "GET", path, header, ""))
                .await
                .unwrap()
        };
        for path in ["/", "/livez", "/readyz", "/readyz/one", "/metrics", "/other"] {
            for header in [
                String::new(),
                "Authorization: Bearer wrong\r\n".to_owned(),
                format!("Authorization: Bearer {key}x\r\n"),
                format!("Authorization: {key}\r\n"),
                basic(key.clone()),
                basic(format!("{key}:")),
                // Which of two a proxy in front has checked is not known.
                format!("Authorization: Bearer {key}\r\nAuthorization: Bearer {key}\r\n"),
            ] {
                let response = ask(path, &header).await;
                assert!(response.starts_with("HTTP/1.1 401 "), "{path} {response}");
                assert!(response.contains("www-authenticate: Basic realm"), "{response}");
                assert!(!response.contains("one") && !response.contains("yc_auth_agent"), "{response}");
            }
        }
        for header in [format!("Authorization: bearer {key}\r\n"), basic(format!("anybody:{key}"))] {
            assert!(ask("/", &header).await.contains("<td>one</td>"));
            assert!(ask("/metrics", &header).await.contains("yc_auth_agent_ready"));
        }
    });
}

#[cfg(unix)]
#[test]
fn the_file_of_a_key_is_made_once_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let log = Log::of_target("yandex_cloud_auth_agent");
    let folder = Folder::new();
    let file = folder.join("admin.key");
    let config = format!(
        "{ONE}[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\nkeys = [{{ file = \"{}\" }}]\n",
        file.display()
    );
    log.of(|| on_runtime(async { drop(start(&config, &tokens(), &TestClock::new()).await) }));
    let key = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(log.lines().iter().any(|line| line.contains("made the key")), "{:?}", log.lines());
    assert!(!log.lines().iter().any(|line| line.contains(&key)));
    let begin = |text: &str, mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let started = Agent::start(Config::parse(&config).unwrap(), of(&tokens(), &TestClock::new()));
        on_runtime(async { started.await.map(drop) })
    };
    begin(&format!("{key}\n"), 0o600).unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{key}\n"),
        "the agent does not write to it again"
    );
    for (text, mode, reason) in [
        (key.as_str(), 0o644, "others can read"),
        ("short", 0o600, "no key"),
        ("sixteen letters with a space", 0o600, "no key"),
        ("", 0o600, "no key"),
    ] {
        let error = begin(text, mode).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!format!("{error} {error:?}").contains("sixteen"), "{error}");
    }
}

#[test]
fn a_new_certificate_is_taken_with_a_new_reading_of_the_configuration() {
    on_runtime(async {
        let (folder, old, new) = (Folder::new(), Authority::new("OLD CA"), Authority::new("NEW CA"));
        let port = crate::common::free_port();
        let address: SocketAddr = ([127, 0, 0, 1], port).into();
        let listen = |tls: &str| format!("{ONE}[[listen]]\nkind = \"admin\"\naddress = \"{address}\"\n{tls}");
        let text = listen(&certificate(&folder, &old.certify("localhost")));
        let (source, clock) = (tokens(), TestClock::new());
        let mut agent = start(&text, &source, &clock).await;
        let live = format!("GET /livez HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        let asked = async |authority| tls_client::raw(address, "localhost", authority, &live).await;
        assert!(asked(&old).await.unwrap().ends_with("ok\n"));
        // The host of a listener on loopback is checked with TLS, too.
        let rebound = live.replace("localhost", "evil.example");
        let refused = tls_client::raw(address, "localhost", &old, &rebound).await.unwrap();
        assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");

        certificate(&folder, &new.certify("localhost"));
        assert!(asked(&new).await.is_err());
        agent.reload(Config::parse(&text).unwrap(), of(&source, &clock)).await.unwrap();
        assert!(asked(&new).await.unwrap().ends_with("ok\n"));
        assert!(asked(&old).await.is_err());

        // A pair that does not go together changes nothing.
        let [_, other_key] = old.certify("localhost").pem();
        fs::write(folder.join("server.key"), other_key).unwrap();
        let refused = agent.reload(Config::parse(&text).unwrap(), of(&source, &clock)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(asked(&new).await.unwrap().ends_with("ok\n"));

        agent.reload(Config::parse(&listen("")).unwrap(), of(&source, &clock)).await.unwrap();
        assert_eq!(get(&format!("http://{address}/livez"), &[]).await.text(), "ok\n");
    });
}

#[test]
fn an_error_about_a_certificate_names_the_file_and_repeats_nothing_of_it() {
    let (folder, authority) = (Folder::new(), Authority::new("FAKE CA"));
    let tls = certificate(&folder, &authority.certify(NAME));
    let [_, key] = authority.certify(NAME).pem();
    let text = format!("{ONE}[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\n{tls}");
    let secret = key.lines().nth(1).unwrap().to_owned();
    for (file, content) in
        [("server.pem", key.as_str()), ("server.pem", ""), ("server.key", "t1.fake"), ("server.key", &key)]
    {
        certificate(&folder, &authority.certify(NAME));
        fs::write(folder.join(file), content).unwrap();
        let started = Agent::start(Config::parse(&text).unwrap(), of(&tokens(), &TestClock::new()));
        let error = on_runtime(async { started.await.map(drop) }).unwrap_err();
        let text = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        assert!(text.contains("server.") && error.help().is_some(), "{text}");
        assert!(!text.contains(&secret) && !text.contains("t1.fake"), "{text}");
    }
}

/// A key that others can read is theirs, too. The rule is that of the files of keys of clients.
#[cfg(unix)]
#[test]
fn a_private_key_that_others_can_read_is_refused() {
    on_runtime(async {
        let (folder, authority) = (Folder::new(), Authority::new("FAKE CA"));
        let identity = authority.certify("localhost");
        let tls = certificate(&folder, &identity);
        let [_, key] = identity.pem();
        let (key_file, client) = (folder.join("server.key"), folder.join("client.json"));
        let of_kind = |kind: &str, more: &str| {
            let listen = format!("[[listen]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:0\"\n{tls}{more}\n");
            Config::parse(&(ONE.to_owned() + &listen)).unwrap()
        };
        let client_file = format!("client_file = \"{}\"", client.display());
        let keys = format!("keys = [{{ file = \"{}\" }}]", folder.join("gateway.key").display());
        let (source, clock) = (tokens(), TestClock::new());
        for config in [of_kind("admin", ""), of_kind("oauth", &client_file), of_kind("gateway", &keys)] {
            for mode in [0o644, 0o604, 0o620, 0o660] {
                write_key(&key_file, &key, mode);
                let told = format!("{mode:o} {config:?}");
                let checked = Agent::check(&config, of(&source, &clock)).expect_err(&told);
                let started = Agent::start(config.clone(), of(&source, &clock)).await.expect_err(&told);
                for error in [checked, started] {
                    let place = key_file.display().to_string();
                    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(place.as_str())));
                    assert!(error.to_string().contains("others can read the file"), "{mode:o}: {error}");
                }
            }
            for mode in [0o600, 0o400] {
                write_key(&key_file, &key, mode);
                Agent::check(&config, of(&source, &clock)).unwrap();
                let mut agent = Agent::start(config.clone(), of(&source, &clock)).await.unwrap();
                // A new reading of the configuration has the same rule, and changes nothing then.
                write_key(&key_file, &key, 0o644);
                let error = agent.reload(config.clone(), of(&source, &clock)).await.unwrap_err();
                assert!(error.to_string().contains("others can read the file"), "{error}");
            }
        }
    });
}
