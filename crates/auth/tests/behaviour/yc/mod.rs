//! The yc CLI: when it runs and how, and what its output means.

mod command;
mod output;
mod selection;

use crate::support::TestSystem;
use yandex_cloud_auth::testing::TestRun;
use yandex_cloud_auth::{Credentials, Error, YandexCloudCliAuth};

fn by_hand(test_system: &TestSystem) -> Credentials {
    test_system.with(YandexCloudCliAuth::new())
}

fn failure(run: TestRun) -> Error {
    test_support::token_source::first_failure(&by_hand(&TestSystem::new().with_yc(move |_| run.clone())))
}
