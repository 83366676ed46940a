//! The examples against a server that asks for a password in clear text inside TLS, as the clusters do, and records it.
#![allow(clippy::unwrap_used, reason = "so a test fails")]
#![allow(missing_docs, unreachable_pub, reason = "the examples are modules here")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use yandex_cloud_auth::{Credentials, Token};

#[allow(dead_code, reason = "its main function")]
#[path = "../examples/sqlx.rs"]
mod of_sqlx;
#[allow(dead_code, reason = "its main function")]
#[path = "../examples/tokio_postgres.rs"]
mod of_tokio_postgres;

/// The server: its port, the file with its authority, and the passwords that it got.
struct Server {
    port: u16,
    authority: PathBuf,
    passwords: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(name: &str) -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        std::fs::write(&authority, signed.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![signed.cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, passwords) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let (acceptor, of_task) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&passwords));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(session(stream, acceptor.clone(), Arc::clone(&of_task)));
            }
        });
        Self { port, authority, passwords }
    }

    fn passwords(&self) -> Vec<String> {
        self.passwords.lock().unwrap().clone()
    }
}

/// One connection: TLS, the question for the password, and then an empty answer to everything.
async fn session(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    passwords: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    // SSLRequest: the length 8 and a magic number.
    let mut request = [0; 8];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request[4..], [4, 210, 22, 47], "a connection without TLS");
    stream.write_all(b"S").await.ok()?;
    let mut stream = acceptor.accept(stream).await.ok()?;
    body(&mut stream).await?;
    // AuthenticationCleartextPassword.
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await.ok()?;
    assert_eq!(stream.read_u8().await.ok()?, b'p');
    let password = body(&mut stream).await?;
    passwords.lock().unwrap().push(String::from_utf8(password[..password.len() - 1].to_vec()).unwrap());
    // AuthenticationOk, ReadyForQuery.
    stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.ok()?;
    loop {
        let kind = stream.read_u8().await.ok()?;
        body(&mut stream).await?;
        match kind {
            b'X' => return None,
            // Sync and simple queries end with ReadyForQuery.
            b'S' => stream.write_all(b"Z\0\0\0\x05I").await.ok()?,
            b'Q' => stream.write_all(b"I\0\0\0\x04Z\0\0\0\x05I").await.ok()?,
            _ => {}
        }
    }
}

/// The rest of a message: its length, and so many bytes less four.
async fn body(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let length = stream.read_u32().await.ok()?;
    let mut body = vec![0; usize::try_from(length).ok()?.checked_sub(4)?];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// Tokens with a number, each after the refusal of the last one.
fn numbered() -> Credentials {
    let count = AtomicUsize::new(0);
    Credentials::from_fn(move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move { Ok(Token::new(format!("t1.fake.{number}"))?.expiring_in(Duration::from_secs(3600))) }
    })
}

/// The next call fetches a new token.
fn renew(credentials: &Credentials) {
    assert!(credentials.invalidate(&credentials.snapshot().unwrap()));
}

/// Everything here is over in a moment.
async fn in_time<T>(work: impl Future<Output = Result<T, Box<dyn Error>>>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("in time").unwrap()
}

#[tokio::test]
async fn each_new_connection_of_sqlx_has_the_token_of_the_moment() {
    let server = Server::start("sqlx").await;
    let options =
        PgConnectOptions::new_without_pgpass().host("localhost").port(server.port).username("ajefake");
    let options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(&server.authority);
    let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options.clone());
    let credentials = numbered();
    let first = in_time(of_sqlx::acquire(&pool, &options, &credentials)).await;
    renew(&credentials);
    let second = in_time(of_sqlx::acquire(&pool, &options, &credentials)).await;
    assert_eq!(server.passwords(), ["t1.fake.0", "t1.fake.1"]);
    // A connection that is open is used again, without a password.
    drop(first);
    let again = in_time(of_sqlx::acquire(&pool, &options, &credentials)).await;
    assert_eq!(server.passwords().len(), 2);
    drop((second, again));
}

#[tokio::test]
async fn each_new_connection_of_tokio_postgres_has_the_token_of_the_moment() {
    let server = Server::start("tokio-postgres").await;
    let tls = of_tokio_postgres::tls(server.authority.to_str().unwrap()).unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host("localhost").port(server.port).user("ajefake");
    let credentials = numbered();
    let first = in_time(of_tokio_postgres::connect(&config, &tls, &credentials)).await;
    renew(&credentials);
    let second = in_time(of_tokio_postgres::connect(&config, &tls, &credentials)).await;
    assert!(!first.is_closed() && !second.is_closed());
    assert_eq!(server.passwords(), ["t1.fake.0", "t1.fake.1"]);
}
