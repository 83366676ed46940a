//! `token-file`: a file that another program keeps fresh, read in parallel to the calls.

mod configuration;
mod expiry;
mod reads;
mod real_files;

use test_support::system::empty_system;
use test_support::token_source::InStep;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles};
use yandex_cloud_auth::{Automatic, Credentials, Error, System, TokenFileAuth};

const FILE: &str = "/run/secrets/iam-token";
const FIRST: &str = "t1.FAKE-first.x";
const SECOND: &str = "t1.FAKE-second.x";

struct TestSystem {
    clock: TestClock,
    files: TestFiles,
    environment: TestEnvironment,
}

impl TestSystem {
    fn holding(content: &str) -> Self {
        Self {
            clock: TestClock::new(),
            files: TestFiles::new([(FILE, content)]),
            environment: TestEnvironment::new([("YC_IAM_TOKEN_FILE", FILE)]),
        }
    }

    /// A read ends before the call that started it returns, so a test is a sequence.
    fn system(&self) -> System {
        empty_system(&self.clock)
            .with_files(self.files.clone())
            .with_environment(self.environment.clone())
            .with_spawner(InStep)
    }

    fn credentials(&self) -> Credentials {
        Credentials::from(TokenFileAuth::from_env()).with_system(self.system())
    }

    /// Credentials with the path in code, with the variable, and by selection.
    fn each(&self) -> [Credentials; 3] {
        [
            Credentials::from(TokenFileAuth::new(FILE)).with_system(self.system()),
            self.credentials(),
            Automatic::new().with_system(self.system()).build(),
        ]
    }

    fn failure(&self) -> Error {
        self.credentials().blocking().header().unwrap_err()
    }
}
