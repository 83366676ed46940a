//! A child's process group: killed as a whole, and only while its number is certainly still its own.
//!
//! A number may be given to another process once the child has been reaped. So the group looks at its leader
//! without reaping it, is killed before that, and is released after.

pub(super) use self::imp::Group;

#[cfg(unix)]
mod imp {
    use std::time::Duration;

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
    use tokio::process::Child;

    /// The group that a child leads. Killed when dropped, unless it was released.
    pub(in super::super) struct Group {
        leader: Option<Pid>,
    }

    impl Group {
        pub(in super::super) fn of(child: &Child) -> Self {
            let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            Self { leader }
        }

        /// Whether the leader has ended. It is not reaped by that.
        pub(in super::super) fn leader_has_ended(&mut self, _child: &mut Child) -> bool {
            let Some(leader) = self.leader else { return true };
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(leader), look) {
                Ok(state) => state.is_some(),
                Err(rustix::io::Errno::INTR) => false,
                Err(_) => {
                    // Somebody else in this process reaps all children: the number is no longer ours.
                    self.leader = None;
                    true
                }
            }
        }

        /// Kills whoever is in the group.
        pub(in super::super) fn kill(&self) {
            if let Some(leader) = self.leader {
                let _ = kill_process_group(leader, Signal::KILL);
            }
        }

        /// The leader is reaped: its number means nothing from here on.
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
            // Death takes a moment. The child that is dropped next is reaped only if it is dead by then; a runtime
            // that ends now would leave it as a zombie.
            for _ in 0..20 {
                let leader = self.leader;
                let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
                match leader.map(|leader| waitid(WaitId::Pid(leader), look)) {
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

    /// Without groups, the child stands for its own; it is killed when it is dropped.
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
