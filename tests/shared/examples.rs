//! Runs the examples of a crate: each without a variable, each saying what it should, and all of them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The examples of the crate in this folder, each with what it prints when all went well; sorted by name.
pub(crate) struct Examples {
    pub(crate) folder: &'static str,
    pub(crate) all: &'static [(&'static str, &'static [&'static str])],
}

impl Examples {
    fn source(&self, name: &str) -> PathBuf {
        Path::new(self.folder).join("examples").join(format!("{name}.rs"))
    }

    /// The program that cargo built of it, in the folder beside that of the test.
    fn program(&self, name: &str) -> PathBuf {
        let test = std::env::current_exe().unwrap();
        let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
        let program = program.with_extension(std::env::consts::EXE_EXTENSION);
        let built = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        assert!(
            built(&program) > built(&self.source(name)),
            "{} is not there or old; `cargo test` builds it, `cargo test --test examples` alone does not",
            program.display()
        );
        program
    }

    pub(crate) fn run(&self) {
        for (name, says) in self.all {
            let output = Command::new(self.program(name)).env_clear().output().unwrap();
            let (stdout, stderr) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            assert!(output.status.success(), "{name}: {}\n{stdout}{stderr}", output.status);
            for text in *says {
                assert!(stdout.contains(text), "{name} does not say {text:?}:\n{stdout}");
            }
            assert_eq!(stderr, "", "{name}");
        }
    }

    /// Those that there are, are those that are run, and none has more lines than that.
    pub(crate) fn have_at_most(&self, lines: usize) {
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
