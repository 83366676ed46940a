//! Examples alone: `examples/sqlx.rs` and `examples/tokio_postgres.rs`. Each gives every new connection a fresh IAM token as
//! its password.
