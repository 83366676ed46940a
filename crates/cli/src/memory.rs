//! Keeps the memory of this process, which holds secrets, from other processes of the same user and from core dumps.

/// Makes this process not dumpable (Linux). Other processes of the user can then neither trace it nor read its memory
/// and environment in `/proc`, and it leaves no core dump.
///
/// This is a flag of the process that `exec` resets, and not a limit: a program that this command runs is as usual.
pub(crate) fn protect() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // No reason to fail: the command does its work as well without it.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
