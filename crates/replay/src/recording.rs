//! A recording, and how it is read from files.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::interaction::Interaction;
use crate::{grpc_json, vcrpy};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// The number of folder levels that are searched.
const MAX_FOLDERS: usize = 8;

/// One recorded session of a client with the service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recording {
    /// The path of the file below the folder that was read, without the extension.
    pub name: String,
    /// The recorded calls, in their order.
    pub interactions: Vec<Interaction>,
    /// The types of the messages of gRPC calls that have no known REST equivalent. These calls are skipped.
    pub unsupported: Vec<String>,
}

impl Recording {
    /// Reads one file: `*.yaml`, `*.yml` or `*.json`.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 32 MiB, or is not a recording.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::read_as(&name, path)
    }

    /// Reads all recordings in a folder and in its subfolders, sorted by path. Other files are skipped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use yandex_cloud_replay::Recording;
    ///
    /// let folder = std::env::temp_dir().join(format!("recordings-{}", std::process::id()));
    /// std::fs::create_dir_all(folder.join("models"))?;
    /// std::fs::write(folder.join("models/none.json"), r#"{"interactions": []}"#)?;
    /// let recordings = Recording::read_folder(&folder)?;
    /// assert_eq!(recordings[0].name, "models/none");
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The folder cannot be read, or [`read`](Self::read) fails for a file. The first error is returned.
    pub fn read_folder(folder: &Path) -> Result<Vec<Self>, RecordingError> {
        let mut files = Vec::new();
        find(folder, MAX_FOLDERS, &mut files)?;
        files.sort();
        let name = |file: &Path| {
            let below = file.strip_prefix(folder).unwrap_or(file).with_extension("");
            below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
        };
        files.iter().map(|file| Self::read_as(&name(file), file)).collect()
    }

    /// Parses YAML as vcrpy writes it.
    ///
    /// # Errors
    /// The text is not such a recording. Aliases, tags other than `!!binary`, and a document that is too large or
    /// nested too deep are refused.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, RecordingError> {
        let interactions = vcrpy::read(text).map_err(|reason| RecordingError::new(name, reason))?;
        Ok(Self { name: name.to_owned(), interactions, unsupported: Vec::new() })
    }

    /// Parses JSON with gRPC messages.
    ///
    /// # Errors
    /// The text is not such a recording. A message of an unknown type is not an error: see
    /// [`unsupported`](Self::unsupported).
    pub fn from_json(name: &str, text: &str) -> Result<Self, RecordingError> {
        let (interactions, unsupported) =
            grpc_json::read(text).map_err(|reason| RecordingError::new(name, reason))?;
        Ok(Self { name: name.to_owned(), interactions, unsupported })
    }

    fn read_as(name: &str, path: &Path) -> Result<Self, RecordingError> {
        let file = path.display().to_string();
        let text = text(path).map_err(|reason| RecordingError::new(&file, reason))?;
        let parse = if has_extension(path, &["json"]) { Self::from_json } else { Self::from_yaml };
        parse(name, &text).map_err(|error| RecordingError { source_name: file, ..error })
    }
}

/// Why a file or text cannot be read as a recording.
#[derive(Clone, Debug)]
pub struct RecordingError {
    source_name: String,
    reason: String,
}

impl RecordingError {
    fn new(source_name: &str, reason: String) -> Self {
        Self { source_name: source_name.to_owned(), reason }
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {} as a recording: {}", self.source_name, self.reason)
    }
}

impl std::error::Error for RecordingError {}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default();
    extensions.iter().any(|expected| extension.eq_ignore_ascii_case(expected))
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), RecordingError> {
    let failed =
        |error: std::io::Error| RecordingError::new(&folder.display().to_string(), error.to_string());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && depth > 0 {
            find(&path, depth - 1, files)?;
        } else if has_extension(&path, &["yaml", "yml", "json"]) {
            files.push(path);
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    // One byte more than the limit is enough to see that the file exceeds the limit.
    let length = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if length as u64 > MAX_FILE { Err(format!("the file is larger than {MAX_FILE} bytes")) } else { Ok(text) }
}
