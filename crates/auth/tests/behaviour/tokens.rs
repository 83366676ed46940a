//! The bare token or key, for clients that build their own header; and a source that is a function.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{API_KEY, IAM_TOKEN, TestSystem};
use test_support::system::empty_system;
use test_support::token_source::Source;
use test_support::wait::{HOUR, on_runtime, secs};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, EnvIamTokenAuth, ErrorKind, HeaderOptions, IamTokenAuth, Method, NoAuth, Token,
};

#[test]
fn a_token_is_the_credential_without_its_scheme() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
    for (credentials, expected) in [
        (test_system.with(ApiKeyAuth::new(API_KEY).unwrap()), API_KEY),
        (test_system.with(IamTokenAuth::new(IAM_TOKEN).unwrap()), IAM_TOKEN),
        (test_system.with(EnvIamTokenAuth::new()), IAM_TOKEN),
        (Source::living(HOUR).on_clock(&TestClock::new()), "t1.fake.0"),
    ] {
        let token = on_runtime(credentials.token()).unwrap().unwrap();
        assert_eq!(token.expose_secret(), expected);
        assert_eq!(credentials.blocking().token().unwrap(), Some(token.clone()));
        assert_eq!(credentials.snapshot().unwrap().token(), Some(token.clone()));
        assert_eq!(format!("{token:?} {token:#?}"), "Secret(***) Secret(***)");
    }
}

#[test]
fn the_method_none_has_no_token() {
    let credentials = Credentials::from(NoAuth::new());
    assert_eq!(on_runtime(credentials.token()).unwrap(), None);
    assert_eq!(credentials.blocking().token().unwrap(), None);
}

#[test]
fn a_token_obeys_the_options_of_the_call() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).on_clock(&clock);
    let living = |seconds| HeaderOptions::new().min_ttl(secs(seconds));
    assert!(on_runtime(credentials.token_with(living(3600))).is_ok());
    let error = credentials.blocking().token_with(living(3601)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
}

#[test]
fn a_function_is_a_source_whose_token_is_kept_fresh() {
    let clock = TestClock::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let credentials = Credentials::from_fn(move || {
        let call = counter.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Token::new(format!("t1.fake.{call}"))?.expiring_in(HOUR)) }
    })
    .with_system(empty_system(&clock));
    assert_eq!(calls.load(Ordering::SeqCst), 0, "construction fetches nothing");
    for (call, expected) in ["Bearer t1.fake.0", "Bearer t1.fake.1"].into_iter().enumerate() {
        for _ in 0..3 {
            assert_eq!(credentials.blocking().header().unwrap().unwrap(), expected);
        }
        assert_eq!(calls.load(Ordering::SeqCst), call + 1);
        clock.advance(HOUR);
    }
    assert_eq!(credentials.method(), Some(Method::Custom));
}

#[test]
fn an_empty_token_of_a_source_has_a_help() {
    let credentials = Credentials::from_fn(|| async { Token::new(" ") });
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!(error.to_string(), "custom: the value is empty");
    assert!(error.help().unwrap().contains("must return the bare token"), "{:?}", error.help());
}
