//! TLS: which certificates are trusted, where the authorities come from, and the message for a refused certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_support::raw_server::{Authority, RawServer};
use yandex_cloud_auth::System;
use yandex_cloud_auth::system::{Environment, HttpError, HttpFault, HttpOptions, HttpTransport};
use yandex_cloud_auth::testing::TestEnvironment;

use super::{get, send, transport};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

/// A temporary folder, removed after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("transport-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        text(&path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn url(server: &RawServer) -> String {
    format!("https://localhost:{}/", server.address.port())
}

async fn body(transport: &dyn HttpTransport, url: &str) -> Result<Vec<u8>, HttpError> {
    send(transport, get(url), HttpOptions::new()).await.map(http::Response::into_body)
}

#[tokio::test]
async fn an_added_authority_is_trusted() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("localhost"), OK);
    let transport = transport(&[]).with_root_certificate_pem(authority.pem().as_bytes()).unwrap();
    assert_eq!(body(&transport, &url(&server)).await.unwrap(), b"secret");
    assert!(server.request().contains(&format!("host: localhost:{}\r\n", server.address.port())));
}

#[tokio::test]
async fn an_added_authority_is_trusted_beside_ssl_cert_file_and_other_added_ones() {
    let [first, second, third] = ["first", "second", "third"].map(Authority::new);
    let folder = Folder::new();
    let file = folder.write("ca.pem", &first.pem());
    let transport = transport(&[("SSL_CERT_FILE", &file)])
        .with_root_certificate_pem(second.pem().as_bytes())
        .and_then(|transport| transport.with_root_certificate_pem(third.pem().as_bytes()))
        .unwrap();
    for authority in [first, second, third] {
        let server = RawServer::tls(&authority.certify("localhost"), OK);
        assert_eq!(body(&transport, &url(&server)).await.unwrap(), b"secret");
    }
}

#[tokio::test]
async fn the_variables_of_the_injected_environment_choose_the_authorities() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("localhost"), OK);
    let (folder, other) = (Folder::new(), Folder::new());
    let file = folder.write("ca.pem", &authority.pem());
    let directories = format!("{}:{}", text(&other.0), text(&folder.0));
    for variables in [[("SSL_CERT_FILE", file.as_str())], [("SSL_CERT_DIR", &directories)]] {
        assert_eq!(body(&transport(&variables), &url(&server)).await.unwrap(), b"secret", "{variables:?}");
        let system = System::real().with_environment(TestEnvironment::new(variables));
        assert_eq!(body(system.http().unwrap(), &url(&server)).await.unwrap(), b"secret", "{variables:?}");
    }
}

#[tokio::test]
async fn an_added_authority_stays_when_the_environment_is_replaced() {
    let [authority, other] = ["ours", "other"].map(Authority::new);
    let server = RawServer::tls(&authority.certify("localhost"), OK);
    let folder = Folder::new();
    let file = folder.write("ca.pem", &other.pem());
    let environment: Arc<dyn Environment> = Arc::new(TestEnvironment::new([("SSL_CERT_FILE", &file)]));
    let transport = transport(&[]).with_root_certificate_pem(authority.pem().as_bytes()).unwrap();
    let moved = transport.in_environment(&environment).unwrap();
    assert_eq!(body(&*moved, &url(&server)).await.unwrap(), b"secret");
}

#[tokio::test]
async fn an_invalid_certificate_is_refused_with_the_reason() {
    let [authority, other] = ["ours", "other"].map(Authority::new);
    let renewed = Authority::new("ours");
    let folder = Folder::new();
    let file = folder.write("ca.pem", &authority.pem());
    for (identity, reason) in [
        (other.certify("localhost"), "the server's certificate comes from an unknown issuer"),
        (renewed.certify("localhost"), "the server's certificate is not signed by the CA that it names"),
        (authority.certify("iam.example"), "the server's certificate is for another name"),
        (
            authority.certify_expired("localhost"),
            "the server's certificate has expired, or the clock is wrong",
        ),
    ] {
        let server = RawServer::tls(&identity, OK);
        let error = body(&transport(&[("SSL_CERT_FILE", &file)]), &url(&server)).await.unwrap_err();
        assert_eq!((error.fault(), error.to_string().as_str()), (HttpFault::Tls, reason));
        assert!(!server.received_request());
    }
}

#[tokio::test]
async fn an_error_says_that_the_server_does_not_speak_tls() {
    let authority = Authority::new("ours");
    let transport = transport(&[]).with_root_certificate_pem(authority.pem().as_bytes()).unwrap();
    let server = RawServer::start(|mut stream, _| {
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let error = body(&transport, &url(&server)).await.unwrap_err();
    assert_eq!(
        (error.fault(), error.to_string().as_str()),
        (HttpFault::Tls, "the server does not speak TLS")
    );

    let server = RawServer::start(|stream, _| drop(stream));
    assert_eq!(body(&transport, &url(&server)).await.unwrap_err().fault(), HttpFault::Tls);
}

#[tokio::test]
async fn unreadable_authorities_fail_only_tls_and_are_read_again() {
    let authority = Authority::new("ours");
    let folder = Folder::new();
    let file = text(&folder.0.join("ca.pem"));
    let transport = transport(&[("SSL_CERT_FILE", &file)]);

    let plain = RawServer::replying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(body(&transport, &plain.url("/")).await.unwrap(), b"");

    let server = RawServer::tls(&authority.certify("localhost"), OK);
    let error = body(&transport, &url(&server)).await.unwrap_err();
    assert_eq!(error.fault(), HttpFault::NoAuthorities);
    assert_eq!(error.to_string(), format!("there is no CA certificate to trust: {file}: entity not found"));

    folder.write("ca.pem", &authority.pem());
    assert_eq!(body(&transport, &url(&server)).await.unwrap(), b"secret");

    std::fs::remove_file(&file).unwrap();
    assert_eq!(body(&transport, &url(&server)).await.unwrap(), b"secret", "read once, then kept");
}

#[tokio::test]
async fn an_unusable_file_is_named_with_the_reason() {
    let folder = Folder::new();
    let key = folder.write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let broken =
        folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!HUSH\n-----END CERTIFICATE-----\n");
    let no_authority =
        folder.write("no-authority.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let empty = text(&Folder::new().0);
    let folder = text(&folder.0);
    for (variable, path, reason) in [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "/nonexistent/ca.pem: entity not found"),
        ("SSL_CERT_FILE", &*folder, &*format!("{folder}: is a directory")),
        ("SSL_CERT_FILE", "/dev/null", "/dev/null: there is no certificate in the file"),
        ("SSL_CERT_FILE", &*key, &*format!("{key}: there is no certificate in the file")),
        ("SSL_CERT_FILE", &*broken, &*format!("{broken}: the file is not PEM")),
        ("SSL_CERT_FILE", &*no_authority, "no certificate can be used as an authority"),
        // Without a bound, the read would not end.
        ("SSL_CERT_FILE", "/dev/zero", "/dev/zero: file too large"),
        ("SSL_CERT_DIR", "/nonexistent", "/nonexistent: entity not found"),
        ("SSL_CERT_DIR", &*empty, &*format!("{empty}: entity not found")),
    ] {
        let error = body(&transport(&[(variable, path)]), "https://localhost:1/").await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::NoAuthorities, "{error}");
        assert_eq!(error.to_string(), format!("there is no CA certificate to trust: {reason}"));
    }
}

#[tokio::test]
async fn an_empty_variable_is_an_unset_one() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("localhost"), OK);
    let folder = Folder::new();
    folder.write("ca.pem", &authority.pem());
    let variables = [("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", &text(&folder.0))];
    assert_eq!(body(&transport(&variables), &url(&server)).await.unwrap(), b"secret");
    let added = transport(&[("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")])
        .with_root_certificate_pem(authority.pem().as_bytes())
        .unwrap();
    assert_eq!(body(&added, &url(&server)).await.unwrap(), b"secret");
}

#[tokio::test]
async fn a_file_that_hangs_costs_one_thread_for_all_requests() {
    let folder = Folder::new();
    let pipe = folder.0.join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let transport = transport(&[("SSL_CERT_FILE", &text(&pipe))]);
    for _ in 0..3 {
        // The caller leaves.
        let request = transport.send(get("https://localhost:1/"), HttpOptions::new());
        assert!(tokio::time::timeout(Duration::from_millis(20), request).await.is_err());
    }
    // One reader, so one writer serves all of them.
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("localhost"), OK);
    std::fs::write(&pipe, authority.pem()).unwrap();
    assert_eq!(body(&transport, &url(&server)).await.unwrap(), b"secret");
}

#[test]
fn a_text_without_a_certificate_is_refused() {
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let error = transport(&[]).with_root_certificate_pem(pem.as_bytes()).unwrap_err();
        assert_eq!(error.fault(), HttpFault::Tls, "{pem}");
        assert!(error.to_string().starts_with("the CA certificate is unusable: "), "{error}");
    }
}

#[tokio::test]
async fn the_authorities_are_read_again_after_a_failed_handshake() {
    let [old, new] = ["old", "new"].map(Authority::new);
    let folder = Folder::new();
    let file = folder.write("ca.pem", &old.pem());
    let transport = transport(&[("SSL_CERT_FILE", &file)]);
    let before = RawServer::tls(&old.certify("localhost"), OK);
    assert_eq!(body(&transport, &url(&before)).await.unwrap(), b"secret");

    folder.write("ca.pem", &new.pem());
    let after = RawServer::tls(&new.certify("localhost"), OK);
    assert_eq!(body(&transport, &url(&before)).await.unwrap(), b"secret", "not read again without a failure");
    assert_eq!(body(&transport, &url(&after)).await.unwrap_err().fault(), HttpFault::Tls);
    assert_eq!(body(&transport, &url(&after)).await.unwrap(), b"secret");
    assert_eq!(body(&transport, &url(&before)).await.unwrap_err().fault(), HttpFault::Tls);
}
