//! Start, stop, and the environment variables.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::common::{FLAVOR, accepted, api_key, bearer, token_url};
use http::StatusCode;
use test_support::http_client::get;
use yandex_cloud_emulator::{Builder, Emulator, Service};

#[test]
fn runs_in_a_thread_until_the_emulator_is_dropped() {
    let emulator = Emulator::start_in_thread().unwrap();
    let (api, metadata) = (emulator.api_addr(), emulator.metadata_addr());
    let mut connection = TcpStream::connect(api).unwrap();
    write!(connection, "GET /endpoints HTTP/1.1\r\nHost: {api}\r\n\r\n").unwrap();
    let mut start = [0; 15];
    connection.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    assert_eq!(emulator.counters().requests(Service::Endpoints), 1);

    drop(emulator);
    let refused = |address: SocketAddr| TcpStream::connect(address).unwrap_err().kind();
    assert_eq!(
        (refused(api), refused(metadata)),
        (ErrorKind::ConnectionRefused, ErrorKind::ConnectionRefused)
    );
    let mut rest = Vec::new();
    let _ = connection.read_to_end(&mut rest);
}

#[tokio::test]
async fn runs_in_a_thread_also_inside_a_runtime() {
    let emulator = Emulator::start_in_thread().unwrap();
    assert_eq!(accepted(&emulator, &api_key(emulator.api_key())).await, StatusCode::OK);
    let taken = Emulator::builder().listen(emulator.api_addr()).start_in_thread().unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn drop_closes_the_ports_and_the_connections() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(yandex_cloud_emulator::Fault::hang());
    let api = emulator.api_addr();
    let hanging = tokio::spawn(test_support::http_client::try_call(
        "GET",
        leak(format!("http://{api}/endpoints")),
        &[],
        "",
    ));
    while emulator.counters().requests(Service::Endpoints) == 0 {
        tokio::task::yield_now().await;
    }
    drop(emulator);
    let ended =
        tokio::time::timeout(Duration::from_secs(10), hanging).await.expect("the connection is closed");
    assert!(ended.unwrap().is_err(), "the call that hung ends with an error");
    assert!(tokio::net::TcpStream::connect(api).await.is_err());
}

#[tokio::test]
async fn the_variables_point_at_the_emulator() {
    let emulator = Emulator::start().await.unwrap();
    let env = emulator.env().unwrap();
    let value = |name: &str| env.iter().find(|v| v.name == name).unwrap().value.clone();
    assert_eq!(value("YC_API_ENDPOINT"), emulator.api_url());
    assert_eq!(value("YC_METADATA_ADDR"), emulator.metadata_addr().to_string());
    assert_eq!(value("YC_FOLDER_ID"), emulator.folder_id());
    assert_eq!(value("YC_OAUTH_TOKEN"), emulator.oauth_token());
    assert_eq!(value("YC_OAUTH_ENDPOINT"), emulator.api_url());
    assert_eq!(value("OPENAI_BASE_URL"), format!("{}/v1", emulator.api_url()));
    assert_eq!(value("OPENAI_API_KEY"), emulator.api_key());
    assert_eq!(value("OPENAI_PROJECT_ID"), emulator.folder_id());
    assert_eq!(accepted(&emulator, &api_key(&value("YC_API_KEY"))).await, StatusCode::OK);
    assert_eq!(accepted(&emulator, &bearer(&value("YC_IAM_TOKEN"))).await, StatusCode::OK);

    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    assert_eq!(emulator.env().unwrap()[0].value, emulator.api_addr().to_string());
}

#[tokio::test]
async fn the_addresses_are_those_that_other_machines_can_use() {
    for any in ["0.0.0.0:0", "[::]:0"] {
        let any: SocketAddr = any.parse().unwrap();
        let start = async |builder: Builder| builder.listen(any).metadata_listen(any).start().await;
        // A machine without IPv6 cannot bind `[::]`.
        let Ok(emulator) = start(Emulator::builder().allow_non_loopback(true)).await else { continue };
        let unspecified = format!("{}:", any.ip());
        let values = emulator.env().unwrap().into_iter().map(|variable| variable.value);
        let [(_, github), _] = emulator.github_variables();
        for value in values.chain([emulator.api_url(), emulator.metadata_url(), github]) {
            assert!(!value.contains(&unspecified) && !value.contains("[::]"), "{value}");
        }
        // The emulator accepts what it shows, and does so without a network too.
        let url = format!("http://localhost:{}/endpoints", emulator.api_addr().port());
        let shown = emulator.api_url().replace("http://", "");
        assert_eq!(get(&url, &[("host", &shown)]).await.status, StatusCode::OK, "{shown}");

        let named = Emulator::builder().allow_non_loopback(true).host_name("cloud").host_name("other");
        let named = start(named).await.unwrap();
        assert_eq!(named.api_url(), format!("http://cloud:{}", named.api_addr().port()));
        let metadata = format!("cloud:{}", named.metadata_addr().port());
        assert_eq!(named.metadata_url(), format!("http://{metadata}"));
        assert!(named.env().unwrap().iter().any(|variable| variable.value == metadata));
    }
}

#[tokio::test]
async fn two_emulators_are_independent() {
    let (one, other) = (Emulator::start().await.unwrap(), Emulator::start().await.unwrap());
    assert_ne!(one.api_key(), other.api_key());
    assert_eq!(accepted(&other, &api_key(one.api_key())).await, StatusCode::UNAUTHORIZED);
    get(&token_url(&one), &[FLAVOR]).await;
    assert_eq!(other.counters().requests(Service::Metadata), 0);
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
