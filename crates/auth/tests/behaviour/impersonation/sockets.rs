//! Impersonation at the emulator, over sockets.

use test_support::token_source::header;
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, ErrorKind, HeaderOptions, ImpersonationAuth, MetadataAuth, System};
use yandex_cloud_emulator::Emulator;

/// A system in the emulator's cloud.
fn inside(cloud: &Emulator) -> System {
    let environment = TestEnvironment::new([
        ("YC_METADATA_ADDR", cloud.metadata_addr().to_string()),
        ("YC_API_ENDPOINT", cloud.api_url()),
    ]);
    System::real().with_environment(environment)
}

#[test]
fn the_emulator_allows_impersonation_only_with_the_role() {
    let cloud = Emulator::start_in_thread().unwrap();
    let first = ImpersonationAuth::new(cloud.impersonated_account_id(), MetadataAuth::new());
    let nested = ImpersonationAuth::new(cloud.nested_account_id(), first.clone());
    for auth in [first, nested] {
        assert!(header(&Credentials::from(auth).with_system(inside(&cloud))).starts_with("Bearer t1."));
    }
    let without = ImpersonationAuth::new(cloud.nested_account_id(), MetadataAuth::new());
    let error = Credentials::from(without).with_system(inside(&cloud)).blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("iam.serviceAccounts.tokenCreator"), "{:?}", error.help());
}

#[test]
fn a_token_that_another_program_revoked_is_replaced() {
    let cloud = Emulator::start_in_thread().unwrap();
    let underlying = Credentials::from(MetadataAuth::new()).with_system(inside(&cloud));
    let held = underlying.blocking().get(HeaderOptions::new()).unwrap();
    cloud.revoke_iam_token(held.expose_secret().unwrap()).unwrap();
    let auth = ImpersonationAuth::new(cloud.impersonated_account_id(), underlying.clone());
    assert!(header(&Credentials::from(auth).with_system(inside(&cloud))).starts_with("Bearer t1."));
    assert!(underlying.snapshot().unwrap().generation() > held.generation());
}
