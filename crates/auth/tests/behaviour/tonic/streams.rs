//! Uploads up to the limit and beyond it, and streams that break.

use std::sync::atomic::Ordering;

use super::{Echo, Refusing, Running, fetched, serve, upload, words};
use test_support::token_source::header;
use test_support::wait::on_runtime;
use tonic::Code;
use tonic::transport::Endpoint;
use yandex_cloud_auth::tower::AuthLayer;

#[test]
fn a_refused_upload_is_replayed_within_the_limit_and_beyond_it_the_refusal_is_returned() {
    const KIB: usize = 1 << 10;
    for (parts, again) in [(32, true), (128, false)] {
        let (_source, credentials) = fetched();
        let echo = Echo::new(Refusing::After(parts));
        let server = Running::start(&echo);
        let response = on_runtime(async { upload(server.channel(credentials.clone()), parts, KIB).await });
        let sent = parts * KIB;
        if again {
            assert_eq!(response.unwrap(), sent.to_string());
        } else {
            let status = response.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "the token was revoked"));
        }
        let times = 1 + usize::from(again);
        assert_eq!((echo.seen().len(), echo.read.load(Ordering::SeqCst)), (times, times * sent));
        assert_eq!(header(&credentials), "Bearer t1.fake.1", "the refused token was dropped");
    }
}

#[test]
fn a_long_upload_is_not_recorded() {
    const PARTS: usize = 1024;
    const SIZE: usize = 16 << 10;
    let (_source, credentials) = fetched();
    header(&credentials);
    let echo = Echo { refusing: Refusing::After(PARTS), ..Echo::new(Refusing::Nothing) };
    // Client and server run on this thread, because the measurement covers one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kept = allocation_counter::measure(|| {
        runtime.block_on(async {
            let endpoint = Endpoint::from_shared(format!("http://{}", serve(&echo).await)).unwrap();
            let channel = AuthLayer::new(credentials.clone()).allow_loopback().channel(&endpoint).unwrap();
            let status = upload(channel, PARTS, SIZE).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated);
        });
    });
    assert_eq!(echo.read.load(Ordering::SeqCst), PARTS * SIZE);
    assert!(kept.bytes_max < (PARTS * SIZE / 8) as u64, "{kept:?}");
}

#[test]
fn a_stream_that_breaks_is_not_replayed() {
    let (source, credentials) = fetched();
    let echo = Echo::new(Refusing::Nothing);
    let server = Running::start(&echo);
    on_runtime(async {
        let mut late = words(server.channel(credentials.clone()), "/echo/late").await.unwrap();
        assert_eq!(late.message().await.unwrap().unwrap().0, "one");
        let status = late.message().await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "the token ran out"));

        let mut open = words(server.channel(credentials.clone()), "/echo/open").await.unwrap();
        assert_eq!(open.message().await.unwrap().unwrap().0, "one");
        tokio::task::spawn_blocking(|| server.cut()).await.unwrap();
        open.message().await.unwrap_err();
    });
    assert_eq!(echo.seen(), ["Bearer t1.fake.0"; 2], "neither call was replayed");
    assert_eq!((source.started(), header(&credentials).as_str()), (1, "Bearer t1.fake.0"));
}
