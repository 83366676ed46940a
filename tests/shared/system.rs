//! Systems that contain nothing of the computer that runs the test.

use std::io::ErrorKind;
use std::time::Duration;

use yandex_cloud_auth::System;
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestRun};

/// A system without variables, files and programs. The clock and the network are real.
#[must_use]
pub fn isolated_system() -> System {
    System::real()
        .with_environment(TestEnvironment::empty())
        .with_files(TestFiles::default())
        .with_processes(no_programs())
}

/// A system without variables, files, programs and network, on this clock.
#[must_use]
pub fn empty_system(clock: &TestClock) -> System {
    isolated_system().with_clock(clock.clone()).with_http(TestHttp::unreachable())
}

/// Processes of a system where no program is installed.
#[must_use]
pub fn no_programs() -> TestProcesses {
    TestProcesses::new(|_| TestRun::Fail(ErrorKind::NotFound))
}

/// The wall clock's time since the Unix epoch.
#[must_use]
pub fn wall(clock: &TestClock) -> Duration {
    clock.now().wall
}
