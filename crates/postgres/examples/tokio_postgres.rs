//! tokio-postgres: each new connection has a fresh IAM token as its password. An open connection outlives its token.
//!
//! `PGHOST`, `PGDATABASE`, `PGUSER` (the id of the subject) and `PGSSLROOTCERT` name the cluster, as for psql.

use std::env;
use std::error::Error;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use yandex_cloud_auth::Credentials;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    config.host(env::var("PGHOST")?).port(6432).dbname(env::var("PGDATABASE")?).user(env::var("PGUSER")?);
    let tls = tls(&env::var("PGSSLROOTCERT")?)?;
    let client = connect(&config, &tls, &Credentials::automatic()).await?;
    let row = client.query_one("select current_user::text", &[]).await?;
    println!("{}", row.get::<_, String>(0));
    Ok(())
}

/// TLS that trusts one authority. rustls always checks the name of the host.
pub fn tls(authority: &str) -> Result<MakeRustlsConnect, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    Ok(MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// A new connection, with the token of this moment as the password. Call this where a pool opens its connections.
pub async fn connect(
    config: &Config,
    tls: &MakeRustlsConnect,
    credentials: &Credentials,
) -> Result<tokio_postgres::Client, Box<dyn Error>> {
    let mut config = config.clone();
    // The token is the password in clear text inside TLS, so a connection without TLS is an error.
    config.ssl_mode(SslMode::Require);
    if let Some(token) = credentials.token().await? {
        config.password(token.expose_secret());
    }
    let (client, connection) = config.connect(tls.clone()).await?;
    // The connection ends with its client.
    tokio::spawn(connection);
    Ok(client)
}
