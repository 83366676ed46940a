//! What a method knows about an identity: the subject and the folder.
//!
//! A method is asked until each fact is known, or its source has said that there is none. One question is under way at a
//! time. After a question without an answer, the next one comes after a pause and beside the requests, which get what is
//! known so far.

use std::time::Duration;

use yandex_cloud_auth::sdk_internals::{Deadline, SharedValue, Timer, dropped_work};
use yandex_cloud_auth::{Credentials, Error, HeaderOptions, IdentityField};

/// How long a request waits for the first answer.
const WAIT: Duration = Duration::from_secs(5);

/// How long a question may take: longer than two requests that hang, so that the second does not cost the answer to the
/// first.
const QUESTION: Duration = Duration::from_secs(20);

/// The time from the beginning of a question to the next one: the first time, doubled for each question, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a method knows about an identity. Some methods know nothing.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// The id of the service account or the user.
    pub(crate) subject: Option<String>,
    pub(crate) folder: Option<String>,
    /// The source of the folder has not answered yet.
    pub(crate) awaits_folder: bool,
}

/// The facts about one identity.
pub(crate) struct Facts {
    answer: SharedValue<Answer, Error>,
    /// The configuration may have the folder: then the folder of the method is not needed.
    needs_folder: bool,
}

#[derive(Clone)]
struct Answer {
    known: Known,
    /// While a fact has no answer.
    next: Option<Next>,
}

/// The next question.
#[derive(Clone, Copy)]
struct Next {
    /// By the monotonic clock.
    at: Duration,
    pause: Duration,
}

impl Facts {
    pub(crate) fn new(needs_folder: bool) -> Self {
        Self { answer: SharedValue::new(dropped_work), needs_folder }
    }

    /// What is known now. Waits for the first answer, but no longer than some seconds; empty as long as there is no token.
    pub(crate) async fn known(&self, credentials: &Credentials) -> Known {
        let system = credentials.system();
        if let Some(answer) = self.answer.peek() {
            if answer.next.is_some() {
                self.ask_again(credentials);
            }
            return answer.known;
        }
        let next = Next { at: system.clock().now().monotonic + FIRST_PAUSE, pause: FIRST_PAUSE };
        let known = Known { awaits_folder: self.needs_folder, ..Known::default() };
        let none = Answer { known: known.clone(), next: Some(next) };
        let first = self.answer.get(system, || self.question(credentials, none));
        let answer = Timer::new(Deadline::after(WAIT, system), system).bound(first).await;
        answer.and_then(Result::ok).map_or(known, |answer| answer.known)
    }

    /// Asks if the time of the next question has come.
    fn ask_again(&self, credentials: &Credentials) {
        let now = credentials.system().clock().now().monotonic;
        let due = |answer: &Answer| {
            let next = answer.next.filter(|next| next.at <= now)?;
            let pause = (next.pause * 2).min(LONGEST_PAUSE);
            // Also for a question that fails, as one without a token does.
            Some(Answer { known: answer.known.clone(), next: Some(Next { at: now + pause, pause }) })
        };
        self.answer.renew(credentials.system(), due, |earlier| self.question(credentials, earlier));
    }

    /// Asks the method. What was known stays known. `earlier` has the question that comes after this one, if need be.
    fn question(
        &self,
        credentials: &Credentials,
        earlier: Answer,
    ) -> impl Future<Output = Result<Answer, Error>> + Send + use<> {
        let (credentials, needs_folder) = (credentials.clone(), self.needs_folder);
        async move {
            let identity = credentials.identity(HeaderOptions::new().deadline(QUESTION)).await?;
            let folder = identity.folder_id.or(earlier.known.folder);
            let known = Known {
                subject: identity.subject_id.or(earlier.known.subject),
                awaits_folder: folder.is_none() && identity.unanswered.contains(&IdentityField::Folder),
                folder,
            };
            let lacks_answer = identity.unanswered.iter().any(|field| match field {
                IdentityField::Subject => true,
                IdentityField::Folder => needs_folder,
                _ => false,
            });
            if lacks_answer {
                tracing::debug!(remarks = ?identity.remarks, "a fact about an identity has no answer yet");
            }
            Ok(Answer { known, next: earlier.next.filter(|_| lacks_answer) })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::{FutureExt, join_all};
    use test_support::token_source::Source;
    use test_support::wait::soon;
    use yandex_cloud_auth::testing::TestClock;

    use super::*;

    #[tokio::test]
    async fn requests_that_wait_for_the_first_answer_wait_at_the_same_time() {
        let (source, clock) = (Source::counting(), TestClock::new());
        source.hold();
        let (credentials, facts) = (source.in_step(&clock), Facts::new(true));
        let mut all = pin!(join_all((0..8).map(|_| facts.known(&credentials))));
        assert!(all.as_mut().now_or_never().is_none());
        clock.advance(WAIT);
        assert!(soon(all).await.iter().all(|known| known.folder.is_none()));
        assert_eq!(source.started(), 1);
    }
}
