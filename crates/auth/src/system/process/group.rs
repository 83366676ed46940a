//! The process group of a child: killed as a whole, and only while its id certainly belongs to it.
//!
//! The operating system may reuse the id once the child has been reaped. So the group checks its leader without reaping
//! it, is killed before the leader is reaped, and is released after that.

pub(super) use self::imp::Group;

#[cfg(unix)]
mod imp {
    use std::time::Duration;

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
    use tokio::process::Child;

    /// The group that a child leads. Dropping it kills the group, unless it was released.
    pub(in super::super) struct Group {
        leader: Option<Pid>,
    }

    impl Group {
        pub(in super::super) fn of(child: &Child) -> Self {
            let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            Self { leader }
        }

        /// Whether the leader has ended. Does not reap it.
        pub(in super::super) fn leader_has_ended(&mut self, _child: &mut Child) -> bool {
            let Some(leader) = self.leader else { return true };
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(leader), options) {
                Ok(state) => state.is_some(),
                Err(rustix::io::Errno::INTR) => false,
                Err(_) => {
                    // Other code in this process has reaped the child, so the id may belong to another process.
                    self.leader = None;
                    true
                }
            }
        }

        /// Kills all processes of the group.
        pub(in super::super) fn kill(&self) {
            if let Some(leader) = self.leader {
                let _ = kill_process_group(leader, Signal::KILL);
            }
        }

        /// Forgets the id. Call it after the leader has been reaped.
        pub(in super::super) fn release(&mut self) {
            self.leader = None;
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            if self.leader.is_none() {
                return;
            }
            self.kill();
            // The processes need a moment to end. The child is dropped next, and is reaped only if it has ended by
            // then. If the runtime ends now, the child would stay a zombie.
            for _ in 0..20 {
                let leader = self.leader;
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
                match leader.map(|leader| waitid(WaitId::Pid(leader), options)) {
                    Some(Ok(None) | Err(rustix::io::Errno::INTR)) => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    _ => return,
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use tokio::process::Child;

    /// This platform has no process groups. Dropping the child kills the child only.
    pub(in super::super) struct Group;

    impl Group {
        pub(in super::super) fn of(_child: &Child) -> Self {
            Self
        }

        pub(in super::super) fn leader_has_ended(&mut self, child: &mut Child) -> bool {
            !matches!(child.try_wait(), Ok(None))
        }

        pub(in super::super) fn kill(&self) {}

        pub(in super::super) fn release(&mut self) {}
    }
}
