//! An agent: identities, and the listeners that serve their tokens. Starts as a whole, or not at all.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::timeout;
use yandex_cloud_auth::{Credentials, Error, ErrorKind};

use crate::admin::{Admin, Probes, Readiness};
use crate::config::{
    Address, Config, IdentityConfig, KubernetesSecretConfig, Limits, ListenConfig, SdsConfig, TokenFileConfig,
};
use crate::gateway::Gateway;
use crate::identity::Identity;
use crate::keys;
use crate::kubernetes::{KubernetesSecret, PreparedSecret};
use crate::metadata::Metadata;
use crate::metrics::Metrics;
use crate::oauth::{Client, Oauth};
use crate::place::Permissions;
use crate::sds::Sds;
use crate::server::{Bound, Served, Server, Sockets, Tls};
use crate::service::{Protocol, Service};
use crate::socket_paths::SocketPaths;
use crate::token_file::{Prepared, TokenFile};

/// A running agent. Dropping it closes the listeners; token files and Secrets stay.
#[derive(Default)]
pub struct Agent {
    config: Config,
    metrics: Metrics,
    sockets: Sockets,
    socket_paths: SocketPaths,
    identities: Vec<Arc<Identity>>,
    listeners: Vec<Listener>,
}

/// What serves the token of an identity.
enum Listener {
    Server { configured: Address, server: Server },
    File { identity: Arc<Identity>, file: TokenFile },
    Secret { identity: Arc<Identity>, secret: KubernetesSecret },
}

/// What takes the place of a listener, or is new. Everything that can fail has been done.
enum Step {
    Serve(Address, Bound, Served),
    /// The listener with this place in the list stays, with another service.
    Replace(usize, Served),
    Write(Prepared, Arc<Identity>),
    WriteSecret(Box<PreparedSecret>, Arc<Identity>),
    /// The listener with this place in the list stays as it is.
    Keep(usize),
}

impl Agent {
    /// Starts an agent: opens every listener, and begins to renew every identity. `credentials` makes the credentials of
    /// an identity.
    ///
    /// # Errors
    /// `Invalid` for a configuration that does not go together, an address or a path that cannot be used, and what
    /// `credentials` returns. Nothing is served then; files with secrets that the agent has made stay.
    pub async fn start(
        config: Config,
        credentials: impl Fn(&IdentityConfig) -> Result<Credentials, Error>,
    ) -> Result<Self, Error> {
        Self::start_with(config, Sockets::default(), credentials).await
    }

    /// As [`start`](Self::start), with the sockets of a service manager.
    ///
    /// # Errors
    /// As [`start`](Self::start); `Invalid` too if no listener has the address of one of the sockets.
    pub async fn start_with(
        config: Config,
        sockets: Sockets,
        credentials: impl Fn(&IdentityConfig) -> Result<Credentials, Error>,
    ) -> Result<Self, Error> {
        let mut agent = Self { sockets, ..Self::default() };
        agent.reload(config, credentials).await?;
        Ok(agent)
    }

    /// Checks a configuration: its certificates and secrets, the places of files and sockets, and the credentials of each
    /// identity. Serves nothing, asks nobody, and writes nothing that stays.
    ///
    /// # Errors
    /// As [`start`](Self::start), but for addresses, for what another process holds, which may be the agent that the
    /// configuration is for, and for what only a pod of Kubernetes has.
    pub fn check(
        config: &Config,
        credentials: impl Fn(&IdentityConfig) -> Result<Credentials, Error>,
    ) -> Result<(), Error> {
        config.check()?;
        for identity in &config.identity {
            credentials(identity).map_err(|error| in_identity(error, identity))?;
        }
        for tls in config.listen.iter().filter_map(ListenConfig::tls) {
            Tls::load(tls, Protocol::Http1)?;
        }
        for listen in &config.listen {
            match listen {
                ListenConfig::TokenFile(file) => TokenFile::check(file)?,
                ListenConfig::Oauth(listen) => Client::check(&listen.client_file)?,
                ListenConfig::Admin(listen) => keys::check(&listen.keys)?,
                ListenConfig::Gateway(listen) => Gateway::check(listen)?,
                ListenConfig::Sds(listen) => Bound::check_path(&listen.path, permissions(listen)?)?,
                ListenConfig::Metadata(_) | ListenConfig::Probes(_) | ListenConfig::KubernetesSecret(_) => {}
            }
        }
        Ok(())
    }

    /// Takes a new configuration, all of it or nothing. An identity that is the same keeps its token, and an address that
    /// is the same keeps its connections.
    ///
    /// # Errors
    /// As [`start`](Self::start). The agent goes on with the configuration that it has.
    pub async fn reload(
        &mut self,
        config: Config,
        credentials: impl Fn(&IdentityConfig) -> Result<Credentials, Error>,
    ) -> Result<(), Error> {
        config.check()?;
        let configured: Vec<_> = config.listen.iter().filter_map(ListenConfig::address).collect();
        // Clients of such a socket would wait for ever.
        if let Some(unused) =
            self.sockets.addresses().into_iter().find(|address| !configured.contains(address))
        {
            let error = Error::new(ErrorKind::Invalid, "no listener has the address of this socket");
            let help = "give the listener and the unit of the socket the same address";
            return Err(error.at(unused.to_string()).with_help(help));
        }
        let mut identities = Vec::new();
        for identity in &config.identity {
            let known = self.identities.iter().find(|known| known.config == *identity);
            // Also of one that is known: its key may be gone.
            let made = credentials(identity).map_err(|error| in_identity(error, identity))?;
            identities.push(match known {
                Some(known) => Arc::clone(known),
                None => Arc::new(Identity::new(identity.clone(), made)),
            });
        }
        let mut steps = Vec::new();
        for listen in &config.listen {
            steps.push(self.step(listen, &config, &identities).await?);
        }
        // Nothing fails from here on.
        for step in &steps {
            if let Step::WriteSecret(prepared, _) = step {
                prepared.assign();
            }
        }
        for identity in &identities {
            identity.duties.set_shared(config.is_shared(&identity.config));
            if !self.identities.iter().any(|known| Arc::ptr_eq(known, identity)) {
                identity.start();
            }
        }
        let mut old: Vec<_> = std::mem::take(&mut self.listeners).into_iter().map(Some).collect();
        for step in steps {
            let listener = match step {
                Step::Serve(configured, bound, served) => {
                    Some(Listener::Server { configured, server: Server::start(bound, served) })
                }
                Step::Write(prepared, identity) => {
                    Some(Listener::File { file: prepared.start(Arc::clone(&identity)), identity })
                }
                Step::WriteSecret(prepared, identity) => {
                    Some(Listener::Secret { secret: prepared.start(), identity })
                }
                Step::Keep(place) => old[place].take(),
                Step::Replace(place, served) => old[place].take().inspect(|listener| {
                    if let Listener::Server { server, .. } = listener {
                        server.replace(served);
                    }
                }),
            };
            self.listeners.extend(listener);
        }
        // A Secret that is no more this agent's is another's at once.
        for listener in old.into_iter().flatten() {
            if let Listener::Secret { secret, .. } = listener {
                tokio::spawn(secret.end());
            }
        }
        self.socket_paths.set(self.listeners.iter().filter_map(|listener| match listener {
            Listener::Server { server, .. } => server.watched(),
            Listener::File { .. } | Listener::Secret { .. } => None,
        }));
        self.identities = identities;
        self.config = config;
        Ok(())
    }

    /// Does what can fail of a new configuration for one listener.
    async fn step(
        &self,
        listen: &ListenConfig,
        config: &Config,
        identities: &[Arc<Identity>],
    ) -> Result<Step, Error> {
        let identity = |name: &Option<String>| named(config, identities, name.as_deref());
        let readiness = || Readiness::new(identities.to_vec(), self.socket_paths.clone());
        let (address, service): (Address, Box<dyn Service>) = match listen {
            ListenConfig::Metadata(listen) => {
                (listen.address.into(), Box::new(Metadata::new(identity(&listen.identity)?, listen)))
            }
            ListenConfig::Oauth(listen) => {
                (listen.address.into(), Box::new(Oauth::new(identity(&listen.identity)?, listen)?))
            }
            ListenConfig::Gateway(listen) => {
                let of_keys = listen.of_keys().map(|name| named(config, identities, name));
                let of_keys = of_keys.collect::<Result<Vec<_>, _>>()?;
                (listen.address.into(), Box::new(Gateway::new(&of_keys, listen)?))
            }
            ListenConfig::Admin(listen) => {
                let admin = Admin::new(readiness(), self.metrics.clone(), listen)?;
                (listen.address.into(), Box::new(admin))
            }
            ListenConfig::Probes(listen) => (listen.address.into(), Box::new(Probes::new(readiness()))),
            ListenConfig::Sds(sds) => return self.sds_step(sds, config, identities).await,
            ListenConfig::TokenFile(file) => return self.file_step(file, identity(&file.identity)?),
            ListenConfig::KubernetesSecret(secret) => {
                return self.secret_step(secret, identity(&secret.identity)?);
            }
        };
        let tls = listen.tls().map(|tls| Tls::load(tls, service.protocol())).transpose()?;
        let served = self.served(service, listen.limits().cloned().unwrap_or_default(), tls);
        Ok(match self.place_of(&address) {
            // A port that the system chooses is another one each time.
            Some(place) if !listen.has_chosen_port() => Step::Replace(place, served),
            _ => {
                let bound = Bound::new(&address, Permissions::default(), &self.sockets).await?;
                Step::Serve(address, bound, served)
            }
        })
    }

    async fn sds_step(
        &self,
        sds: &SdsConfig,
        config: &Config,
        identities: &[Arc<Identity>],
    ) -> Result<Step, Error> {
        let of_secrets = of_secrets(sds, config, identities)?;
        let permissions = permissions(sds)?;
        let address = Address::Unix(sds.path.clone());
        let place = self.place_of(&address);
        let rebound = match place.map(|place| &self.listeners[place]) {
            Some(Listener::Server { server, .. }) => server.find_or_rebind(permissions).await?,
            _ => None,
        };
        let before = self.config.listen.iter().find_map(|listen| match listen {
            ListenConfig::Sds(before) if before.path == sds.path => Some(before),
            _ => None,
        });
        let is_as_before = before.is_some_and(|before| {
            let served = self::of_secrets(before, &self.config, &self.identities);
            before == sds && served.is_ok_and(|served| same(&served, &of_secrets))
        });
        if let (Some(place), None, true) = (place, &rebound, is_as_before) {
            return Ok(Step::Keep(place));
        }
        let removed = before.into_iter().flat_map(|before| &before.secrets);
        let removed = removed.map(|secret| secret.name.as_str());
        let service = Sds::new(sds, of_secrets, removed, self.metrics.sds());
        let served = self.served(Box::new(service), sds.limits.clone(), None);
        Ok(match (place, rebound) {
            (Some(place), None) => Step::Replace(place, served),
            (_, Some(bound)) => Step::Serve(address, bound, served),
            (None, None) => {
                Step::Serve(address.clone(), Bound::new(&address, permissions, &self.sockets).await?, served)
            }
        })
    }

    fn served(&self, service: Box<dyn Service>, limits: Limits, tls: Option<Tls>) -> Served {
        Served { requests: self.metrics.requests(service.kind()), limits, tls, service }
    }

    /// The place in the list of the listener that is configured with this address.
    fn place_of(&self, address: &Address) -> Option<usize> {
        let is_here = |listener: &Listener| matches!(listener, Listener::Server { configured, .. } if configured == address);
        self.listeners.iter().position(is_here)
    }

    fn file_step(&self, file: &TokenFileConfig, identity: Arc<Identity>) -> Result<Step, Error> {
        let found = self.listeners.iter().enumerate().find_map(|(place, listener)| match listener {
            Listener::File { identity, file: known } if known.config.path == file.path => {
                Some((place, known, identity))
            }
            _ => None,
        });
        match found {
            Some((place, known, of)) if known.config == *file && Arc::ptr_eq(of, &identity) => {
                Ok(Step::Keep(place))
            }
            found => {
                let held = found.map(|(_, known, _)| Arc::clone(&known.lock));
                Ok(Step::Write(Prepared::new(file, held)?, identity))
            }
        }
    }

    fn secret_step(&self, secret: &KubernetesSecretConfig, identity: Arc<Identity>) -> Result<Step, Error> {
        let is_here = |listener: &Listener| {
            matches!(listener, Listener::Secret { secret: known, identity: of }
                if known.config == *secret && Arc::ptr_eq(of, &identity))
        };
        match self.listeners.iter().position(is_here) {
            Some(place) => Ok(Step::Keep(place)),
            None => {
                Ok(Step::WriteSecret(Box::new(PreparedSecret::new(secret, Arc::clone(&identity))?), identity))
            }
        }
    }

    /// Where the listeners are, in the order of the configuration: addresses with the ports that the system chose, and paths
    /// of sockets. Token files and Secrets are not among them.
    #[must_use]
    pub fn listeners(&self) -> Vec<Address> {
        let address = |listener: &Listener| match listener {
            Listener::Server { server, .. } => Some(server.address().clone()),
            Listener::File { .. } | Listener::Secret { .. } => None,
        };
        self.listeners.iter().filter_map(address).collect()
    }

    /// The addresses of [`listeners`](Self::listeners), without the paths.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners().iter().filter_map(Address::tcp).collect()
    }

    /// Accepts no more connections, gives back the Leases, and waits for the requests that are being answered, as long as
    /// the configuration says.
    pub async fn drain(self) {
        let limit = self.config.drain();
        let servers = self.listeners.into_iter().filter_map(|listener| match listener {
            Listener::Server { server, .. } => Some(tokio::spawn(server.drain())),
            Listener::Secret { secret, .. } => Some(tokio::spawn(secret.end())),
            Listener::File { .. } => None,
        });
        let servers: Vec<_> = servers.collect();
        let _ = timeout(limit, async {
            for server in servers {
                let _ = server.await;
            }
        })
        .await;
    }
}

/// The identity that a listener serves.
fn named(config: &Config, identities: &[Arc<Identity>], name: Option<&str>) -> Result<Arc<Identity>, Error> {
    let wanted = config.identity_of(name)?;
    let found = identities.iter().find(|identity| identity.config == *wanted);
    found
        .cloned()
        .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("there is no identity `{}`", wanted.name)))
}

/// The identities of the secrets, in their order.
fn of_secrets(
    sds: &SdsConfig,
    config: &Config,
    identities: &[Arc<Identity>],
) -> Result<Vec<Arc<Identity>>, Error> {
    let names = sds.secrets.iter().map(|secret| secret.identity.as_deref());
    names.map(|name| named(config, identities, name)).collect()
}

fn same(some: &[Arc<Identity>], others: &[Arc<Identity>]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

fn permissions(sds: &SdsConfig) -> Result<Permissions, Error> {
    Permissions::new(&sds.path, sds.mode()?, sds.group.as_deref())
}

fn in_identity(error: Error, identity: &IdentityConfig) -> Error {
    let place = format!("identity `{}`", identity.name);
    match error.location().map(|location| format!("{place}: {location}")) {
        Some(location) => error.at(location),
        None => error.at(place),
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Agent").field("listeners", &self.listeners()).finish_non_exhaustive()
    }
}
