//! Which folder the shared cache uses, by the variables of the process.

use std::path::PathBuf;

use super::super::Environment;
use super::CacheFolder;
use crate::{Error, ErrorKind};

/// Turns the shared cache on or off.
const SWITCH: &str = "YC_AUTH_CACHE";

/// The folder of the shared cache.
const FOLDER: &str = "YC_AUTH_CACHE_DIR";

/// The name of the folder in the user's folder.
const NAME: &str = "yc-auth";

impl CacheFolder {
    /// The folder that the environment names: `YC_AUTH_CACHE_DIR`, else `yc-auth` in `XDG_RUNTIME_DIR`, else `yc-auth` in
    /// the user's folder for caches. `None` where `YC_AUTH_CACHE` is `off`, or where no folder is known.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if `YC_AUTH_CACHE` is neither `on` nor `off`, or if `YC_AUTH_CACHE_DIR` is not an absolute
    /// path.
    ///
    /// ```
    /// use std::path::Path;
    /// use yandex_cloud_auth::system::CacheFolder;
    /// use yandex_cloud_auth::testing::TestEnvironment;
    /// let environment = TestEnvironment::new([("XDG_RUNTIME_DIR", "/run/user/1000")]);
    /// let folder = CacheFolder::from_env(&environment)?.unwrap();
    /// assert_eq!(folder.path(), Path::new("/run/user/1000/yc-auth"));
    /// environment.set("YC_AUTH_CACHE", "off");
    /// assert!(CacheFolder::from_env(&environment)?.is_none());
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    pub fn from_env(environment: &dyn Environment) -> Result<Option<Self>, Error> {
        let path = |name| environment.variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match path(SWITCH).as_ref().map(|value| value.to_str()) {
            None | Some(Some("on")) => {}
            Some(Some("off")) => return Ok(None),
            Some(_) => {
                return Err(Error::new(ErrorKind::Invalid, "the value is neither `on` nor `off`")
                    .at(SWITCH)
                    .with_help(format!("set {SWITCH} to `on` or `off`, or unset it")));
            }
        }
        if let Some(folder) = path(FOLDER) {
            if folder.is_absolute() {
                return Ok(Some(Self::new(folder)));
            }
            return Err(Error::new(ErrorKind::Invalid, "the path is not absolute").at(FOLDER).with_help(
                format!("set {FOLDER} to the absolute path of a folder that only you can write to"),
            ));
        }
        let absolute = |name| path(name).filter(|path| path.is_absolute());
        let parent = absolute("XDG_RUNTIME_DIR").or_else(|| {
            if cfg!(windows) {
                absolute("LOCALAPPDATA")
            } else if cfg!(target_os = "macos") {
                absolute("HOME").map(|home| home.join("Library/Caches"))
            } else {
                absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            }
        });
        Ok(parent.map(|parent| Self::new(parent.join(NAME))))
    }
}
