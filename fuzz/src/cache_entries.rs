use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use test_support::virtual_time::VirtualTime;
use yandex_cloud_auth::shared_cache::{clear, entries};
use yandex_cloud_auth::system::CacheStore;
use yandex_cloud_auth::testing::{TestCacheStore, TestHttp, TestReply};
use yandex_cloud_auth::{Credentials, OAuthTokenAuth};

use crate::support::{OAUTH_TOKEN, assert_hidden, assert_presentable};

const STORED: &str = "Bearer t1.FAKE-iam-canary0.stored";
const FETCHED: &str = "Bearer t1.FAKE-iam-canary0.fetched";

/// A good entry: its name and its content.
static GOOD: LazyLock<(String, Vec<u8>)> = LazyLock::new(|| {
    let store = TestCacheStore::default();
    assert_eq!(header(&store, STORED).0, STORED);
    let names = TestCacheStore::names(&store);
    let name = names.into_iter().find(|name| name.ends_with(".entry")).expect("an entry was written");
    let content = store.content(&name).unwrap();
    (name, content)
});

/// The content of an entry. `edit:` and triples of bytes (two for the position, one for the new byte) change a good one, and so
/// does `replace:` with a text of it and, on the next line, another text; `failure:` and `lock:` give the record of a failed
/// fetch and the note in a lock; other bytes are the entry.
pub fn cache_entries(data: &[u8]) {
    let (name, good) = &*GOOD;
    let store = TestCacheStore::default();
    let mut content = good.clone();
    let mut lock = None;
    if let Some(edits) = data.strip_prefix(b"edit:") {
        for edit in edits.chunks_exact(3) {
            let at = usize::from(u16::from_be_bytes([edit[0], edit[1]]));
            let length = content.len();
            content[at % length] = edit[2];
        }
    } else if let Some(texts) = data.strip_prefix(b"replace:") {
        let texts = String::from_utf8_lossy(texts);
        let (from, to) = texts.split_once('\n').unwrap_or((&texts, ""));
        content = String::from_utf8(content).unwrap().replacen(from, to, 1).into_bytes();
    } else if let Some(failure) = data.strip_prefix(b"failure:") {
        store.set(&name.replace(".entry", ".failure"), failure);
        content.clear();
    } else if let Some(note) = data.strip_prefix(b"lock:") {
        let note = String::from_utf8_lossy(note);
        let locked = name.trim_end_matches(".entry");
        lock = CacheStore::try_lock(&store, locked, &note, &|_| false).unwrap();
        content.clear();
    } else {
        content = data.to_vec();
    }
    store.set(name, content.clone());

    for entry in entries(&store).unwrap() {
        assert_hidden(&format!("{entry:?}"));
        let texts = [Some(entry.method), Some(entry.endpoint), entry.audience, entry.identity];
        for text in texts.into_iter().flatten() {
            assert!(text.len() <= 1024 + 16 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
    let (used, exchanges) = header(&store, FETCHED);
    if content == *good {
        assert_eq!((used.as_str(), exchanges), (STORED, 0), "a good entry is used");
    } else {
        assert_eq!((used.as_str(), exchanges), (FETCHED, 1), "what was changed is not used");
    }
    drop(lock);
    clear(&store).unwrap();
    assert!(TestCacheStore::names(&store).is_empty());
}

/// The header of a new process with this store, and the number of its exchanges.
fn header(store: &TestCacheStore, exchanged: &'static str) -> (String, usize) {
    let time = VirtualTime::new(0.0);
    let exchanges = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&exchanges);
    let token = exchanged.trim_start_matches("Bearer ");
    let http = TestHttp::new(move |request, _| match request.uri().path() {
        "/endpoints" => {
            TestReply::status(200, r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#)
        }
        _ => {
            counted.fetch_add(1, Ordering::SeqCst);
            TestReply::status(200, format!(r#"{{"iamToken":"{token}","expiresAt":"2026-11-24T12:00:00Z"}}"#))
        }
    });
    let system = time.system().with_http(http).with_shared_cache(store.clone());
    let credentials = Credentials::from(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()).with_system(system);
    let header = time.run(credentials.header()).inspect_err(assert_presentable);
    let header = header.expect("IAM answers").unwrap().to_str().unwrap().to_owned();
    (header, exchanges.load(Ordering::SeqCst))
}
