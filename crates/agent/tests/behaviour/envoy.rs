//! A client of the Secret Discovery Service with the messages and the gRPC client of other projects: `envoy-types`, tonic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::secret::Type;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::envoy::service::secret::v3::secret_discovery_service_client::SecretDiscoveryServiceClient;
use envoy_types::pb::google::rpc;
use futures_util::{FutureExt, stream};
use prost::Message;
use test_support::token_source::Source;
use test_support::wait::soon;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::Agent;

use crate::common::{Folder, ONE, start};

pub(crate) const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// The name of the only secret of a listener without `secrets`.
pub(crate) const NAME: &str = "yc-iam-token";

/// An agent with a listener for Envoy in a folder of its own.
pub(crate) struct Bench {
    pub(crate) agent: Agent,
    pub(crate) folder: Folder,
}

impl Bench {
    /// One identity, and a listener with these keys.
    pub(crate) async fn new(more: &str, source: &Source, clock: &TestClock) -> Self {
        Self::with(ONE, more, source, clock).await
    }

    /// With this text before the listener.
    pub(crate) async fn with(before: &str, more: &str, source: &Source, clock: &TestClock) -> Self {
        let folder = Folder::new();
        let agent = start(&config(&folder, before, more), source, clock).await;
        Self { agent, folder }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// A client with its own connection.
    pub(crate) async fn client(&self) -> Client {
        client(&self.socket()).await.unwrap()
    }

    /// A stream for these names.
    pub(crate) async fn subscribe(&self, names: &[&str]) -> Stream {
        Stream::open(&mut self.client().await, names).await
    }
}

pub(crate) fn socket(folder: &Folder) -> PathBuf {
    folder.join("sds.sock")
}

/// A configuration of identities and a listener.
pub(crate) fn config(folder: &Folder, identities: &str, more: &str) -> String {
    format!("{identities}[[listen]]\nkind = \"sds\"\npath = \"{}\"\n{more}\n", socket(folder).display())
}

pub(crate) type Client = SecretDiscoveryServiceClient<Channel>;

pub(crate) async fn client(socket: &Path) -> Result<Client, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display())).unwrap();
    Ok(SecretDiscoveryServiceClient::new(soon(endpoint.connect()).await?))
}

/// A request for names.
pub(crate) fn wanted(names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        node: Some(Node { id: "a node".to_owned(), ..Default::default() }),
        resource_names: names.iter().map(|&name| name.to_owned()).collect(),
        type_url: SECRET.to_owned(),
        ..Default::default()
    }
}

/// A stream of secrets.
pub(crate) struct Stream {
    client: Client,
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
    names: Vec<String>,
    last: DiscoveryResponse,
}

impl Stream {
    pub(crate) async fn open(client: &mut Client, names: &[&str]) -> Self {
        Self::try_open(client, wanted(names)).await.unwrap()
    }

    /// A stream whose first request is this one.
    pub(crate) async fn try_open(client: &mut Client, first: DiscoveryRequest) -> Result<Self, Status> {
        let (requests, receiver) = mpsc::channel(8);
        let names = first.resource_names.clone();
        requests.send(first).await.unwrap();
        let requests_of_stream =
            stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        let responses = soon(client.stream_secrets(requests_of_stream)).await?.into_inner();
        Ok(Self { client: client.clone(), requests, responses, names, last: DiscoveryResponse::default() })
    }

    /// The next response.
    pub(crate) async fn try_next(&mut self) -> Result<Option<DiscoveryResponse>, Status> {
        let response = soon(self.responses.message()).await?;
        self.last = response.clone().unwrap_or_default();
        Ok(response)
    }

    /// The secrets of the next response, which is taken.
    pub(crate) async fn next(&mut self) -> BTreeMap<String, String> {
        let response = self.try_next().await.unwrap().expect("a response");
        self.answer(None).await;
        secrets(&response)
    }

    /// The value of the only secret of the next response, which is taken.
    pub(crate) async fn value(&mut self) -> String {
        let mut secrets = self.next().await;
        assert_eq!(secrets.len(), 1, "{secrets:?}");
        secrets.pop_first().unwrap().1
    }

    /// Takes the last response, or refuses it.
    pub(crate) async fn answer(&mut self, refusal: Option<&str>) {
        let error_detail =
            refusal.map(|reason| rpc::Status { code: 13, message: reason.to_owned(), ..Default::default() });
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        let request = DiscoveryRequest {
            version_info: self.last.version_info.clone(),
            response_nonce: self.last.nonce.clone(),
            error_detail,
            ..wanted(&names)
        };
        self.send(request).await;
    }

    pub(crate) async fn send(&mut self, request: DiscoveryRequest) {
        self.requests.send(request).await.unwrap();
    }

    /// Asks for other names, with the nonce of the last response.
    pub(crate) async fn change(&mut self, names: &[&str]) {
        self.names = names.iter().map(|&name| name.to_owned()).collect();
        self.answer(None).await;
    }

    pub(crate) fn last(&self) -> &DiscoveryResponse {
        &self.last
    }

    /// Whether no response has arrived that was not read. The agent had the time to send one.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        for _ in 0..20 {
            let other = soon(self.client.fetch_secrets(wanted(&["no-such-name"]))).await;
            assert_eq!(other.unwrap_err().code(), Code::NotFound);
        }
        self.responses.message().now_or_never().is_none()
    }

    /// The status with which the agent ends the stream.
    pub(crate) async fn end(&mut self) -> Code {
        loop {
            match self.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Code::Ok,
                Err(status) => return status.code(),
            }
        }
    }
}

/// The secrets of a response by their names.
pub(crate) fn secrets(response: &DiscoveryResponse) -> BTreeMap<String, String> {
    assert_eq!(response.type_url, SECRET);
    let secrets = response.resources.iter().map(|resource| {
        assert_eq!(resource.type_url, SECRET);
        let secret = Secret::decode(resource.value.as_slice()).unwrap();
        let Some(Type::GenericSecret(generic)) = secret.r#type else { panic!("no generic secret") };
        let Some(Specifier::InlineString(value)) = generic.secret.unwrap().specifier else {
            panic!("no value: Envoy would keep the last secret")
        };
        (secret.name, value)
    });
    secrets.collect()
}
