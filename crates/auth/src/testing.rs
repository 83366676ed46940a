//! Stand-ins for the machine: a clock that moves when told, an environment, HTTP, programs and files of one's own.
//!
//! For tests of programs that use this library, as for its own. Put them into a [`System`](crate::System).

pub use crate::system::doubles::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
