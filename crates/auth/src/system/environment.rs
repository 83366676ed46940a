//! Environment variables, what their values mean, and whether standard input is a terminal.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::System;
use crate::{Error, ErrorKind};

/// The environment of the process, or a replacement for it.
pub trait Environment: Send + Sync + 'static {
    /// The value of one variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// All variables. A child process inherits them.
    fn variables(&self) -> Vec<(OsString, OsString)>;

    /// Whether standard input is a terminal. Automatic selection runs the yc CLI only then.
    fn stdin_is_terminal(&self) -> bool;
}

/// The environment of this process. Read only.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    fn stdin_is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stdin())
    }
}

impl System {
    /// The value of a variable, trimmed. An empty variable counts as unset.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the value is not UTF-8, or only white space. The error does not show the
    /// value.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<Zeroizing<String>>, Error> {
        let Some(raw) = self.environment().variable(name) else { return Ok(None) };
        match raw.into_string() {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let trimmed = text.trim();
                // Nobody means that: a script or a template has put together a value of nothing.
                if trimmed.is_empty() && !text.is_empty() {
                    let reason = "the value is only white space";
                    return Err(Error::new(ErrorKind::Invalid, reason)
                        .at(name)
                        .with_help(format!("give {name} a value, or unset it")));
                }
                Ok((!trimmed.is_empty()).then(|| Zeroizing::new(trimmed.to_owned())))
            }
            Err(_) => Err(Error::new(ErrorKind::Invalid, "the value is not UTF-8")
                .at(name)
                .with_help(format!("set {name} to plain ASCII text, or unset it"))),
        }
    }
}

#[cfg(any(test, feature = "testing"))]
pub use self::double::TestEnvironment;

#[cfg(any(test, feature = "testing"))]
mod double {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use super::Environment;

    /// An environment for tests. Clones share it.
    ///
    /// ```
    /// use yandex_cloud_auth::system::Environment;
    /// use yandex_cloud_auth::testing::TestEnvironment;
    /// let environment = TestEnvironment::new([("YC_PROFILE", "work")]);
    /// environment.set("YC_PROFILE", "home");
    /// assert_eq!(environment.variable("YC_PROFILE").unwrap(), "home");
    /// ```
    #[derive(Clone, Debug, Default)]
    pub struct TestEnvironment {
        state: Arc<Mutex<State>>,
    }

    #[derive(Default)]
    struct State {
        variables: BTreeMap<OsString, OsString>,
        terminal: bool,
    }

    impl std::fmt::Debug for State {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.debug_set().entries(self.variables.keys()).finish()
        }
    }

    impl TestEnvironment {
        /// An environment with these variables and without a terminal.
        #[must_use]
        pub fn new<N: Into<OsString>, V: Into<OsString>>(
            variables: impl IntoIterator<Item = (N, V)>,
        ) -> Self {
            let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            Self { state: Arc::new(Mutex::new(State { variables, terminal: false })) }
        }

        /// An environment without variables.
        #[must_use]
        pub fn empty() -> Self {
            Self::default()
        }

        /// Makes standard input a terminal.
        #[must_use]
        pub fn with_terminal(self) -> Self {
            self.state().terminal = true;
            self
        }

        /// Sets a variable.
        pub fn set(&self, name: impl Into<OsString>, value: impl Into<OsString>) {
            self.state().variables.insert(name.into(), value.into());
        }

        /// Removes a variable.
        pub fn remove(&self, name: &str) {
            self.state().variables.remove(std::ffi::OsStr::new(name));
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Environment for TestEnvironment {
        fn variable(&self, name: &str) -> Option<OsString> {
            self.state().variables.get(std::ffi::OsStr::new(name)).cloned()
        }

        fn variables(&self) -> Vec<(OsString, OsString)> {
            self.state().variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        }

        fn stdin_is_terminal(&self) -> bool {
            self.state().terminal
        }
    }
}
