//! Secrets are wiped: after the last use, no copy is left in the memory of the process, not even in freed memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;

use test_support::own_process::in_own_process;
use test_support::system::isolated_system;
use test_support::token_source::try_header;
use yandex_cloud_auth::system::{Files, SystemFiles};
use yandex_cloud_auth::{ApiKeyAuth, Credentials, Endpoints, OAuthTokenAuth};
use zeroize::Zeroizing;

/// The secret of these tests repeats this text. The text itself must not be in the memory of the test, so each byte is
/// stored with another bit.
pub(crate) const NEEDLE: &[u8] = b"LTRI,URDEFT,NG,UIHR";
const BIT: u8 = 1;

const PIECE: usize = 4096;

const EMPTY_PIECE: [u8; PIECE + NEEDLE.len() - 1] = [0; PIECE + NEEDLE.len() - 1];

/// A file with a secret, which another program makes: this process never holds the secret before it reads the file.
pub(crate) struct SecretFile(PathBuf);

impl SecretFile {
    /// `prefix`, and then the repeated text, `length` bytes in all.
    pub(crate) fn new(name: &str, prefix: &str, length: usize) -> Self {
        Self::between(name, prefix, "", length)
    }

    /// As [`new`](Self::new), and then `suffix`.
    fn between(name: &str, prefix: &str, suffix: &str, length: usize) -> Self {
        let path = std::env::temp_dir().join(format!("memory-{}-{name}", std::process::id()));
        let script = "printf %s \"$1\" > \"$3\"; yes \"$0\" | tr 'A-Z,' '@CBEDGFIHKJMLONQPSRUTWVYX[-' | tr -d '\\n' | head -c \"$2\" >> \"$3\"; printf %s \"$4\" >> \"$3\"";
        let needle = std::str::from_utf8(NEEDLE).unwrap();
        let length = (length - prefix.len() - suffix.len()).to_string();
        let made = Command::new("/bin/sh")
            .args(["-c", script, needle, prefix, &length])
            .args([path.as_os_str(), suffix.as_ref()])
            .status();
        assert!(made.unwrap().success());
        Self(path)
    }

    /// The secret, wiped when dropped.
    pub(crate) fn read(&self) -> Zeroizing<String> {
        let bytes = SystemFiles.read(&self.0, 1 << 20).unwrap();
        Zeroizing::new(String::from_utf8(bytes).unwrap())
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How many copies of the text are in the writable memory of this process.
pub(crate) fn copies() -> usize {
    // Wiped, so that no copy of a copy is found. A piece ends with the first bytes of the next one.
    let mut piece = Zeroizing::new(vec![0; PIECE + NEEDLE.len() - 1]);
    let own = piece.as_ptr_range();
    let own = own.start.addr()..own.end.addr();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|end| usize::from_str_radix(end, 16).unwrap());
        for at in (from..to.min(from + (64 << 20))).step_by(PIECE) {
            let length = piece.len().min(to - at);
            memory.seek(SeekFrom::Start(at as u64)).unwrap();
            if memory.read_exact(&mut piece[..length]).is_err() {
                break;
            }
            // Most pages were never written: a quick comparison skips them.
            if piece[..length] == EMPTY_PIECE[..length] {
                continue;
            }
            let is_copy = |window: &[u8]| {
                window[0] ^ BIT == NEEDLE[0]
                    && window.iter().zip(NEEDLE).all(|(byte, needle)| byte ^ BIT == *needle)
            };
            let windows = piece[..length].windows(NEEDLE.len()).enumerate();
            found +=
                windows.filter(|(offset, window)| is_copy(window) && !own.contains(&(at + offset))).count();
        }
    }
    found
}

/// Leaves free memory in pieces of every size, with blocks between them that stay: a buffer that grows has to move, and
/// leaves its old block behind.
fn fragment() -> Vec<Vec<u8>> {
    let sizes = (5..17).flat_map(|power| [1 << power; 4]);
    let (pieces, plugs): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
        sizes.map(|size| (vec![1; size], vec![1; 48])).unzip();
    drop(pieces);
    plugs
}

#[test]
fn a_file_is_wiped_with_its_content() {
    in_own_process("memory::a_file_is_wiped_with_its_content", file);
}

fn file() {
    let file = SecretFile::new("file", "", 60_000);
    assert_eq!(copies(), 0);
    let _plugs = fragment();
    let content = file.read();
    assert!(copies() > 1000, "the search finds what is there");
    drop(content);
    assert_eq!(copies(), 0);
}

#[test]
fn a_header_is_wiped_with_its_credentials() {
    in_own_process("memory::a_header_is_wiped_with_its_credentials", in_header);
}

fn in_header() {
    let file = SecretFile::new("header", "AQVN", 500);
    let credentials =
        Credentials::from(ApiKeyAuth::new(&**file.read()).unwrap()).with_system(isolated_system());
    let value = credentials.blocking().header().unwrap().unwrap();
    assert!(copies() > 10, "the search finds what is there");
    drop((value, credentials));
    assert_eq!(copies(), 0);
}

#[test]
fn a_request_body_is_wiped_with_its_request() {
    in_own_process("memory::a_request_body_is_wiped_with_its_request", in_body);
}

fn in_body() {
    let file = SecretFile::new("body", "y0_", 3000);
    // A port without a listener: the request is made, and dropped.
    let endpoints = Endpoints::new().api("http://127.0.0.1:1").iam("http://127.0.0.1:1");
    let system = isolated_system().with_endpoints(endpoints);
    let credentials = Credentials::from(OAuthTokenAuth::new(&**file.read()).unwrap()).with_system(system);
    let error = try_header(&credentials).unwrap_err();
    assert!(error.to_string().contains("connection refused"), "{error}");
    assert!(copies() > 10, "the search finds what is there");
    drop(credentials);
    assert_eq!(copies(), 0);
}

#[test]
fn a_value_in_json_is_wiped_with_its_text() {
    in_own_process("memory::a_value_in_json_is_wiped_with_its_text", in_json);
}

fn in_json() {
    // Without escapes in the strings: serde_json copies a string with escapes to a buffer of its own.
    let _plugs = fragment();
    for (prefix, suffix) in [
        ("{\"iamToken\":\"", "\"}"),
        ("{\"a\":{\"b\":[\"", "\"]}}"),
        ("[{\"private_key\":\"", "\"}]"),
        ("{\"private_key\":[\"", "\"]}"),
        ("{\"private_key\":\"\",\"key\":{\"id\":[\"", "\"]}}"),
        ("{\"private_key\":\"", "\"}"),
    ] {
        let file = SecretFile::between("json", prefix, suffix, 32_760);
        let text = file.read();
        assert!(copies() > 1000, "the search finds what is there");
        ApiKeyAuth::new(&*text).unwrap_err();
        Credentials::from_string(&*text).unwrap_err();
        drop(text);
        assert_eq!(copies(), 0, "{prefix}");
    }
}
