//! Probes, metrics and the page.

use test_support::http_client::{Response, call, get};
use test_support::token_source::{Source, token, unavailable};
use test_support::wait::{HOUR, on_runtime, secs};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Error, ErrorKind};
use yandex_cloud_auth_agent::Agent;

use crate::common::{ONE, TOKEN, ask, listening, start, tokens};

/// A configuration with both listeners, at ports that the system chooses.
fn metadata_and_admin() -> String {
    let listen = |kind: &str| format!("[[listen]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:0\"\n");
    format!("{ONE}{}{}", listen("metadata"), listen("admin"))
}

#[test]
fn readiness_is_that_of_the_tokens() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let (_agent, address) = listening("admin", "", &source, &clock).await;
        let status = async |path: &str| get(&format!("http://{address}{path}"), &[]).await.status.as_u16();
        assert_eq!(
            (status("/livez").await, status("/readyz").await, status("/readyz/one").await),
            (200, 503, 503)
        );
        assert_eq!((status("/readyz/other").await, status("/other").await), (404, 404));
        source.release();
        while status("/readyz").await != 200 {}
        assert_eq!(status("/readyz/one").await, 200);
        assert_eq!(call("POST", &format!("http://{address}/readyz"), &[], "").await.status, 405);
    });
}

#[test]
fn probes_have_a_status_and_no_text() {
    on_runtime(async {
        let (_agent, address) = listening("probes", "", &tokens(), &TestClock::new()).await;
        let response =
            async |path: &str| get(&format!("http://{address}{path}"), &[("host", "pod.example")]).await;
        while response("/readyz").await.status != 200 {}
        for (path, status) in
            [("/livez", 200), ("/readyz", 200), ("/readyz/one", 404), ("/metrics", 404), ("/", 404)]
        {
            let response = response(path).await;
            assert_eq!((response.status.as_u16(), response.body.len()), (status, 0), "{path}");
        }
    });
}

#[test]
fn metrics_count_requests_and_show_no_token() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let agent = start(&metadata_and_admin(), &source, &clock).await;
        let (address, admin) = (agent.addresses()[0], agent.addresses()[1]);
        for _ in 0..3 {
            ask(address, TOKEN).await;
        }
        get(&format!("http://{address}{TOKEN}"), &[]).await;
        let metrics = get(&format!("http://{admin}/metrics"), &[]).await;
        assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
        let text = metrics.text();
        for line in [
            "yc_auth_agent_requests_total{listener=\"metadata\",outcome=\"ok\"} 3",
            "yc_auth_agent_requests_total{listener=\"metadata\",outcome=\"refused\"} 1",
            "yc_auth_agent_ready{identity=\"one\"} 1",
            "yc_auth_agent_fetches_total{identity=\"one\"} 1",
            "yc_auth_agent_fetch_failures_total{identity=\"one\"} 0",
            "yc_auth_agent_response_seconds_count{listener=\"metadata\"} 4",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("yc_auth_agent_token_expires_seconds{identity=\"one\"}"), "{text}");
        // A family is there once: Prometheus refuses the whole text otherwise.
        let mut families: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let count = families.len();
        families.sort_unstable();
        families.dedup();
        assert_eq!(families.len(), count, "{text}");
        assert!(text.ends_with("# EOF\n") && !text.contains("t1."), "{text}");
    });
}

/// An agent with a page, and what gets the page.
async fn page_of(source: &Source, clock: &TestClock) -> (Agent, impl AsyncFn() -> Response) {
    let (agent, address) = listening("admin", "", source, clock).await;
    (agent, async move || get(&format!("http://{address}/"), &[]).await)
}

#[test]
fn the_page_shows_errors_as_text_and_no_token() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.set(|_| Err(unavailable().at("<script>alert(1)</script>")));
        let (_agent, page) = page_of(&source, &clock).await;
        // No caller was told yet: the first attempts are made while it waits.
        while !page().await.text().contains("fails now: ") {}
        let page = page().await;
        assert!(
            page.text().contains("&lt;script&gt;") && !page.text().contains("<script"),
            "{}",
            page.text()
        );
        assert!(page.text().contains("<tr><td>admin</td><td>"), "{}", page.text());
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert!(!page.text().contains("t1."));
    });
}

#[test]
fn the_page_shows_why_renewals_fail_while_the_old_token_is_good() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let (_agent, page) = page_of(&source, &clock).await;
        while !page().await.text().contains("<td>ready</td>") {}
        assert!(!page().await.text().contains("class=\"error\""));
        source.set(|_| Err(unavailable()));
        while !page().await.text().contains("fails now: ") {
            clock.advance(HOUR);
        }
        let text = page().await.text();
        assert!(text.contains("<td>ready</td>") && text.contains("the source is down"), "{text}");
        source.set(|count| Ok(token(count)?.expiring_in(12 * HOUR)));
        while page().await.text().contains("fails now: ") {
            clock.advance(secs(60));
        }
        assert!(!page().await.text().contains("class=\"error\""), "no client was without a token");
    });
}

#[test]
fn the_page_keeps_the_last_error_that_left_clients_without_a_token() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.set(|_| Err(Error::new(ErrorKind::Refused, "the key is deleted")));
        let agent = start(&metadata_and_admin(), &source, &clock).await;
        let (metadata, admin) = (agent.addresses()[0], agent.addresses()[1]);
        assert_eq!(ask(metadata, TOKEN).await.status, 500);
        source.set(|count| Ok(token(count)?.expiring_in(HOUR)));
        while ask(metadata, TOKEN).await.status != 200 {
            clock.advance(secs(1));
        }
        let page = get(&format!("http://{admin}/"), &[]).await.text();
        assert!(page.contains("failed on ") && page.contains("GMT: custom: the key is deleted"), "{page}");
        assert!(page.contains("<td>ready</td>") && !page.contains("fails now"), "{page}");
    });
}
