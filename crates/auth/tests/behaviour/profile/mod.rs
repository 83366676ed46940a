//! `profile`: the configuration file of yc, read without yc.

mod endpoint;
mod file;
mod logins;

use crate::support::{METADATA_ANSWER, TestSystem, cloud, exchanged};
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Error, Profile, ProfileAuth};

const FILE: &str = "/home/me/.config/yandex-cloud/config.yaml";

/// A file as yc writes it, with fake secrets.
const CONFIG: &str = "\
current: default
profiles:
  default:
    token: y0_FAKE-oauth-token
    cloud-id: b1gfake0cloud
    folder-id: b1gfake0folder
    organization-id: bpffake0organization
    compute-default-zone: ru-central1-d
  pasted:
    token: t1.FAKE-pasted.x
    folder-id: b1gfake0other
  vm:
    instance-service-account: true
  bare:
    folder-id: b1gfake0bare
  empty:
  federated:
    federation-id: ajefake0federation
    folder-id: b1gfake0federated
";

fn home(config: &str) -> TestSystem {
    let test_system = TestSystem::new().set("HOME", "/home/me").set("USERPROFILE", "/home/me");
    test_system.files.write(FILE, config);
    test_system
}

fn test_system() -> TestSystem {
    home(CONFIG).answering(|request, count| match request.uri().host() {
        Some("169.254.169.254") => TestReply::status(200, METADATA_ANSWER),
        _ => cloud(exchanged())(request, count),
    })
}

fn failure(test_system: &TestSystem, auth: ProfileAuth) -> Error {
    test_support::token_source::first_failure(&test_system.with(auth))
}

fn profile(test_system: &TestSystem, auth: &ProfileAuth) -> Result<Profile, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(auth.profile(&test_system.system()))
}
