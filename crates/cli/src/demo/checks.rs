//! The checks: from measurements to statements that passed or failed. Pure, so that a test can make each one fail.
//!
//! A statement fits a terminal of 80 columns and says what was shown; figures appear where a check fails.

use std::time::Duration;

use yandex_cloud_auth::Method;

use super::client::ChatResponse;
use crate::output;

/// One statement, and whether it is true.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) passed: bool,
    pub(crate) text: String,
}

impl Check {
    pub(super) fn new(passed: bool, statement: impl Into<String>, figures: impl FnOnce() -> String) -> Self {
        Self { passed, text: if passed { statement.into() } else { figures() } }
    }

    /// A check that failed before anything could be measured.
    pub(crate) fn failed(text: String) -> Self {
        Self { passed: false, text }
    }
}

/// One method, used for a completion and a streamed one.
#[derive(Clone, Debug)]
pub(crate) struct MethodRun {
    pub(crate) method: Method,
    /// The header, masked; `None` where the method sends none.
    pub(crate) header: Result<Option<String>, String>,
    /// The time that it took to get the header.
    pub(crate) elapsed: Duration,
    pub(crate) chat: Result<ChatResponse, String>,
    pub(crate) stream: Result<ChatResponse, String>,
}

/// A method works where both completions were answered for the right identity; without credentials both are rejected.
pub(crate) fn method_run(run: &MethodRun) -> Check {
    let name = run.method.name();
    let header = match &run.header {
        Ok(Some(header)) => header.as_str(),
        Ok(None) => "no header",
        Err(error) => return Check::failed(format!("{name:19} no header: {error}")),
    };
    let row = |result: &str| format!("{name:19} {header:15} {:>6}  {result}", output::duration(run.elapsed));
    let (chat, stream) = match (&run.chat, &run.stream) {
        (Ok(chat), Ok(stream)) => (chat, stream),
        (Err(error), _) | (_, Err(error)) => return Check::failed(row(&format!("no response: {error}"))),
    };
    let figures = || {
        let both = format!("answered {} and, streamed, {}", chat.status, stream.status);
        row(&format!("{both}, in {} chunks: {}", stream.chunks, chat.text))
    };
    if run.method == Method::None {
        let is_rejected = chat.status == 401 && stream.status == 401;
        return Check::new(
            is_rejected && header == "no header",
            row("rejected with 401, as expected"),
            figures,
        );
    }
    Check::new(
        is_answered(run.method, chat)
            && is_answered(run.method, stream)
            && stream.chunks > 1
            && header != "no header",
        row("chat and stream answered"),
        figures,
    )
}

/// Whether a completion was answered, and the emulator's model, which tells the caller's identity, names this method.
pub(super) fn is_answered(method: Method, response: &ChatResponse) -> bool {
    let identity = response.text.strip_prefix("authenticated as ").and_then(|text| text.split_once("; "));
    response.status == 200
        && identity.is_some_and(|(identity, _)| identity.ends_with(identity_suffix(method)))
}

/// The end of the identity in the emulator's words.
fn identity_suffix(method: Method) -> &'static str {
    match method {
        Method::ApiKey => " by api-key",
        // The profile of the demo holds an OAuth token.
        Method::OAuthToken | Method::Profile => " by iam-token from oauth-token",
        Method::ServiceAccountKey => " by iam-token from service-account-key",
        Method::WorkloadIdentity => " by iam-token from workload-identity",
        Method::Impersonation => " by iam-token from impersonation",
        Method::Metadata => " by iam-token from metadata",
        // The demo's yc gets its token from the emulator's control API.
        Method::YandexCloudCli => " by iam-token from control",
        _ => " by iam-token",
    }
}

/// The measurements of calls while the token was stale and IAM slow.
#[derive(Clone, Debug)]
pub(crate) struct StaleToken {
    pub(crate) calls: u64,
    pub(crate) threads: u64,
    pub(crate) failed: u64,
    pub(crate) waited: u64,
    pub(crate) longest: Duration,
    /// The delay of IAM's response.
    pub(crate) latency: Duration,
    pub(crate) iam_requests: u64,
    /// The generation of the token before and after.
    pub(crate) generations: (u64, u64),
}

/// No call waits for the renewal of a token that is stale but usable, and one request renews it for all.
pub(crate) fn stale_token(measured: &StaleToken) -> Vec<Check> {
    let StaleToken { calls, threads, failed, waited, longest, latency, iam_requests, generations } = measured;
    let slowest = output::duration(*longest);
    vec![
        Check::new(
            *calls > 0 && *failed == 0 && *waited == 0 && longest < latency,
            format!(
                "{calls} calls on {threads} threads succeeded without waiting; the slowest took {slowest}"
            ),
            || {
                format!(
                    "{calls} calls on {threads} threads: {failed} failed, {waited} waited; the slowest took {slowest}"
                )
            },
        ),
        Check::new(
            *iam_requests == 1 && generations.1 == generations.0 + 1,
            format!(
                "one request to IAM renewed the token for all threads, after {}",
                output::duration(*latency)
            ),
            || format!("{iam_requests} requests to IAM; token generations {generations:?}"),
        ),
    ]
}

/// The measurements of calls while IAM was down, and after.
#[derive(Clone, Debug)]
pub(crate) struct IamOutage {
    pub(crate) hours: u64,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) waited: u64,
    pub(crate) failed_renewals: u64,
    /// The completions that were requested, and those that were answered.
    pub(crate) chats: (u64, u64),
    /// The generation of the token before and after.
    pub(crate) generations: (u64, u64),
    /// A completion with the new token.
    pub(crate) after: Result<ChatResponse, String>,
}

/// No call fails while a usable token exists, and the next token arrives without a restart.
pub(crate) fn iam_outage(measured: &IamOutage) -> Vec<Check> {
    let IamOutage { hours, calls, failed, waited, failed_renewals, chats, generations, after } = measured;
    vec![
        Check::new(
            *failed_renewals > 0,
            format!("IAM answered every request with 503 for {hours} hours"),
            || "the outage did not reach the library: no renewal failed".to_owned(),
        ),
        Check::new(
            *calls > 0 && *failed == 0 && *waited == 0,
            format!("{calls} calls during the outage succeeded without waiting"),
            || format!("{calls} calls during the outage: {failed} failed, {waited} waited"),
        ),
        Check::new(
            chats.0 > 0 && chats.0 == chats.1,
            "every chat completion during the outage was answered",
            || format!("{} of {} chat completions during the outage were answered", chats.1, chats.0),
        ),
        Check::new(
            generations.1 == generations.0 + 1 && after.as_ref().is_ok_and(|response| response.status == 200),
            "IAM is back: the token was renewed, and a chat completion was answered",
            || match after {
                Ok(response) => format!(
                    "IAM is back: token generations {generations:?}; a chat completion was answered with {}",
                    response.status
                ),
                Err(error) => format!("IAM is back, but a chat completion failed: {error}"),
            },
        ),
    ]
}

/// Among all requests of the demo, only the two without credentials were rejected.
pub(crate) fn rejected_requests(count: u64) -> Check {
    Check::new(count == 2, "only the two requests without credentials were rejected", || {
        format!("{count} requests were rejected; only two had no credentials")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, identity: &str, chunks: usize) -> Result<ChatResponse, String> {
        Ok(ChatResponse { status, text: format!("authenticated as {identity}; you said: x"), chunks })
    }

    fn good(method: Method, identity: &str) -> MethodRun {
        MethodRun {
            method,
            header: Ok(Some("Bearer t1.***".to_owned())),
            elapsed: Duration::ZERO,
            chat: answered(200, identity, 0),
            stream: answered(200, identity, 5),
        }
    }

    #[test]
    fn a_method_passes_only_where_both_answers_name_it() {
        let identity = "an account by iam-token from metadata";
        assert!(method_run(&good(Method::Metadata, identity)).passed);
        assert!(!method_run(&good(Method::ApiKey, identity)).passed);
        assert!(!method_run(&good(Method::YandexCloudCli, identity)).passed);
        let good = good(Method::Metadata, identity);
        for broken in [
            MethodRun { header: Err("no token".into()), ..good.clone() },
            MethodRun { header: Ok(None), ..good.clone() },
            MethodRun { chat: answered(401, identity, 0), ..good.clone() },
            MethodRun { stream: answered(500, identity, 5), ..good.clone() },
            MethodRun { stream: answered(200, "another by api-key", 5), ..good.clone() },
            MethodRun { stream: answered(200, identity, 1), ..good.clone() },
            MethodRun { stream: Err("cut".into()), ..good.clone() },
            MethodRun {
                chat: Ok(ChatResponse { status: 200, text: "hello".into(), chunks: 0 }),
                ..good.clone()
            },
        ] {
            assert!(!method_run(&broken).passed, "{broken:?}");
        }
    }

    #[test]
    fn none_passes_only_where_both_requests_are_rejected() {
        let rejected = Ok(ChatResponse { status: 401, text: "missing".into(), chunks: 0 });
        let none = MethodRun {
            header: Ok(None),
            chat: rejected.clone(),
            stream: rejected,
            ..good(Method::None, "")
        };
        let check = method_run(&none);
        assert!(check.passed && check.text.ends_with("rejected with 401, as expected"), "{check:?}");
        assert!(!method_run(&MethodRun { chat: answered(200, "x by api-key", 0), ..none.clone() }).passed);
        assert!(!method_run(&MethodRun { header: Ok(Some("Bearer t1.***".into())), ..none }).passed);
    }

    #[test]
    fn the_longest_row_fits_80_columns() {
        let identity = "an account by iam-token from service-account-key";
        let run = MethodRun {
            header: Ok(Some("Api-Key AQVN***".to_owned())),
            elapsed: Duration::from_millis(999),
            ..good(Method::ServiceAccountKey, identity)
        };
        let row = method_run(&run);
        // The printer puts a mark of four columns in front.
        assert!(row.passed && row.text.chars().count() <= 76, "{row:?}");
    }

    #[test]
    fn a_stale_token_passes_only_without_waiting_and_with_one_request() {
        let good = StaleToken {
            calls: 100,
            threads: 4,
            failed: 0,
            waited: 0,
            longest: Duration::from_micros(20),
            latency: Duration::from_millis(300),
            iam_requests: 1,
            generations: (1, 2),
        };
        assert!(stale_token(&good).iter().all(|check| check.passed));
        for broken in [
            StaleToken { calls: 0, ..good.clone() },
            StaleToken { failed: 1, ..good.clone() },
            StaleToken { waited: 1, ..good.clone() },
            StaleToken { longest: good.latency, ..good.clone() },
            StaleToken { iam_requests: 2, ..good.clone() },
            StaleToken { iam_requests: 0, ..good.clone() },
            StaleToken { generations: (1, 1), ..good.clone() },
        ] {
            assert!(!stale_token(&broken).iter().all(|check| check.passed), "{broken:?}");
        }
    }

    #[test]
    fn an_outage_passes_only_where_it_happened_and_no_call_noticed_it() {
        let good = IamOutage {
            hours: 10,
            calls: 100,
            failed: 0,
            waited: 0,
            failed_renewals: 3,
            chats: (20, 20),
            generations: (2, 3),
            after: answered(200, "x", 0),
        };
        assert!(iam_outage(&good).iter().all(|check| check.passed));
        for broken in [
            IamOutage { calls: 0, ..good.clone() },
            IamOutage { failed: 1, ..good.clone() },
            IamOutage { waited: 1, ..good.clone() },
            IamOutage { failed_renewals: 0, ..good.clone() },
            IamOutage { chats: (20, 19), ..good.clone() },
            IamOutage { chats: (0, 0), ..good.clone() },
            IamOutage { generations: (2, 2), ..good.clone() },
            IamOutage { after: answered(401, "x", 0), ..good.clone() },
            IamOutage { after: Err("cut".into()), ..good.clone() },
        ] {
            assert!(!iam_outage(&broken).iter().all(|check| check.passed), "{broken:?}");
        }
        assert!(rejected_requests(2).passed);
        assert!(!rejected_requests(0).passed && !rejected_requests(3).passed);
    }
}
