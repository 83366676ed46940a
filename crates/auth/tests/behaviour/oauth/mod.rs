//! The exchange of an OAuth token for an IAM token.

mod discovery;
mod exchange;
mod sockets;
mod time_limits;

use crate::support::{OAUTH_TOKEN, TestSystem};
use yandex_cloud_auth::{Credentials, Error, OAuthTokenAuth};

const DISCOVERY: &str = "GET https://api.cloud.yandex.net/endpoints";
const EXCHANGE: &str = "POST https://iam.api.cloud.yandex.net/iam/v1/tokens";

fn given(test_system: &TestSystem) -> Credentials {
    test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap())
}

fn failure(test_system: &TestSystem) -> Error {
    test_support::token_source::first_failure(&given(test_system))
}
