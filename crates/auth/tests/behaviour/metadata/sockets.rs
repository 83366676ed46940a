//! The metadata service of the emulator, over sockets.

use std::time::{Duration, Instant};

use crate::support::TestSystem;
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::{Automatic, Credentials, ErrorKind, MetadataAuth, Method, System};
use yandex_cloud_emulator::{Emulator, Fault, Service};

/// Credentials on real sockets, with an emulator's metadata service.
fn real(emulator: &Emulator) -> (Credentials, System) {
    let test_system = TestSystem::new().set("YC_METADATA_ADDR", &emulator.metadata_addr().to_string());
    let system = System::real().with_environment(test_system.environment.clone());
    let quick = MetadataAuth::builder().timeout(Duration::from_millis(500)).build();
    (Credentials::from(quick).with_system(system.clone()), system)
}

#[test]
fn over_a_socket_the_service_gives_a_token_of_the_cloud() {
    let emulator = Emulator::start_in_thread().unwrap();
    let (by_hand, system) = real(&emulator);
    let automatic = Automatic::new().with_system(system).build();
    assert_eq!(header(&by_hand), header(&automatic), "the service gives its cached token again");
    assert!(header(&automatic).starts_with("Bearer t1."));
    assert_eq!(automatic.method(), Some(Method::Metadata));
    assert_eq!(emulator.counters().requests(Service::Metadata), 2);
}

#[test]
fn over_a_socket_a_machine_without_a_service_account_is_absent() {
    let emulator = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    let (by_hand, system) = real(&emulator);
    assert_eq!(by_hand.blocking().header().unwrap_err().kind(), ErrorKind::Refused);
    let error = Automatic::new().with_system(system).build().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
}

#[test]
fn over_a_socket_each_fault_is_an_error_in_bounded_time() {
    let emulator = Emulator::start_in_thread().unwrap();
    for fault in [
        Fault::hang(),
        Fault::drip(Duration::from_millis(100)),
        Fault::reset(),
        Fault::garbage(),
        Fault::huge_body(8 << 20),
        Fault::truncated_body(),
        Fault::status(503),
    ] {
        emulator.faults().clear();
        emulator.faults().add(fault.clone());
        let (credentials, _) = real(&emulator);
        let began = Instant::now();
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!(
            (error.kind(), error.method()),
            (ErrorKind::Unavailable, Some(Method::Metadata)),
            "{fault:?}: {error}"
        );
        assert!(error.to_string().contains(&emulator.metadata_addr().to_string()), "{error}");
        // The limits are 1 s to connect and 0.5 s for the response; the machine may be busy.
        assert!(began.elapsed() < secs(10), "{fault:?} took {:?}", began.elapsed());
    }
}
