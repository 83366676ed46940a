//! sqlx: each new connection of a pool has a fresh IAM token as its password. An open connection outlives its token.
//!
//! `PGHOST`, `PGPORT` (6432), `PGDATABASE`, `PGUSER` (the id of the subject) and `PGSSLROOTCERT` name the cluster, as for psql.

use std::error::Error;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{PgPool, Postgres};
use yandex_cloud_auth::Credentials;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The token is the password in clear text inside TLS, so TLS has to check the name of the host.
    let options = PgConnectOptions::new_without_pgpass().ssl_mode(PgSslMode::VerifyFull);
    let credentials = Credentials::automatic();
    let pool = PgPoolOptions::new().max_connections(5).connect_lazy_with(options.clone());
    let mut connection = acquire(&pool, &options, &credentials).await?;
    let user: String = sqlx::query_scalar("select current_user").fetch_one(&mut *connection).await?;
    println!("{user}");
    Ok(())
}

/// A connection of the pool. If the pool has to open one, the token of this moment is the password. `token` returns at once
/// while a fresh token is cached.
pub async fn acquire(
    pool: &PgPool,
    options: &PgConnectOptions,
    credentials: &Credentials,
) -> Result<PoolConnection<Postgres>, Box<dyn Error>> {
    if let Some(token) = credentials.token().await? {
        pool.set_connect_options(options.clone().password(token.expose_secret()));
    }
    Ok(pool.acquire().await?)
}
