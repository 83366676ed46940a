//! Runs the examples of a crate without environment variables and compares their output.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The examples of a crate.
pub struct Examples {
    /// The folder of the crate.
    pub folder: &'static str,
    /// The names of the examples, sorted, each with the texts that its output contains on success.
    pub all: &'static [(&'static str, &'static [&'static str])],
}

impl Examples {
    fn source(&self, name: &str) -> PathBuf {
        Path::new(self.folder).join("examples").join(format!("{name}.rs"))
    }

    /// The program that cargo built from the example, in the folder next to the folder of the test.
    fn program(&self, name: &str) -> PathBuf {
        let test = std::env::current_exe().unwrap();
        let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
        let program = program.with_extension(std::env::consts::EXE_EXTENSION);
        let built = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        assert!(
            built(&program) > built(&self.source(name)),
            "{} is missing or older than its source: `cargo test` builds it, `cargo test --test NAME` does not",
            program.display()
        );
        program
    }

    /// Runs every example.
    pub fn run(&self) {
        for (name, expected) in self.all {
            let output = Command::new(self.program(name)).env_clear().output().unwrap();
            let (stdout, stderr) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            assert!(output.status.success(), "{name}: {}\n{stdout}{stderr}", output.status);
            for text in *expected {
                assert!(stdout.contains(text), "the output of {name} does not contain {text:?}:\n{stdout}");
            }
            assert_eq!(stderr, "", "{name}");
        }
    }

    /// Checks that every example is listed, and that no example has more lines than this.
    pub fn have_at_most(&self, lines: usize) {
        let mut names: Vec<_> = std::fs::read_dir(self.source("x").parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, self.all.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for name in names {
            let has = std::fs::read_to_string(self.source(&name)).unwrap().lines().count();
            assert!(has <= lines, "{name} has {has} lines");
        }
    }
}
