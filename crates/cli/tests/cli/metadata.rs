//! The metadata service, working and failing, and the error for each failure.

use std::time::Duration;

use serde_json::json;
use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Run, side_by_side, yc_auth};

fn on(emulator: &Emulator, words: &[&str]) -> Run {
    yc_auth(words).env("YC_METADATA_ADDR", emulator.metadata_addr().to_string())
}

#[test]
fn it_is_selected_where_it_answers_and_gets_one_request() {
    let emulator = Emulator::start_in_thread().unwrap();
    let answer = on(&emulator, &["token", "--format", "json"]).env("YC_TOKEN", "t1.fake.later").done().json();
    assert_eq!(answer["method"], json!("metadata"));
    assert_eq!(emulator.counters().requests(Service::Metadata), 1);
}

#[test]
fn without_a_service_account_selection_skips_it_but_method_reports_the_404() {
    let emulator = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    let outcome = on(&emulator, &["token"]).env("YC_TOKEN", "t1.fake.later").done();
    assert_eq!(outcome.output(), "t1.fake.later\n");
    assert!(on(&emulator, &["token", "--method", "metadata"]).done().fails(6).contains("404"));
}

#[test]
fn a_failing_one_stops_the_selection() {
    let faults = [
        Fault::status(503),
        Fault::garbage(),
        Fault::reset(),
        Fault::huge_body(1 << 22),
        Fault::truncated_body(),
    ];
    let commands = [&["token", "--timeout", "2"][..], &["token", "--method", "metadata", "--timeout", "2"]];
    side_by_side(
        faults.into_iter().flat_map(|fault| commands.map(|words| (fault.clone(), words))),
        |(fault, words)| {
            let kind = format!("{fault:?}");
            let emulator = Emulator::start_in_thread().unwrap();
            emulator.faults().add(fault.on(Service::Metadata));
            let outcome = on(&emulator, words).env("YC_TOKEN", "t1.fake.later").done();
            assert!(
                outcome.fails(5).starts_with("error: metadata: http://127.0.0.1:"),
                "{kind}: {outcome:?}"
            );
            assert!(outcome.stderr.contains("\nhelp: "), "{kind}: {outcome:?}");
        },
    );
}

#[test]
fn the_timeout_covers_a_silent_one() {
    let faults = [Fault::hang(), Fault::drip(Duration::from_millis(100))];
    let commands = [&["token", "--timeout", "2"][..], &["header", "--timeout", "2", "--method", "metadata"]];
    let cases = faults.iter().flat_map(|fault| commands.map(|words| (fault, words)));
    side_by_side(cases, |(fault, words)| {
        let emulator = Emulator::start_in_thread().unwrap();
        emulator.faults().add(fault.clone().on(Service::Metadata));
        let outcome = on(&emulator, words).done();
        let waiting = format!("waiting for http://{}", emulator.metadata_addr());
        assert!(outcome.fails(5).contains("no token within 2 s (`--timeout`)"), "{outcome:?}");
        assert!(outcome.stderr.contains(&waiting), "{outcome:?}");
    });
}

#[test]
fn the_log_shows_each_step_of_the_selection() {
    let emulator = Emulator::start_in_thread().unwrap();
    let outcome = on(&emulator, &["token"]).env("YC_AUTH_LOG", "debug").done();
    for step in ["selection looks at api-key (YC_API_KEY)", "selection looks at metadata (http://127.0.0.1:"]
    {
        assert!(outcome.stderr.contains(step), "{outcome:?}");
    }
}

#[test]
fn an_invalid_address_is_4() {
    for address in [
        "https://127.0.0.1",
        "127.0.0.1/path",
        "127.0.0.1?x",
        "user:fake-secret@127.0.0.1",
        "127.0.0.1:99999",
    ] {
        for words in [&["token"][..], &["token", "--method", "metadata"]] {
            let outcome = yc_auth(words).env("YC_METADATA_ADDR", address).hides("fake-secret").done();
            assert!(outcome.fails(4).contains("YC_METADATA_ADDR"), "{address}: {outcome:?}");
        }
    }
}

#[test]
fn the_address_can_be_a_url() {
    let emulator = Emulator::start_in_thread().unwrap();
    let address = format!("http://{}/", emulator.metadata_addr());
    yc_auth(["token"]).env("YC_METADATA_ADDR", address).done().output();
}
