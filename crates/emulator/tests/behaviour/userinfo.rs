//! `GET /oauth/userinfo`: the subject of an IAM token, and of nothing else.

use http::StatusCode;
use test_support::http_client::get;
use yandex_cloud_emulator::{Emulator, Service};

use crate::common::{api_key, bearer};

#[tokio::test]
async fn an_iam_token_has_a_subject_until_it_is_revoked() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/oauth/userinfo", emulator.api_url());
    let token = emulator.iam_token().unwrap();
    let answer = get(&url, &[("authorization", &bearer(&token))]).await;
    assert_eq!(
        (answer.status, &answer.json()["sub"]),
        (StatusCode::OK, &emulator.service_account_id().into())
    );
    assert_eq!(emulator.counters().route("GET /oauth/userinfo"), 1);
    assert_eq!(emulator.counters().requests(Service::Iam), 1);

    emulator.revoke_iam_token(&token).unwrap();
    for refused in [bearer(&token), api_key(emulator.api_key()), bearer(emulator.oauth_token())] {
        assert_eq!(get(&url, &[("authorization", &refused)]).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(get(&url, &[]).await.status, StatusCode::UNAUTHORIZED);
}
