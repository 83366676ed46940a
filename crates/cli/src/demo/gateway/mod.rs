//! The gateway of `yc-auth serve`, in this process: a tool has a key of its own, and the service gets a token.

pub(crate) mod checks;
mod recorder;

use std::net::{Ipv4Addr, SocketAddr};

use http::HeaderValue;
use yandex_cloud_auth::Method;
use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::system::{Clock, SystemClock};
use yandex_cloud_auth_agent::{
    Agent, Config, GatewayConfig, IdentityConfig, KeyConfig, ListenConfig, UpstreamConfig,
};
use zeroize::Zeroizing;

use self::checks::GatewayRun;
use self::recorder::Recorder;
use super::client::{self, ChatResponse};
use super::fixture::Fixture;
use crate::output::masked;

/// The name of the model that the tool asks for.
const MODEL: &str = "yandexgpt";

impl Fixture {
    /// Asks through a gateway: for a completion and a streamed one, and with a wrong key.
    ///
    /// # Errors
    /// The gateway does not start.
    pub(crate) fn run_gateway(&self) -> Result<GatewayRun, String> {
        let text = |error: std::io::Error| error.to_string();
        let credentials = self.credentials(Method::ServiceAccountKey)?;
        let key = format!("demo-{:016x}", SystemClock::new().random().to_bits());
        let recorder = Recorder::start(self.emulator.api_addr(), &key).map_err(text)?;
        let config = config(self.emulator.folder_id(), &recorder, &key);
        let wrong = format!("{key}x");
        new_runtime().map_err(text)?.block_on(async {
            let started = Agent::start(config, |_| Ok(credentials.clone())).await;
            let agent = started.map_err(|error| error.to_string())?;
            let address = agent.addresses()[0];
            // The gateway answers on this thread meanwhile.
            let asked = tokio::task::spawn_blocking(move || {
                let chat = ask(address, &key, false);
                let stream = ask(address, &key, true);
                (format!("Bearer {}", masked(&key)), chat, stream, ask(address, &wrong, false))
            });
            let (sent, chat, stream, refused) = asked.await.map_err(|error| error.to_string())?;
            agent.drain().await;
            Ok(GatewayRun { sent: (sent, MODEL.to_owned()), got: recorder.requests(), chat, stream, refused })
        })
    }
}

/// A gateway in front of the recorder, with one key.
fn config(folder: &str, recorder: &Recorder, key: &str) -> Config {
    let key = KeyConfig { value: Some(Zeroizing::new(key.to_owned())), ..KeyConfig::file("demo") };
    let service = UpstreamConfig { host: recorder.url(), prefix: "/v1/".to_owned(), methods: Vec::new() };
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let gateway = GatewayConfig { upstream: vec![service], ..GatewayConfig::new(address, key) };
    let identity =
        IdentityConfig { name: "demo".to_owned(), folder: Some(folder.to_owned()), ..Default::default() };
    Config { identity: vec![identity], listen: vec![ListenConfig::Gateway(gateway)], drain_seconds: None }
}

fn ask(address: SocketAddr, key: &str, stream: bool) -> Result<ChatResponse, String> {
    let authorization = HeaderValue::try_from(format!("Bearer {key}")).map_err(|error| error.to_string())?;
    client::chat(address, MODEL, Some(&authorization), stream).map_err(|error| error.to_string())
}
