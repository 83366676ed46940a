//! Two fetches at once: which entry stays.

use futures_util::FutureExt;
use zeroize::Zeroizing;

use super::*;
use crate::Method;
use crate::system::Clock;
use crate::system::doubles::{TestCacheStore, TestClock};

const SECOND: Duration = Duration::from_secs(1);

/// A token whose fetch began a moment ago, and that may be sent for `usable`.
fn token(name: &str, began: Now, usable: Duration) -> NewEntry {
    let secret = Secret::parse(name).unwrap();
    NewEntry { secret, began: began.wall, fresh: usable / 2, usable, life: usable * 2, expires_at: None }
}

/// The token that the cache has after a fetch of 11 s, where another process has stored, after the first second, a token
/// that may be sent for `usable`.
fn kept(usable: Duration) -> String {
    let clock = TestClock::new();
    let system = System::real().with_clock(clock.clone());
    let work = StoreWork::new(TestCacheStore::default());
    let identity = CacheIdentity {
        method: Method::OAuthToken,
        endpoint: "https://api.example".to_owned(),
        audience: None,
        identity: None,
        credential: Zeroizing::new(b"fake-credential".to_vec()),
    };
    let call = || Call::new(&work, &identity, Wanted::Renewed, |_| false, &system);
    let (ours, theirs) = (call(), call());
    let limits = Limits { callers: 60 * SECOND, fetch: 60 * SECOND };
    let fetch = async |_| {
        clock.advance(SECOND);
        theirs.store(token("t1.fake.theirs", clock.now(), usable), clock.now()).await;
        clock.advance(10 * SECOND);
        Ok(())
    };
    let describe = |(): &(), began| Some(token("t1.fake.ours", began, 3600 * SECOND));
    assert!(matches!(ours.run(limits, fetch, describe).now_or_never().unwrap(), Ok(Lookup::Fetched(..))));
    let found = ours.look().now_or_never().unwrap().unwrap();
    found.entry.unwrap().secret.expose().to_owned()
}

#[test]
fn a_younger_token_stays_until_it_ends() {
    assert_eq!(kept(3600 * SECOND), "t1.fake.theirs");
    assert_eq!(kept(10 * SECOND + Duration::from_millis(1)), "t1.fake.theirs");
    assert_eq!(kept(10 * SECOND), "t1.fake.ours");
}
