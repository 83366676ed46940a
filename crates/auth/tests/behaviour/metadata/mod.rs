//! The metadata service: the request, its responses, and the time limits.

mod request;
mod responses;
mod sockets;
mod time_limits;

use yandex_cloud_auth::testing::TestReply;

fn ok(body: &str) -> TestReply {
    TestReply::status(200, body)
}
