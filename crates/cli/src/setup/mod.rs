//! `yc-auth setup TOOL`: makes a tool take its tokens from this command.
//!
//! Without a flag it prints what it would write and where. `--write` writes, after a copy of each file; a second run
//! changes nothing. `--undo` takes out what was written. Everything is read, checked and merged before the first write.

mod choice;
mod command_line;
mod context;
mod file;
mod formats;
mod kubectl_user;
mod merge;
mod plan;
mod steps;
mod tools;

use std::io::Write;

use self::context::Context;
use self::steps::Mode;
use crate::arguments::SetupOptions;
use crate::deadline::Deadline;
use crate::failure::Failure;

/// Prints, writes or undoes the set-up of one tool.
pub(crate) fn run(options: &SetupOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    if cfg!(windows) {
        // The lines for shells, and the scripts, are those of Unix.
        return Err(Failure::Other(
            "setup: not available on Windows yet; docs/tools.md has the commands".to_owned(),
        ));
    }
    let mode = match (options.write, options.undo) {
        (true, _) => Mode::Write,
        (_, true) => Mode::Undo,
        _ => Mode::Show,
    };
    let context = Context::new(options, deadline)?;
    let plan = tools::plan(&context)?;
    let text = steps::run(&plan, mode, &context)?;
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
