//! One entry: a line in clear that says whose token it is and until when, and the sealed token.
//!
//! The line in clear is authenticated by the seal. Times are by the wall clock, and by the clock that runs since the
//! machine started: a clock that was set back does not make an entry young again.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::identity::CacheIdentity;
use super::seal::{Sealer, VERSION};
use crate::recognize;
use crate::secret::Secret;
use crate::system::{Clock, Now, SinceBoot};

/// How far the wall clock may be behind the begin of an entry of an earlier boot: clocks are corrected at a start.
const CORRECTED: Duration = Duration::from_secs(60);

/// How the secret of an entry is read. `None` for what is no such secret.
pub(crate) type ReadSecret = fn(&str) -> Option<Secret>;

/// The reader of entries with an IAM token.
pub(super) fn read_iam_token(text: &str) -> Option<Secret> {
    recognize::iam_token(text).ok().map(recognize::IamToken::into_secret)
}

/// A token to store.
pub(crate) struct NewEntry {
    pub(crate) secret: Secret,
    /// When its fetch began, by the wall clock.
    pub(crate) began: Duration,
    /// How long the token is fresh, how long it may be sent, and how long it lives: from the begin on.
    pub(crate) fresh: Duration,
    pub(crate) usable: Duration,
    pub(crate) life: Duration,
    /// When the token ends according to its issuer.
    pub(crate) expires_at: Option<SystemTime>,
}

/// A moment, on both clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) wall: Duration,
    pub(super) since_boot: Option<SinceBoot>,
}

impl Moment {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now().wall, since_boot: clock.since_boot() }
    }

    /// The moment at which a fetch began whose age by the monotonic clock is known.
    fn earlier(mut self, age: Duration) -> Self {
        if let Some(since_boot) = &mut self.since_boot {
            since_boot.elapsed = since_boot.elapsed.saturating_sub(age);
        }
        self
    }

    /// The time from this moment to `now`, by the clock that shows more; `None` if this moment lies in the future.
    pub(super) fn age(&self, now: &Self) -> Option<Duration> {
        let by_wall = now.wall.checked_sub(self.wall);
        let (Some(then), Some(now_since_boot)) = (&self.since_boot, &now.since_boot) else {
            return by_wall.or_else(|| (self.wall - now.wall <= CORRECTED).then_some(Duration::ZERO));
        };
        if then.boot != now_since_boot.boot {
            return by_wall.or_else(|| (self.wall - now.wall <= CORRECTED).then_some(Duration::ZERO));
        }
        let by_boot = now_since_boot.elapsed.checked_sub(then.elapsed)?;
        // A wall clock that was set back: the other clock counts.
        Some(by_wall.unwrap_or_default().max(by_boot))
    }

    pub(super) fn to_json(&self) -> Value {
        let since_boot = self.since_boot.as_ref();
        json!({
            "wall_ms": millis(self.wall),
            "boot": since_boot.map(|reading| &*reading.boot),
            "since_boot_ms": since_boot.map(|reading| millis(reading.elapsed)),
        })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let since_boot = match (value["boot"].as_str(), value["since_boot_ms"].as_u64()) {
            (Some(boot), Some(elapsed)) => {
                Some(SinceBoot { boot: boot.to_owned(), elapsed: Duration::from_millis(elapsed) })
            }
            _ => None,
        };
        Some(Self { wall: duration(&value["wall_ms"])?, since_boot })
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn duration(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_millis)
}

/// An entry that was opened.
pub(super) struct Entry {
    pub(super) secret: Secret,
    pub(super) began: Moment,
    pub(super) fresh: Duration,
    pub(super) usable: Duration,
    pub(super) life: Duration,
    pub(super) expires_at: Option<SystemTime>,
    /// Counts the tokens of the identity.
    pub(super) generation: u64,
    /// A server refused the token, and no other token has come since.
    pub(super) refused: bool,
}

impl Entry {
    pub(super) fn new(new: NewEntry, began: Now, clock: &dyn Clock, generation: u64) -> Self {
        let now = clock.now();
        let age = now.monotonic.saturating_sub(began.monotonic);
        let mut moment = Moment::now(clock).earlier(age);
        moment.wall = new.began;
        let NewEntry { secret, fresh, usable, life, expires_at, .. } = new;
        Self { secret, began: moment, fresh, usable, life, expires_at, generation, refused: false }
    }

    /// The text of the entry. `None` where it cannot be sealed.
    pub(super) fn write(&self, name: &str, identity: &CacheIdentity, sealer: &Sealer) -> Option<Vec<u8>> {
        let since_epoch = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).ok().map(millis);
        let fields = json!({
            "began": self.began.to_json(),
            "fresh_ms": millis(self.fresh),
            "usable_ms": millis(self.usable),
            "life_ms": millis(self.life),
            "expires_at_ms": self.expires_at.and_then(since_epoch),
            "generation": self.generation,
            "refused": self.refused,
            "digest": token_digest(&self.secret),
        });
        write(fields, name, identity, sealer, self.secret.expose().as_bytes())
    }

    /// Reads the text of an entry; `None` where it is not this identity's, or was changed.
    pub(super) fn read(text: &[u8], name: &str, sealer: &Sealer, read_secret: ReadSecret) -> Option<Self> {
        let (fields, secret) = read(text, name, sealer)?;
        let secret = read_secret(std::str::from_utf8(&secret).ok()?)?;
        let at = |since: Duration| SystemTime::UNIX_EPOCH.checked_add(since);
        Some(Self {
            secret,
            began: Moment::from_json(&fields["began"])?,
            fresh: duration(&fields["fresh_ms"])?,
            usable: duration(&fields["usable_ms"])?,
            life: duration(&fields["life_ms"])?,
            expires_at: duration(&fields["expires_at_ms"]).and_then(at),
            generation: fields["generation"].as_u64()?,
            refused: fields["refused"].as_bool()?,
        })
    }
}

/// The text of sealed data: the fields and the identity in clear, then the seal.
pub(super) fn write(
    mut fields: Value,
    name: &str,
    identity: &CacheIdentity,
    sealer: &Sealer,
    secret: &[u8],
) -> Option<Vec<u8>> {
    let [method, endpoint, audience, id] = identity.public_parts();
    let clear = json!({
        "version": VERSION, "name": name, "method": method, "endpoint": endpoint, "audience": audience, "identity": id,
    });
    if let (Value::Object(fields), Value::Object(clear)) = (&mut fields, clear) {
        fields.extend(clear);
    }
    let mut text = fields.to_string().into_bytes();
    let sealed = sealer.seal(&text, secret)?;
    text.push(b'\n');
    text.extend(STANDARD.encode(sealed).into_bytes());
    text.push(b'\n');
    Some(text)
}

/// Tells the entry of a token, for a program that has the token and not the credential: it revokes the token. A token has
/// too many random bits to be found by its digest.
pub(super) fn token_digest(secret: &Secret) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.expose().as_bytes());
    STANDARD.encode(&digest.as_ref()[..16])
}

/// The parts of a text, not authenticated yet.
pub(super) struct Parts<'a> {
    clear: &'a [u8],
    sealed: &'a [u8],
    /// What stands in clear.
    pub(super) fields: Map<String, Value>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(text: &'a [u8]) -> Option<Self> {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (clear, sealed) = (&text[..end], text[end + 1..].strip_suffix(b"\n")?);
        match serde_json::from_slice(clear) {
            Ok(Value::Object(fields)) => Some(Self { clear, sealed, fields }),
            _ => None,
        }
    }
}

/// Whether a later version of this library wrote the text.
pub(super) fn is_newer(text: &[u8]) -> bool {
    let version = Parts::of(text).and_then(|parts| parts.fields.get("version")?.as_u64());
    version.is_some_and(|version| version > VERSION)
}

/// Opens what [`write`] wrote.
pub(super) fn read(text: &[u8], name: &str, sealer: &Sealer) -> Option<(Value, zeroize::Zeroizing<Vec<u8>>)> {
    let Parts { clear, sealed, fields } = Parts::of(text)?;
    if fields.get("version")?.as_u64() != Some(VERSION) || fields.get("name")?.as_str() != Some(name) {
        return None;
    }
    let secret = sealer.open(clear, &STANDARD.decode(sealed).ok()?)?;
    Some((Value::Object(fields), secret))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;
    use crate::Method;
    use crate::shared_cache::failure::Failure;
    use crate::testing::TestClock;

    fn identity() -> CacheIdentity {
        CacheIdentity {
            method: Method::ServiceAccountKey,
            endpoint: "https://api.example".to_owned(),
            audience: None,
            identity: Some("aje/ajk".to_owned()),
            credential: Zeroizing::new(b"fake-credential".to_vec()),
        }
    }

    fn written() -> (Vec<u8>, Sealer, String) {
        let (identity, clock) = (identity(), TestClock::new());
        let sealer = Sealer::new(&identity);
        let name = sealer.name(&identity);
        let secret = Secret::parse("t1.fake.token").unwrap();
        let [fresh, usable, life] = [2700, 3590, 3600].map(Duration::from_secs);
        let expires_at = SystemTime::UNIX_EPOCH.checked_add(clock.now().wall + life);
        let new = NewEntry { secret, began: clock.now().wall, fresh, usable, life, expires_at };
        let text = Entry::new(new, clock.now(), &clock, 7).write(&name, &identity, &sealer).unwrap();
        (text, sealer, name)
    }

    fn read(text: &[u8], name: &str, sealer: &Sealer) -> Option<Entry> {
        Entry::read(text, name, sealer, read_iam_token)
    }

    #[test]
    fn what_is_written_is_read_again_under_its_name_alone() {
        let (text, sealer, name) = written();
        let entry = read(&text, &name, &sealer).unwrap();
        assert_eq!((entry.secret.expose(), entry.generation, entry.refused), ("t1.fake.token", 7, false));
        assert_eq!([entry.fresh, entry.usable, entry.life].map(|part| part.as_secs()), [2700, 3590, 3600]);
        assert_eq!(entry.began.age(&Moment::now(&TestClock::new())), Some(Duration::ZERO));
        assert!(read(&text, "another name", &sealer).is_none());
        for end in 0..text.len() {
            assert!(read(&text[..end], &name, &sealer).is_none(), "the first {end} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(bytes: Vec<u8>, at in 0_usize..400, byte: u8, text in "\\PC{0,80}") {
            let (mut good, sealer, name) = written();
            let line = format!("{text}\n{text}\n");
            let json = format!("{{\"version\":1,\"name\":{text:?}}}\nAAAA\n");
            let index = at % good.len();
            let is_same = good[index] == byte;
            good[index] = byte;
            for content in [&bytes[..], line.as_bytes(), json.as_bytes()] {
                prop_assert!(read(content, &name, &sealer).is_none());
                prop_assert!(Failure::read(content, &name, &sealer).is_none());
                let _ = is_newer(content);
            }
            prop_assert_eq!(read(&good, &name, &sealer).is_some(), is_same);
            prop_assert!(Failure::read(&good, &name, &sealer).is_none());
        }
    }
}
