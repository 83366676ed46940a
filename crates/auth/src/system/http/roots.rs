//! Which certificate authorities are trusted, and the TLS configuration that trusts them.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` of the injected environment decide. Where neither is set, the operating system's
//! authorities are trusted. An empty variable counts as unset. Every file is bounded before it is read.
//!
//! The SDK uses the same functions, so that a call and the token for it trust the same authorities. Nothing here is
//! global: the provider (ring) is named, not installed, so an application's own choice of provider stays as it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::super::Environment;
use super::dial::reason;
use super::{HttpError, HttpFault};
use crate::log::log;

/// The maximum size of all certificate files together, in bytes. Those of an operating system have less than 2 MiB.
const MAX_TOTAL: usize = 16 << 20;

/// Reads the certificate authorities of a PEM text: at least one.
///
/// # Errors
/// The reason, where the text holds no certificate or one that cannot be an authority.
#[doc(hidden)]
pub fn parse_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "the PEM text is invalid")?;
    if certificates.is_empty() {
        return Err("there is no certificate in the PEM text");
    }
    for certificate in &certificates {
        RootCertStore::empty().add(certificate.clone()).map_err(|_| "it is not an X.509 certificate")?;
    }
    Ok(certificates)
}

/// The trusted authorities of an environment.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct TrustedRoots {
    /// The authorities. May be empty.
    pub store: RootCertStore,
    problem: Option<Problem>,
}

/// Why a file or folder gave no authority.
#[derive(Clone, Debug)]
struct Problem {
    reason: String,
    /// Whether the next read may succeed without a change by a person.
    is_transient: bool,
}

impl TrustedRoots {
    /// Reads the authorities of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or the operating system's where neither is set,
    /// and adds `extra`. Blocks on files.
    #[must_use]
    pub fn load(environment: &dyn Environment, extra: &[CertificateDer<'static>]) -> Self {
        let mut reader = Reader::default();
        match Locations::of(environment) {
            Some(locations) => reader.read(&locations),
            None => reader.read_those_of_the_system(),
        }
        reader.finish(extra)
    }

    /// Checks that there is an authority.
    ///
    /// # Errors
    /// [`HttpFault::NoAuthorities`] with the file and the reason, where none can be trusted before a person has changed
    /// something; [`HttpFault::Tls`] where the next read may succeed.
    pub fn check(&self) -> Result<(), HttpError> {
        if !self.store.is_empty() {
            return Ok(());
        }
        const NONE: &str = "there is no CA certificate to trust";
        Err(match &self.problem {
            Some(Problem { reason, is_transient: true }) => {
                HttpError::new(HttpFault::Tls, format!("{NONE}: {reason}"))
            }
            Some(Problem { reason, .. }) => {
                HttpError::new(HttpFault::NoAuthorities, format!("{NONE}: {reason}"))
            }
            None => HttpError::new(HttpFault::NoAuthorities, format!("{NONE} on this machine")),
        })
    }

    /// A client configuration that trusts them.
    ///
    /// # Errors
    /// rustls' own, where the provider offers no protocol version that is safe.
    pub fn into_client_config(self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(self.store).with_no_client_auth())
    }
}

/// Files and folders with authorities.
#[derive(Default)]
pub(super) struct Locations {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Locations {
    /// Those that the environment names; `None` where it names none.
    pub(super) fn of(environment: &dyn Environment) -> Option<Self> {
        let set = |name: &str| environment.variable(name).filter(|value| !value.is_empty());
        let (file, directories) = (set("SSL_CERT_FILE"), set("SSL_CERT_DIR"));
        if file.is_none() && directories.is_none() {
            return None;
        }
        let directories = directories.iter().flat_map(std::env::split_paths);
        Some(Self {
            files: file.map(PathBuf::from).into_iter().collect(),
            directories: directories.filter(|path| *path != Path::new("")).collect(),
        })
    }

    /// The paths, for an error.
    pub(super) fn describe(&self) -> String {
        let paths = self.files.iter().chain(&self.directories).map(|path| path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }
}

/// Where Unix systems keep authorities. The list of openssl-probe, which itself would read the variables of the process.
#[cfg(not(any(windows, target_os = "macos")))]
mod of_the_system {
    /// The bundles. A system has one of them.
    pub(super) const FILES: [&str; 11] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem",
        "/etc/ssl/cert.pem",
        "/opt/etc/ssl/certs/ca-certificates.crt",
        "/usr/local/etc/ssl/cert.pem",
        "/usr/local/share/certs/ca-root-nss.crt",
        "/etc/openssl/certs/ca-certificates.crt",
        "/etc/certs/ca-certificates.crt",
    ];

    /// The folders. All of them are read.
    pub(super) const DIRECTORIES: [&str; 5] = [
        "/etc/ssl/certs",
        "/etc/pki/tls/certs",
        "/usr/local/share/certs",
        "/etc/openssl/certs",
        "/etc/certs/CA",
    ];
}

/// Reads a file of at most `limit` bytes. Certificates are no secret, so nothing is wiped.
fn read(file: File, limit: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
}

/// Collects authorities, and the first reason why a place has none.
#[derive(Default)]
struct Reader {
    certificates: Vec<CertificateDer<'static>>,
    problem: Option<Problem>,
    bytes: usize,
}

impl Reader {
    fn read(&mut self, locations: &Locations) {
        for file in &locations.files {
            self.read_file(file);
        }
        for directory in &locations.directories {
            self.read_directory(directory);
        }
    }

    #[cfg(not(any(windows, target_os = "macos")))]
    fn read_those_of_the_system(&mut self) {
        let existing = |path: &str| Some(PathBuf::from(path)).filter(|path| path.exists());
        self.read(&Locations {
            files: of_the_system::FILES.into_iter().find_map(existing).into_iter().collect(),
            directories: of_the_system::DIRECTORIES.into_iter().filter_map(existing).collect(),
        });
    }

    /// The certificates of the operating system's own store.
    #[cfg(any(windows, target_os = "macos"))]
    fn read_those_of_the_system(&mut self) {
        let loaded = rustls_native_certs::load_native_certs();
        self.certificates.extend(loaded.certs);
        if let Some(error) = loaded.errors.first() {
            self.problem(error.context.to_owned(), true);
        }
    }

    fn read_file(&mut self, path: &Path) {
        let room = MAX_TOTAL.saturating_sub(self.bytes);
        let content = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
            true => Err(io::ErrorKind::IsADirectory.into()),
            false => read(file, room),
        });
        let content = match content {
            Ok(content) => content,
            Err(error) => return self.io_problem(path, &error),
        };
        self.bytes += content.len();
        let before = self.certificates.len();
        // The error of the PEM reader holds the text that it could not read, so it is not shown.
        let mut is_pem = true;
        for certificate in CertificateDer::pem_slice_iter(&content) {
            match certificate {
                Ok(certificate) => self.certificates.push(certificate),
                Err(_) => is_pem = false,
            }
        }
        if self.certificates.len() == before {
            let reason = if is_pem { "there is no certificate in the file" } else { "the file is not PEM" };
            self.problem(format!("{}: {reason}", path.display()), false);
        }
    }

    fn read_directory(&mut self, path: &Path) {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.io_problem(path, &error),
        };
        let before = self.certificates.len();
        // Sorted, so that the problem that is told does not change from run to run.
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        // Only regular files: a pipe in the folder would hang.
        for file in files.iter().filter(|file| file.is_file()) {
            self.read_file(file);
        }
        if self.certificates.len() == before {
            self.problem(format!("{}: there is no certificate in the folder", path.display()), false);
        }
    }

    fn io_problem(&mut self, path: &Path, error: &io::Error) {
        use io::ErrorKind::{
            FileTooLarge, InvalidFilename, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        };
        let is_of_the_file = matches!(
            error.kind(),
            FileTooLarge | InvalidFilename | IsADirectory | NotADirectory | NotFound | PermissionDenied
        );
        self.problem(format!("{}: {}", path.display(), reason(error)), !is_of_the_file);
    }

    fn problem(&mut self, reason: String, is_transient: bool) {
        self.problem.get_or_insert(Problem { reason, is_transient });
    }

    fn finish(mut self, extra: &[CertificateDer<'static>]) -> TrustedRoots {
        // A bundle and the folder beside it hold the same certificates.
        self.certificates.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        self.certificates.dedup();
        let mut store = RootCertStore::empty();
        let (_, unusable) = store.add_parsable_certificates(self.certificates);
        if unusable > 0 && store.is_empty() {
            let reason = "no certificate can be used as an authority".to_owned();
            self.problem.get_or_insert(Problem { reason, is_transient: false });
        }
        store.add_parsable_certificates(extra.iter().cloned());
        if let Some(problem) = self.problem.as_ref().filter(|_| !store.is_empty()) {
            log(|| {
                tracing::debug!(reason = problem.reason, "some certificate authorities could not be read");
            });
        }
        TrustedRoots { store, problem: self.problem }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::doubles::TestEnvironment;
    use super::*;

    #[test]
    fn a_machine_without_certificates_is_an_error_that_waits_for_a_person() {
        let error = Reader::default().finish(&[]).check().unwrap_err();
        assert_eq!(error.fault(), HttpFault::NoAuthorities);
        assert_eq!(error.to_string(), "there is no CA certificate to trust on this machine");
    }

    #[test]
    fn a_failure_that_may_pass_is_not_blamed_on_the_file() {
        let mut reader = Reader::default();
        reader.io_problem(Path::new("/ca.pem"), &io::Error::from_raw_os_error(24));
        let error = reader.finish(&[]).check().unwrap_err();
        assert_eq!(error.fault(), HttpFault::Tls);
        assert!(error.to_string().starts_with("there is no CA certificate to trust: /ca.pem: "), "{error}");
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let located = |variables: &[(&str, &str)]| {
            Locations::of(&TestEnvironment::new(variables.iter().copied())).map(|found| found.describe())
        };
        assert_eq!(located(&[]), None);
        assert_eq!(located(&[("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")]), None);
        assert_eq!(located(&[("SSL_CERT_FILE", "/a"), ("SSL_CERT_DIR", "")]).unwrap(), "/a");
        assert_eq!(located(&[("SSL_CERT_FILE", "/a"), ("SSL_CERT_DIR", "/b::/c")]).unwrap(), "/a, /b, /c");
    }
}
