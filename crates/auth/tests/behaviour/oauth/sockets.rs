//! The exchange at the emulator, over sockets.

use crate::support::TestSystem;
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::{Credentials, ErrorKind, Method, OAuthTokenAuth, System};
use yandex_cloud_emulator::{Emulator, Fault, Service};

fn real(emulator: &Emulator, token: &str) -> Credentials {
    let test_system = TestSystem::new().set("YC_API_ENDPOINT", &emulator.api_url());
    let system = System::real().with_environment(test_system.environment.clone());
    Credentials::from(OAuthTokenAuth::builder(token).unwrap().timeout(secs(2)).build()).with_system(system)
}

#[test]
fn over_a_socket_an_old_token_is_exchanged_and_a_new_token_is_refused() {
    let emulator = Emulator::start_in_thread().unwrap();
    let credentials = real(&emulator, emulator.oauth_token());
    assert!(header(&credentials).starts_with("Bearer t1."));
    assert_eq!(emulator.counters().requests(Service::Endpoints), 1);
    assert_eq!(emulator.counters().requests(Service::Iam), 1);

    let error = real(&emulator, emulator.new_oauth_token()).blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("since 2026-06-01"), "{:?}", error.help());
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(emulator.new_oauth_token()), "{shown}");

    let error = real(&emulator, "y0_FAKE-unknown").blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[test]
fn over_a_socket_each_fault_is_an_error_in_bounded_time() {
    let emulator = Emulator::start_in_thread().unwrap();
    for service in [Service::Endpoints, Service::Iam] {
        for fault in [
            Fault::hang(),
            Fault::reset(),
            Fault::garbage(),
            Fault::huge_body(8 << 20),
            Fault::truncated_body(),
            Fault::status(503),
        ] {
            emulator.faults().clear();
            emulator.faults().add(fault.clone().on(service));
            let error = real(&emulator, emulator.oauth_token()).blocking().header().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{service} {fault:?}: {error}");
            assert_eq!(error.method(), Some(Method::OAuthToken));
        }
    }
}
