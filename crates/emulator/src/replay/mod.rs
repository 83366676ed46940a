//! Replays recorded traffic, so that a client is tested against what the real service once said.
//!
//! A [`Recording`] is read from a file of either form that the Python SDK's tests keep: `*.yaml`, HTTP as vcrpy
//! writes it, and `*.json`, gRPC messages as proto3's JSON, which are taken for the REST calls that they map to.
//! A [`ReplayServer`] on loopback expects the recorded requests in their order and gives the recorded answers, in
//! pieces of random sizes; in the end it tells what was not as recorded.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use yandex_cloud_emulator::replay::{Recording, ReplayServer};
//!
//! let recording = r#"{"interactions": [{
//!     "request": {"cls": "TokenizeRequest", "message": {"modelUri": "gpt://b1g/yandexgpt/latest", "text": "hi"}},
//!     "response": {"cls": "TokenizeResponse", "message": {"tokens": [{"id": "1", "text": "<s>"}]}}
//! }]}"#;
//! let recording = Recording::from_json("tokenize", recording)?;
//! let server = ReplayServer::start(&recording, 42).await?;
//! // Here a client is pointed at `server.url()`, and sends what was recorded. This one sends nothing:
//! let error = server.finish().unwrap_err();
//! assert!(error.to_string().contains("POST /foundationModels/v1/tokenize was never asked for"));
//! # Ok(()) }
//! ```
//!
//! # What is compared
//! Method, path and query; the body, as a JSON value where it is one; the content type, and the headers that change
//! what a request means, where they were recorded. The host is not: all services are this server. Nor are
//! credentials, which no recording has.
//!
//! # What is changed
//! Nothing but the addresses in an answer of endpoint discovery, which become the server's own, so that the client
//! comes back, and the headers that belong to a connection.

mod chunks;
mod compare;
mod grpc;
mod server;
mod vcr;
mod yaml;

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

pub use server::{ReplayError, ReplayServer};

/// The largest file that is read.
const MAX_FILE: u64 = 32 << 20;
/// How deep folders are searched.
const MAX_FOLDERS: usize = 8;

/// One session of a client with the service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recording {
    /// Its name: the file's, without its extension, below the folder that was read.
    pub name: String,
    /// What was said, in its order.
    pub interactions: Vec<Interaction>,
    /// The gRPC calls for which no REST twin is known, by the classes of their messages. They are passed over.
    pub not_covered: Vec<String>,
}

/// One call of a recording: a request and its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Interaction {
    /// The class of the request's message, where a gRPC call was recorded.
    pub class: Option<String>,
    /// What was asked.
    pub request: Request,
    /// What was answered.
    pub answer: Answer,
}

/// What was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The host, with its port if one was given; `None` where a gRPC call was recorded.
    pub host: Option<String>,
    /// The path, with its query if there was one.
    pub target: String,
    /// The headers, of which a gRPC recording has none.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, a stream's too.
    pub body: Bytes,
    /// How the body is to be read.
    pub kind: Kind,
}

/// How an answer's body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One JSON value, or something else altogether.
    Whole,
    /// Server-sent events, the last one `[DONE]`.
    Events,
    /// JSON objects, one per line, each with a message in `result`.
    Lines,
}

impl Recording {
    /// Reads one file, `*.yaml`, `*.yml` or `*.json`.
    ///
    /// # Errors
    /// A file that cannot be read, is larger than 32 MiB, or is no recording.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::read_as(&name, path)
    }

    /// Reads all recordings in a folder and those below it, by name. Other files are passed over.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use yandex_cloud_emulator::replay::Recording;
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
    /// A folder that cannot be read, and the first file of which [`read`](Self::read) would say so.
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

    /// From YAML as vcrpy writes it.
    ///
    /// # Errors
    /// What is not such a recording. Aliases, tags other than `!!binary`, and what is too large or too deep are refused.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, RecordingError> {
        let interactions = vcr::read(text).map_err(|reason| RecordingError::new(name, reason))?;
        Ok(Self { name: name.to_owned(), interactions, not_covered: Vec::new() })
    }

    /// From JSON with gRPC messages.
    ///
    /// # Errors
    /// What is not such a recording. Messages of unknown classes are no error: see
    /// [`not_covered`](Self::not_covered).
    pub fn from_json(name: &str, text: &str) -> Result<Self, RecordingError> {
        let (interactions, not_covered) =
            grpc::read(text).map_err(|reason| RecordingError::new(name, reason))?;
        Ok(Self { name: name.to_owned(), interactions, not_covered })
    }

    fn read_as(name: &str, path: &Path) -> Result<Self, RecordingError> {
        let place = path.display().to_string();
        let text = text(path).map_err(|reason| RecordingError::new(&place, reason))?;
        let read = if is(path, &["json"]) { Self::from_json } else { Self::from_yaml };
        read(name, &text).map_err(|error| RecordingError { place, ..error })
    }
}

impl Request {
    /// The body as JSON, if it is that.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Answer {
    /// What the answer says, message by message: the value of a whole body, the data of each event but `[DONE]`,
    /// the `result` of each line. Empty where there is no JSON.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        let unwrapped = |mut value: Value| value.get_mut("result").map(Value::take).unwrap_or(value);
        let read = |text: &str| serde_json::from_str(text).ok();
        match self.kind {
            Kind::Whole => serde_json::from_slice(&self.body).into_iter().collect(),
            Kind::Lines => {
                let text = String::from_utf8_lossy(&self.body);
                text.lines().filter_map(read).map(unwrapped).collect()
            }
            Kind::Events => {
                let text = String::from_utf8_lossy(&self.body);
                text.lines().filter_map(|line| read(line.strip_prefix("data:")?.trim())).collect()
            }
        }
    }
}

/// Why a file is no recording.
#[derive(Clone, Debug)]
pub struct RecordingError {
    place: String,
    reason: String,
}

impl RecordingError {
    fn new(place: &str, reason: String) -> Self {
        Self { place: place.to_owned(), reason }
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no recording that can be read: {}", self.place, self.reason)
    }
}

impl std::error::Error for RecordingError {}

fn is(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default();
    extensions.iter().any(|one| extension.eq_ignore_ascii_case(one))
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), RecordingError> {
    let wrong = |error: std::io::Error| RecordingError::new(&folder.display().to_string(), error.to_string());
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() && depth > 0 {
            find(&path, depth - 1, files)?;
        } else if is(&path, &["yaml", "yml", "json"]) {
            files.push(path);
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 > MAX_FILE { Err(format!("it is larger than {MAX_FILE} bytes")) } else { Ok(text) }
}
