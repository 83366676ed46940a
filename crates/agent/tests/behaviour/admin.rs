//! Probes, metrics and the page.

use test_support::http_client::{call, get};
use test_support::token_source::unavailable;
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{TOKEN, ask, free_port, listening, start, tokens};

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
        let (source, clock, port) = (tokens(), TestClock::new(), free_port());
        let config = format!(
            "{}[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n",
            crate::common::ONE
        );
        let agent = start(&config, &source, &clock).await;
        let address = agent.addresses()[0];
        for _ in 0..3 {
            ask(address, TOKEN).await;
        }
        get(&format!("http://{address}{TOKEN}"), &[]).await;
        let metrics = get(&format!("http://127.0.0.1:{port}/metrics"), &[]).await;
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

#[test]
fn the_page_shows_errors_as_text_and_no_token() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.set(|_| Err(unavailable().at("<script>alert(1)</script>")));
        let (_agent, address) = listening("admin", "", &source, &clock).await;
        let page = async || get(&format!("http://{address}/"), &[]).await;
        while !page().await.text().contains("script") {
            clock.advance(std::time::Duration::from_secs(1));
        }
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
