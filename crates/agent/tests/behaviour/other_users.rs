//! Another user of the machine gets no token from the metadata service. The test needs root, to become another user.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use test_support::users::{OTHER, can_become_others};
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{TOKEN, listening, tokens};

/// The response to a request of another user.
async fn asked_by_other(host: &str, port: u16) -> String {
    let request = format!(
        "GET {TOKEN} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nMetadata-Flavor: Google\\r\\nConnection: close\\r\\n\\r\\n"
    );
    let script = format!("exec 3<>/dev/tcp/{host}/{port}; printf '{request}' >&3; cat <&3");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).uid(OTHER).gid(OTHER).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn another_user_is_refused_until_the_configuration_allows_the_user() {
    if !can_become_others() {
        return;
    }
    on_runtime(async {
        for (more, status) in [("", "403"), ("allow_uids = [54321]", "200"), ("allow_uids = [1]", "403")] {
            let (_agent, address) = listening("metadata", more, &tokens(), &TestClock::new()).await;
            // The second address is the first one, for a socket of IPv6.
            for host in ["127.0.0.1", "::ffff:127.0.0.1"] {
                let response = asked_by_other(host, address.port()).await;
                assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{host} {more}: {response}");
                assert_eq!(response.contains("t1."), status == "200", "{host} {more}: {response}");
            }
        }
    });
}
