//! A limit for warnings that a client can cause again and again: the log has each of them once an hour.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

/// The most warnings of an hour: a client that finds new ones fills neither the log nor the memory.
const MAX: usize = 100;

/// The warnings of the last hour.
#[derive(Default)]
pub(crate) struct LogLimit(Mutex<BTreeMap<String, Instant>>);

impl LogLimit {
    /// Whether a warning about this has to be written now. The next one has to wait.
    pub(crate) fn allows(&self, about: &str) -> bool {
        let now = Instant::now();
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, at| now.duration_since(*at) < HOUR);
        let is_allowed = written.len() < MAX && !written.contains_key(about);
        if is_allowed {
            written.insert(about.to_owned(), now);
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_warning_is_written_once_an_hour() {
        let limit = LogLimit::default();
        assert!(limit.allows("one") && limit.allows("two"));
        advance(HOUR - Duration::from_secs(1)).await;
        assert!(!limit.allows("one") && !limit.allows("two"));
        advance(Duration::from_secs(1)).await;
        assert!(limit.allows("one") && !limit.allows("one"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_has_a_hundred_warnings() {
        let limit = LogLimit::default();
        let allowed = || (0..1000).filter(|number| limit.allows(&number.to_string())).count();
        assert_eq!((allowed(), allowed()), (100, 0));
        advance(HOUR).await;
        assert_eq!(allowed(), 100);
    }
}
