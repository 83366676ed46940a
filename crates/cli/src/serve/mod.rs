//! `yc-auth serve`: the agent in the foreground, until a signal ends it.

mod configuration;
mod sockets;

use std::io::Write;

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::{Credentials, Error};
use yandex_cloud_auth_agent::{Agent, Config, IdentityConfig};

use self::configuration::Configuration;
use crate::arguments::ServeOptions;
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::signals::Signals;

/// Serves until SIGINT, SIGTERM or SIGQUIT.
pub(crate) fn run(options: &ServeOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let configuration = Configuration::load(options)?;
    let credentials = |identity: &IdentityConfig| credentials_of(options, identity, deadline);
    if options.check {
        let checked = Agent::check(&configuration.config, credentials);
        checked.map_err(|error| configuration.explain(error))?;
        let Config { identity, listen, .. } = &configuration.config;
        writeln!(
            out,
            "the configuration is good: {}, {}",
            counted(identity.len(), "identity", "identities"),
            counted(listen.len(), "listener", "listeners")
        )?;
        return Ok(());
    }
    let runtime = new_runtime().map_err(|error| Failure::Other(format!("serve: cannot start: {error}")))?;
    runtime.block_on(async {
        let mut signals = Signals::listen();
        let config = configuration.config.clone();
        let started = match sockets::inherited() {
            Ok(sockets) => Agent::start_with(config, sockets, credentials).await,
            Err(error) => Err(error),
        };
        let mut agent = started.map_err(|error| configuration.explain(error))?;
        tell(&agent, "serving");
        notify(&[State::Ready]);
        loop {
            match signals.next().await {
                #[cfg(unix)]
                HANGUP => {
                    notify(&[State::Reloading]);
                    match reload(options, &mut agent, credentials).await {
                        Ok(()) => tell(&agent, "read the configuration again"),
                        Err(error) => {
                            tracing::error!(%error, "the new configuration is refused; the old one stays");
                        }
                    }
                    notify(&[State::Ready]);
                }
                INTERRUPT | TERMINATE | QUIT => break,
                _ => {}
            }
        }
        notify(&[State::Stopping]);
        tracing::info!("ending");
        tokio::select! {
            () = agent.drain() => {}
            // Whoever asks twice does not want to wait.
            signal = async {
                loop {
                    let signal = signals.next().await;
                    if [INTERRUPT, TERMINATE, QUIT].contains(&signal) {
                        break signal;
                    }
                }
            } => tracing::warn!(signal, "ending at once"),
        }
        Ok(())
    })
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

const INTERRUPT: i32 = 2;
const QUIT: i32 = 3;
const TERMINATE: i32 = 15;
#[cfg(unix)]
const HANGUP: i32 = 1;

#[cfg(unix)]
async fn reload(
    options: &ServeOptions,
    agent: &mut Agent,
    credentials: impl Fn(&IdentityConfig) -> Result<Credentials, Error>,
) -> Result<(), Error> {
    let configuration = Configuration::load(options)?;
    agent
        .reload(configuration.config.clone(), credentials)
        .await
        .map_err(|error| configuration.explain(error))
}

fn credentials_of(
    options: &ServeOptions,
    identity: &IdentityConfig,
    deadline: Deadline,
) -> Result<Credentials, Error> {
    match options.config {
        None => credentials::for_server(&options.auth, deadline),
        Some(_) => credentials::for_server(&configuration::auth_options(options, identity)?, deadline),
    }
}

fn tell(agent: &Agent, what: &str) {
    let listeners: Vec<_> = agent.listeners().iter().map(ToString::to_string).collect();
    tracing::info!(listeners = listeners.join(" "), "{what}");
}

/// What systemd is told.
enum State {
    Ready,
    Reloading,
    Stopping,
}

/// Tells systemd, where it has started this process and asks for it.
#[cfg(unix)]
fn notify(states: &[State]) {
    use sd_notify::NotifyState;
    let states: Vec<_> = states
        .iter()
        .flat_map(|state| match state {
            State::Ready => vec![NotifyState::Ready],
            State::Reloading => {
                let now = NotifyState::monotonic_usec_now().ok();
                [NotifyState::Reloading].into_iter().chain(now).collect()
            }
            State::Stopping => vec![NotifyState::Stopping],
        })
        .collect();
    if let Err(error) = sd_notify::notify(&states) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

#[cfg(not(unix))]
fn notify(_states: &[State]) {}
