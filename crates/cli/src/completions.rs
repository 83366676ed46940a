//! `yc-auth completions SHELL`: made from the definitions of the command line.

use std::io::Write;

use clap_complete::Shell;

use crate::arguments::definitions;
use crate::failure::Failure;

/// Prints the completions.
pub(crate) fn run(shell: Shell, out: &mut dyn Write) -> Result<(), Failure> {
    // Into memory first: the generator panics on a write error.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definitions(), "yc-auth", &mut script);
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
