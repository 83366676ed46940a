//! Which tool runs this command: the nearest ancestor process that is no shell.
//!
//! Most tools start their command by a shell, a new one each time. A process is known by its number and by the time of its
//! start, because numbers are used again.

/// A process that runs this command.
pub(super) struct ToolProcess {
    pub(super) pid: u64,
    /// When the process started, in ticks since the machine did.
    pub(super) started: u64,
}

#[cfg(target_os = "linux")]
pub(super) fn caller() -> Option<ToolProcess> {
    const SHELLS: [&str; 12] =
        ["sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "ash", "busybox", "csh", "tcsh", "env"];
    // More shells than this stand in no line of ancestors.
    const GENERATIONS: usize = 16;
    let mut pid = u64::from(std::os::unix::process::parent_id());
    for _ in 0..GENERATIONS {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses, and may have any character.
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1;
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        if !SHELLS.contains(&name) {
            // proc(5): the start is field 22, and `after` begins with field 3.
            return Some(ToolProcess { pid, started: fields.get(19)?.parse().ok()? });
        }
        pid = fields.get(1)?.parse().ok()?;
    }
    None
}

/// Other systems do not tell in files.
#[cfg(not(target_os = "linux"))]
pub(super) fn caller() -> Option<ToolProcess> {
    None
}
