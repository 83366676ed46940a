//! A server refuses a token: exactly this token is dropped, once. A caller that needs a longer life gets it, or an error.

use test_support::token_source::{Source, header, token};
use test_support::wait::{HOUR, on_runtime, secs, until};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{ApiKeyAuth, Credentials, ErrorKind, HeaderOptions, IamTokenAuth, NoAuth, Token};

fn living_for(seconds: u64) -> HeaderOptions {
    HeaderOptions::new().min_ttl(secs(seconds))
}

#[test]
fn a_refused_token_is_replaced_once_for_all_callers() {
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&TestClock::new());
    header(&credentials);
    let refused = credentials.snapshot().unwrap();
    on_runtime(async {
        let calls: Vec<_> = (0..64)
            .map(|_| {
                let (credentials, refused) = (credentials.clone(), refused.clone());
                tokio::spawn(async move {
                    let dropped = credentials.invalidate(&refused);
                    (dropped, credentials.get(HeaderOptions::new()).await.unwrap().generation())
                })
            })
            .collect();
        let mut dropped = 0;
        for call in calls {
            let (did_drop, generation) = call.await.unwrap();
            assert_eq!(generation, 2);
            dropped += usize::from(did_drop);
        }
        assert_eq!(dropped, 1);
    });
    assert_eq!(source.started(), 2);
}

#[test]
fn an_old_refusal_does_not_drop_a_newer_token() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).on_clock(&clock);
    header(&credentials);
    let old = credentials.snapshot().unwrap();
    clock.advance(HOUR);
    header(&credentials);
    assert!(!credentials.invalidate(&old));
    assert_eq!(header(&credentials), "Bearer t1.fake.1");
}

#[test]
fn a_method_that_cannot_renew_keeps_its_token() {
    let system = test_support::system::empty_system(&TestClock::new());
    for credentials in [
        Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap()),
        Credentials::from(IamTokenAuth::new("t1.fake.given").unwrap()),
        Credentials::from(NoAuth::new()),
    ] {
        let credentials = credentials.with_system(system.clone());
        let before = credentials.blocking().header().unwrap();
        assert!(!credentials.invalidate(&credentials.snapshot().unwrap()));
        assert_eq!(credentials.blocking().header().unwrap(), before);
    }
}

#[test]
fn a_source_that_repeats_a_refused_token_is_asked_at_growing_intervals() {
    let clock = TestClock::new();
    clock.set_random(0.999);
    let source = Source::new(|_| Ok(Token::new("t1.fake.same")?.expiring_in(12 * HOUR)));
    let credentials = source.on_clock(&clock);
    header(&credentials);
    let mut dropped = 0;
    for _ in 0..600 {
        let sent = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert_eq!(sent.generation(), 1, "the same token keeps its generation, so nothing is replayed");
        dropped += usize::from(credentials.invalidate(&sent));
        clock.advance(secs(1));
    }
    // Ten minutes of refusals, one each second: without the back-off there would be 600 fetches.
    assert!(dropped >= 1 && source.started() <= 32, "{dropped} dropped, {} fetches", source.started());
    source.set(token);
    until("another token comes", || {
        clock.advance(secs(10));
        let sent = credentials.blocking().get(HeaderOptions::new()).unwrap();
        credentials.invalidate(&sent);
        sent.generation() > 1
    });
}

#[test]
fn a_server_that_refuses_every_token_causes_few_fetches() {
    let clock = TestClock::new();
    clock.set_random(0.999);
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    for _ in 0..6000 {
        let sent = credentials.blocking().get(HeaderOptions::new()).unwrap();
        credentials.invalidate(&sent);
        clock.advance(std::time::Duration::from_millis(10));
    }
    // A minute of refusals: three replacements at once, then at 2, 4, 8, 16 and 32 s.
    assert!((6..=9).contains(&source.started()), "{} fetches", source.started());
}

#[test]
fn a_refusal_causes_a_fetch_although_a_refresh_has_just_failed() {
    let clock = TestClock::new();
    clock.set_random(0.999);
    let source = Source::living(12 * HOUR);
    let credentials = source.on_clock(&clock);
    header(&credentials);
    source.set(|_| Err(test_support::token_source::unavailable()));
    clock.advance(HOUR + secs(1));
    header(&credentials);
    until("the refresh has failed", || credentials.counters().failures == 1);
    source.set(|count| Ok(token(count)?.expiring_in(HOUR)));
    assert!(credentials.invalidate(&credentials.snapshot().unwrap()));
    assert!(credentials.try_header().is_none_or(|header| header.is_ok()), "the failure is not told");
    assert_eq!(header(&credentials), "Bearer t1.fake.2");
}

#[test]
fn callers_that_need_a_longer_life_share_one_refresh() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&clock);
    header(&credentials);
    clock.advance(secs(1800));
    assert_eq!(credentials.blocking().header_with(living_for(1700)).unwrap().unwrap(), "Bearer t1.fake.0");
    source.hold();
    on_runtime(async {
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let credentials = credentials.clone();
                tokio::spawn(async move { credentials.header_with(living_for(3000)).await.unwrap().unwrap() })
            })
            .collect();
        until("all wait", || credentials.counters().waited == 51);
        assert_eq!(header(&credentials), "Bearer t1.fake.0", "other callers do not wait");
        source.release();
        for call in calls {
            assert_eq!(call.await.unwrap(), "Bearer t1.fake.1");
        }
    });
    assert_eq!(source.started(), 2);
}

#[test]
fn a_life_that_is_not_available_is_an_error_after_one_refresh() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&clock);
    header(&credentials);
    clock.advance(secs(100));
    let error = credentials.blocking().header_with(living_for(7200)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(error.to_string().contains("3600 s left, and 7200 s"), "{error}");
    assert_eq!(source.started(), 2);
    for _ in 0..100 {
        assert!(credentials.blocking().header_with(living_for(7200)).is_err());
    }
    assert_eq!(source.started(), 2, "no more than one a second");
}

#[test]
fn requests_for_a_life_that_is_not_available_fetch_at_growing_intervals() {
    let clock = TestClock::new();
    clock.set_random(0.999);
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    for _ in 0..600 {
        assert!(credentials.blocking().header_with(living_for(7200)).is_err());
        clock.advance(secs(1));
    }
    assert!(source.started() <= 20, "{} fetches in ten minutes", source.started());
}

#[test]
fn an_api_key_satisfies_every_min_ttl() {
    let key = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap())
        .with_system(test_support::system::empty_system(&TestClock::new()));
    let header = key.blocking().header_with(HeaderOptions::new().min_ttl(std::time::Duration::MAX));
    assert_eq!(header.unwrap().unwrap(), "Api-Key AQVN-fake");
}

#[test]
fn a_refresh_for_a_longer_life_that_fails_keeps_the_token() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&clock);
    header(&credentials);
    clock.advance(secs(1800));
    source.set(|_| Err(test_support::token_source::unavailable()));
    let error = credentials.blocking().header_with(living_for(3000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("1800 s"), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("the source is down"));
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
}
