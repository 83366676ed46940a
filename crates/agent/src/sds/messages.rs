//! The messages of xDS, as far as a secret needs them. Other fields are skipped.
//!
//! The numbers are those of `envoy/service/discovery/v3/discovery.proto`, `envoy/config/core/v3/base.proto`,
//! `envoy/extensions/transport_sockets/tls/v3/secret.proto` and `google/rpc/status.proto`. A test compares them with the
//! generated code of `envoy-types`.

use prost::Message;
use zeroize::Zeroize;

use super::status::{Code, Status};

/// The type of the resources.
pub(super) const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// The most names of a request.
const MAX_NAMES: usize = 100;

/// `envoy.service.discovery.v3.DiscoveryRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct DiscoveryRequest {
    #[prost(message, optional, tag = 2)]
    pub(super) node: Option<Node>,
    #[prost(string, repeated, tag = 3)]
    pub(super) resource_names: Vec<String>,
    #[prost(string, tag = 4)]
    pub(super) type_url: String,
    #[prost(string, tag = 5)]
    pub(super) response_nonce: String,
    #[prost(message, optional, tag = 6)]
    pub(super) error_detail: Option<RpcStatus>,
}

/// `envoy.config.core.v3.Node`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(string, tag = 1)]
    pub(super) id: String,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(string, tag = 2)]
    pub(super) message: String,
}

/// `envoy.service.discovery.v3.DiscoveryResponse`
#[derive(Clone, PartialEq, Message)]
pub(super) struct DiscoveryResponse {
    #[prost(string, tag = 1)]
    pub(super) version_info: String,
    #[prost(message, repeated, tag = 2)]
    pub(super) resources: Vec<Any>,
    #[prost(string, tag = 4)]
    pub(super) type_url: String,
    #[prost(string, tag = 5)]
    pub(super) nonce: String,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Any {
    #[prost(string, tag = 1)]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = 2)]
    pub(super) value: Vec<u8>,
}

/// `envoy.extensions.transport_sockets.tls.v3.Secret`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Secret {
    #[prost(string, tag = 1)]
    pub(super) name: String,
    #[prost(message, optional, tag = 5)]
    pub(super) generic_secret: Option<GenericSecret>,
}

/// `envoy.extensions.transport_sockets.tls.v3.GenericSecret`
#[derive(Clone, PartialEq, Message)]
pub(super) struct GenericSecret {
    #[prost(message, optional, tag = 1)]
    pub(super) secret: Option<DataSource>,
}

/// `envoy.config.core.v3.DataSource`
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct DataSource {
    /// Optional, so that an empty value is written: Envoy keeps the last secret if there is none.
    #[prost(string, optional, tag = 3)]
    pub(super) inline_string: Option<String>,
}

impl DiscoveryRequest {
    /// The names of the secrets that the client wants.
    ///
    /// # Errors
    /// The status with which the call ends: the client wants resources of another type, or too many.
    pub(super) fn names(&self) -> Result<&[String], Status> {
        let invalid = |reason| Err(Status::new(Code::InvalidArgument, reason));
        if !self.type_url.is_empty() && self.type_url != SECRET {
            return invalid(format!("the resources are of the type {SECRET}"));
        }
        if self.resource_names.len() > MAX_NAMES {
            return invalid(format!("a request has at most {MAX_NAMES} names"));
        }
        Ok(&self.resource_names)
    }
}

impl std::fmt::Debug for Any {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Any").field("type_url", &self.type_url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DataSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DataSource").finish_non_exhaustive()
    }
}

impl Drop for Any {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl Drop for DataSource {
    fn drop(&mut self) {
        self.inline_string.zeroize();
    }
}

impl Any {
    /// A secret with this name and this value. An empty value withdraws the secret.
    pub(super) fn secret(name: &str, value: &str) -> Self {
        let source = DataSource { inline_string: Some(value.to_owned()) };
        let secret =
            Secret { name: name.to_owned(), generic_secret: Some(GenericSecret { secret: Some(source) }) };
        Self { type_url: SECRET.to_owned(), value: secret.encode_to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::core::v3 as core;
    use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
    use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
    use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::secret::Type;
    use envoy_types::pb::envoy::service::discovery::v3 as discovery;
    use envoy_types::pb::google::protobuf as google;
    use envoy_types::pb::google::rpc;

    use super::*;

    fn theirs<T: Message + Default>(ours: &impl Message) -> T {
        T::decode(ours.encode_to_vec().as_slice()).unwrap()
    }

    #[test]
    fn a_request_of_envoy_is_read() {
        let extension =
            core::Extension { name: "envoy.filters.http.router".to_owned(), ..Default::default() };
        let node = core::Node {
            id: "the node".to_owned(),
            cluster: "the cluster".to_owned(),
            metadata: Some(google::Struct::default()),
            user_agent_name: "envoy".to_owned(),
            extensions: vec![extension; 300],
            ..Default::default()
        };
        let request = discovery::DiscoveryRequest {
            version_info: "7".to_owned(),
            node: Some(node),
            resource_names: vec!["one".to_owned(), "two".to_owned()],
            type_url: SECRET.to_owned(),
            response_nonce: "5".to_owned(),
            error_detail: Some(rpc::Status { code: 13, message: "no".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let read: DiscoveryRequest = theirs(&request);
        let wanted = DiscoveryRequest {
            node: Some(Node { id: "the node".to_owned() }),
            resource_names: vec!["one".to_owned(), "two".to_owned()],
            type_url: SECRET.to_owned(),
            response_nonce: "5".to_owned(),
            error_detail: Some(RpcStatus { message: "no".to_owned() }),
        };
        assert_eq!(read, wanted);
        let kept: discovery::DiscoveryRequest = theirs(&wanted);
        assert_eq!(kept.response_nonce, request.response_nonce);
        assert_eq!((kept.resource_names, kept.type_url), (request.resource_names, request.type_url));
        assert_eq!(kept.error_detail.unwrap().message, "no");
        assert_eq!(kept.node.unwrap().id, "the node");
    }

    #[test]
    fn a_response_is_read_by_envoy() {
        for value in ["Bearer t1.fake.token", ""] {
            let response = DiscoveryResponse {
                version_info: "7".to_owned(),
                resources: vec![Any::secret("yc-iam-token", value)],
                type_url: SECRET.to_owned(),
                nonce: "5".to_owned(),
            };
            let source = core::DataSource {
                specifier: Some(Specifier::InlineString(value.to_owned())),
                ..Default::default()
            };
            let secret = tls::Secret {
                name: "yc-iam-token".to_owned(),
                r#type: Some(Type::GenericSecret(tls::GenericSecret {
                    secret: Some(source),
                    ..Default::default()
                })),
            };
            let any = google::Any { type_url: SECRET.to_owned(), value: secret.encode_to_vec() };
            let wanted = discovery::DiscoveryResponse {
                version_info: "7".to_owned(),
                resources: vec![any],
                type_url: SECRET.to_owned(),
                nonce: "5".to_owned(),
                ..Default::default()
            };
            assert_eq!(theirs::<discovery::DiscoveryResponse>(&response), wanted, "{value}");
            assert_eq!(theirs::<DiscoveryResponse>(&wanted), response, "{value}");
            assert!(!format!("{response:?}").contains("t1."));
        }
    }
}
