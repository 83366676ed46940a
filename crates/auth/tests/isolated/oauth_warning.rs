//! The warning about OAuth tokens: logged once in a process, so this test has a process of its own.

use crate::support::{OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::own_process::in_own_process;
use test_support::token_source::header;
use yandex_cloud_auth::OAuthTokenAuth;

#[test]
fn the_warning_is_logged_once_in_a_process_and_says_what_to_do() {
    in_own_process("oauth_warning::the_warning_is_logged_once_in_a_process_and_says_what_to_do", warns_once);
}

fn warns_once() {
    let test_system = TestSystem::new().answering(cloud(exchanged())).set("YC_OAUTH_TOKEN", OAUTH_TOKEN);
    header(&test_system.automatic());
    header(&test_system.with(OAuthTokenAuth::from_env()));
    header(&test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()));
    let warnings = test_system.log.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for word in ["2026-06-01", "whole account", "API key", "metadata", "yc", "leaked", "https://"] {
        assert!(warnings[0].contains(word), "{word}: {warnings:?}");
    }
    assert!(!warnings[0].contains("FAKE"), "{warnings:?}");
}
