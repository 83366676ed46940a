//! The end of an agent: requests that are being answered end well.

use test_support::http_client::try_call;
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{FLAVOR, TOKEN, ask, listening, tokens};

#[test]
fn a_request_that_waits_is_answered_and_no_other_is_taken() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let (agent, address) = listening("metadata", "", &source, &clock).await;
        let waiting = tokio::spawn(async move { ask(address, TOKEN).await });
        while source.started() == 0 {
            tokio::task::yield_now().await;
        }
        // The request is in the agent: another one on a new connection was answered after it.
        let url = format!("http://{address}/");
        try_call("GET", &url, &[], "").await.unwrap();
        let drained = tokio::spawn(agent.drain());
        while try_call("GET", &url, &[FLAVOR], "").await.is_ok() {}
        assert!(!drained.is_finished());
        source.release();
        assert_eq!(waiting.await.unwrap().status, 200);
        drained.await.unwrap();
    });
}

#[test]
fn a_request_that_never_ends_is_not_waited_for_longer_than_the_limit() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let config = format!(
            "drain_seconds = 0.1\n{}[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n",
            crate::common::ONE
        );
        let agent = crate::common::start(&config, &source, &clock).await;
        let address = agent.addresses()[0];
        let waiting = tokio::spawn(async move { ask(address, TOKEN).await });
        try_call("GET", &format!("http://{address}/"), &[], "").await.unwrap();
        agent.drain().await;
        waiting.abort();
    });
}
