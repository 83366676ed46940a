//! The tree `/computeMetadata/v1/`, in the format of Google Compute Engine.
//!
//! The keys are those of yandex.cloud/docs, "Metadata folders"; those of the JSON that `recursive=true` returns alone
//! (`tags`, `virtual-clock`, `forwarded-ips`, `target-instance-ips`) have the name that they have in Google's service.
//! The zone names a folder, as in the documented JSON; the table of the same documentation has a cloud there.
//!
//! Not documented: the keys of a service account beside its token.

use super::tree::Node;
use crate::cloud::{Cloud, machine};

/// The scope of the token in the list that clients of Google read. A token of Yandex Cloud has no scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

pub(super) fn tree(cloud: &Cloud) -> Node {
    let v1 = Node::directory([
        ("instance", instance(cloud)),
        // Empty, for compatibility (documented).
        ("project", Node::directory::<_, &str>([])),
        ("yandex", Node::directory([("folder-id", Node::text_of(&cloud.options.folder_id))])),
    ]);
    Node::directory([("v1", v1)])
}

fn instance(cloud: &Cloud) -> Node {
    let zone = format!("projects/{}/zones/{}", cloud.options.folder_id, machine::ZONE);
    let attributes = cloud.machine.attributes().into_iter().map(|(name, value)| (name, Node::Text(value)));
    Node::directory([
        ("attributes", Node::keys(attributes)),
        ("description", Node::text_of(machine::DESCRIPTION)),
        ("disks", Node::numbered([disk()])),
        ("hostname", Node::text_of(machine::hostname())),
        ("id", Node::text_of(machine::ID)),
        ("maintenance-event", Node::text_of("NONE")),
        ("name", Node::text_of(machine::NAME)),
        ("network-interfaces", Node::numbered([network_interface()])),
        ("service-accounts", Node::keys(service_accounts(cloud))),
        ("tags", Node::List(Vec::new())),
        ("vendor", vendor(cloud)),
        ("virtual-clock", Node::directory([("drift-token", Node::text_of("0"))])),
        ("zone", Node::Text(zone)),
    ])
}

fn disk() -> Node {
    Node::directory([
        ("device-name", Node::text_of(machine::DISK)),
        ("index", Node::Number(0)),
        ("mode", Node::text_of("READ_WRITE")),
        ("type", Node::text_of("PERSISTENT")),
    ])
}

fn network_interface() -> Node {
    let access = Node::directory([
        ("external-ip", Node::text_of(machine::PUBLIC_IP)),
        ("type", Node::text_of("ONE_TO_ONE_NAT")),
    ]);
    Node::directory([
        ("access-configs", Node::numbered([access])),
        ("forwarded-ips", Node::numbered([])),
        ("ip", Node::text_of(machine::IP)),
        ("mac", Node::text_of(machine::MAC)),
        ("network", Node::text_of(machine::NETWORK)),
        ("target-instance-ips", Node::numbered([])),
    ])
}

/// The account as `default` and by its id, or nothing (documented) if no account is attached.
fn service_accounts(cloud: &Cloud) -> Vec<(String, Node)> {
    if !cloud.options.attach_service_account {
        return Vec::new();
    }
    let id = &cloud.options.service_account_id;
    let account = || {
        Node::directory([
            ("aliases", Node::List(vec!["default".to_owned()])),
            ("email", Node::text_of(id)),
            ("scopes", Node::List(vec![SCOPE.to_owned()])),
            ("token", Node::Token),
        ])
    };
    vec![("default".to_owned(), account()), (id.clone(), account())]
}

fn vendor(cloud: &Cloud) -> Node {
    let identity = machine::IDENTITY.iter().map(|name| (*name, Node::Text(machine::identity(name))));
    Node::directory([
        ("cloud-id", Node::text_of(&cloud.options.cloud_id)),
        ("environment", Node::text_of(machine::REGION)),
        ("folder-id", Node::text_of(&cloud.options.folder_id)),
        ("identity", Node::directory(identity)),
        ("labels", Node::keys::<_, &str>([])),
    ])
}
