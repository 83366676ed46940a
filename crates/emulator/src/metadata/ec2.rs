//! The tree `/latest/`, in the format of Amazon EC2. A request needs no header.
//!
//! Documented (yandex.cloud/docs, "Getting VM instance metadata"): the elements of `meta-data`, `user-data` and
//! `vendor/instance-identity`. Not documented: the lists above `meta-data`, and where the token of
//! `aws-v1-http-token` is. The emulator refuses `meta-data/iam/` while the option is off, and has nothing there.

use super::tree::Node;
use crate::cloud::{Cloud, machine};

pub(super) fn tree(cloud: &Cloud) -> Node {
    let mut entries = vec![("meta-data", meta_data())];
    if let Some(user_data) = cloud.machine.attributes().remove("user-data") {
        entries.push(("user-data", Node::Text(user_data)));
    }
    let identity = machine::IDENTITY.iter().map(|name| (*name, Node::Text(machine::identity(name))));
    entries.push(("vendor", Node::directory([("instance-identity", Node::directory(identity))])));
    Node::directory(entries)
}

fn meta_data() -> Node {
    let hostname = || Node::Text(machine::hostname());
    let interface = Node::directory([
        ("ipv6s", Node::text_of("")),
        ("local-hostname", hostname()),
        ("local-ipv4s", Node::text_of(machine::IP)),
        ("mac", Node::text_of(machine::MAC)),
    ]);
    let macs = Node::keys([(machine::MAC, interface)]);
    let interfaces = Node::directory([("macs", macs)]);
    Node::directory([
        ("hostname", hostname()),
        ("instance-id", Node::text_of(machine::ID)),
        ("local-hostname", hostname()),
        ("local-ipv4", Node::text_of(machine::IP)),
        ("mac", Node::text_of(machine::MAC)),
        ("network", Node::directory([("interfaces", interfaces)])),
        ("public-ipv4", Node::text_of(machine::PUBLIC_IP)),
    ])
}
