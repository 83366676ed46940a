//! Whether it happened: from what was measured to claims that held or did not. Pure, so that each can be shown to fail.

use std::time::Duration;

use yandex_cloud_auth::Method;

use super::client::Answer;
use crate::output::span;

/// One claim, in words that carry the figures.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) held: bool,
    pub(crate) text: String,
}

/// One method, used for a completion and a streamed one.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) method: Method,
    /// The header, masked; `None` where there is none to send.
    pub(crate) header: Result<Option<String>, String>,
    /// How long the header took to be had.
    pub(crate) elapsed: Duration,
    pub(crate) chat: Result<Answer, String>,
    pub(crate) stream: Result<Answer, String>,
}

impl Visit {
    /// Whom the answer says was authenticated, and how.
    pub(crate) fn who(answer: &Answer) -> Option<&str> {
        answer.text.strip_prefix("authenticated as ")?.split_once("; you said: ").map(|(who, _)| who)
    }
}

/// How the emulator tells that it was this method.
fn proof(method: Method) -> &'static str {
    match method {
        Method::ApiKey => " by api-key",
        // The profile of the demo holds an OAuth token.
        Method::OAuthToken | Method::Profile => " by iam-token from oauth-token",
        Method::ServiceAccountKey => " by iam-token from service-account-key",
        Method::WorkloadIdentity => " by iam-token from workload-identity",
        Method::Impersonation => " by iam-token from impersonation",
        Method::Metadata => " by iam-token from metadata",
        // The demo's yc asks the control API.
        Method::YandexCloudCli => " by iam-token from control",
        _ => " by iam-token",
    }
}

/// A method works where both answers tell of it; without credentials both are refused.
pub(crate) fn visit(visit: &Visit) -> Claim {
    let method = visit.method.name();
    let header = match &visit.header {
        Ok(Some(header)) => header.as_str(),
        Ok(None) => "no header",
        Err(error) => return Claim { held: false, text: format!("{method:19} no header: {error}") },
    };
    let (chat, stream) = match (&visit.chat, &visit.stream) {
        (Ok(chat), Ok(stream)) => (chat, stream),
        (Err(error), _) | (_, Err(error)) => {
            return Claim { held: false, text: format!("{method:19} {header:15} no answer: {error}") };
        }
    };
    let is_right = |answer: &Answer| match visit.method {
        Method::None => answer.status == 401,
        method => answer.status == 200 && Visit::who(answer).is_some_and(|who| who.ends_with(proof(method))),
    };
    let in_pieces = visit.method == Method::None || stream.pieces > 1;
    let who = match Visit::who(chat) {
        Some(who) => format!("{who}; streamed in {} pieces", stream.pieces),
        None if visit.method == Method::None => {
            format!("{} and {}: refused, as it should be", chat.status, stream.status)
        }
        None => format!("{} and {}: {}", chat.status, stream.status, chat.text),
    };
    Claim {
        held: is_right(chat)
            && is_right(stream)
            && in_pieces
            && (visit.method == Method::None) == (header == "no header"),
        text: format!("{method:19} {header:15} {:>7}  {who}", span(visit.elapsed)),
    }
}

/// Calls while the token was stale and IAM slow.
#[derive(Clone, Debug)]
pub(crate) struct Stale {
    pub(crate) calls: u64,
    pub(crate) threads: u64,
    pub(crate) failed: u64,
    pub(crate) waited: u64,
    pub(crate) longest: Duration,
    /// How long IAM took to answer.
    pub(crate) latency: Duration,
    pub(crate) iam_requests: u64,
    pub(crate) generations: (u64, u64),
}

/// No call waits for a token that is stale but usable, and one request renews it for all.
pub(crate) fn stale(facts: &Stale) -> Vec<Claim> {
    let Stale { calls, threads, failed, waited, longest, latency, iam_requests, generations } = facts;
    vec![
        Claim {
            held: *calls > 0 && *failed == 0 && *waited == 0 && longest < latency,
            text: format!(
                "{calls} calls on {threads} threads: {failed} failed, {waited} waited; the longest took {}",
                span(*longest)
            ),
        },
        Claim {
            held: *iam_requests == 1 && generations.1 == generations.0 + 1,
            text: format!(
                "requests to IAM: {iam_requests}, beside the calls, answered after {}; token no. {} took the place of no. {}",
                span(*latency),
                generations.1,
                generations.0
            ),
        },
    ]
}

/// Calls while IAM was cut off, and after.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    pub(crate) hours: u64,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) waited: u64,
    pub(crate) failed_renewals: u64,
    /// Completions that were asked for, and those that were answered.
    pub(crate) chats: (u64, u64),
    pub(crate) generations: (u64, u64),
    /// A completion with the new token.
    pub(crate) after: Result<Answer, String>,
}

/// No call fails while a usable token exists, and the next one comes by itself.
pub(crate) fn outage(facts: &Outage) -> Vec<Claim> {
    let Outage { hours, calls, failed, waited, failed_renewals, chats, generations, after } = facts;
    vec![
        Claim {
            held: *failed_renewals > 0,
            text: format!(
                "IAM said 503 for {hours} hours: {failed_renewals} attempts to renew the token failed"
            ),
        },
        Claim {
            held: *calls > 0 && *failed == 0 && *waited == 0,
            text: format!("{calls} calls in that time: {failed} failed, {waited} waited"),
        },
        Claim {
            held: chats.0 > 0 && chats.0 == chats.1,
            text: format!("{} of {} chat completions in that time were answered", chats.1, chats.0),
        },
        Claim {
            held: generations.1 == generations.0 + 1
                && after.as_ref().is_ok_and(|answer| answer.status == 200),
            text: match after {
                Ok(answer) => format!(
                    "IAM is back: token no. {} took the place of no. {}, and a completion with it gets {}",
                    generations.1, generations.0, answer.status
                ),
                Err(error) => format!("IAM is back, and a completion gets no answer: {error}"),
            },
        },
    ]
}

/// Of all requests only those without credentials were refused for them.
pub(crate) fn refusals(unauthenticated: u64) -> Claim {
    Claim {
        held: unauthenticated == 2,
        text: format!(
            "{unauthenticated} requests were refused for their credentials; 2 were sent without any"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, who: &str, pieces: usize) -> Result<Answer, String> {
        Ok(Answer { status, text: format!("authenticated as {who}; you said: x"), pieces })
    }

    fn good(method: Method, who: &str) -> Visit {
        Visit {
            method,
            header: Ok(Some("Bearer t1.***".to_owned())),
            elapsed: Duration::ZERO,
            chat: answer(200, who, 0),
            stream: answer(200, who, 5),
        }
    }

    #[test]
    fn a_method_holds_only_where_the_answer_names_it() {
        let by = "somebody by iam-token from metadata";
        assert!(visit(&good(Method::Metadata, by)).held);
        assert!(!visit(&good(Method::ApiKey, by)).held);
        assert!(!visit(&good(Method::YandexCloudCli, by)).held);
        let good = good(Method::Metadata, by);
        for broken in [
            Visit { header: Err("no token".into()), ..good.clone() },
            Visit { header: Ok(None), ..good.clone() },
            Visit { chat: answer(401, by, 0), ..good.clone() },
            Visit { stream: answer(500, by, 5), ..good.clone() },
            Visit { stream: answer(200, "else by api-key", 5), ..good.clone() },
            Visit { stream: answer(200, by, 1), ..good.clone() },
            Visit { stream: Err("cut".into()), ..good.clone() },
            Visit { chat: Ok(Answer { status: 200, text: "hello".into(), pieces: 0 }), ..good.clone() },
        ] {
            assert!(!visit(&broken).held, "{broken:?}");
        }
    }

    #[test]
    fn none_holds_only_where_it_is_refused() {
        let refused = Ok(Answer { status: 401, text: "missing".into(), pieces: 0 });
        let none =
            Visit { header: Ok(None), chat: refused.clone(), stream: refused, ..good(Method::None, "") };
        assert!(visit(&none).held);
        assert!(!visit(&Visit { chat: answer(200, "x by api-key", 0), ..none.clone() }).held);
        assert!(!visit(&Visit { header: Ok(Some("Bearer t1.***".into())), ..none }).held);
    }

    #[test]
    fn staleness_holds_only_where_nobody_waited_and_one_request_was_made() {
        let good = Stale {
            calls: 100,
            threads: 4,
            failed: 0,
            waited: 0,
            longest: Duration::from_micros(20),
            latency: Duration::from_millis(300),
            iam_requests: 1,
            generations: (1, 2),
        };
        assert!(stale(&good).iter().all(|claim| claim.held));
        for broken in [
            Stale { calls: 0, ..good.clone() },
            Stale { failed: 1, ..good.clone() },
            Stale { waited: 1, ..good.clone() },
            Stale { longest: good.latency, ..good.clone() },
            Stale { iam_requests: 2, ..good.clone() },
            Stale { iam_requests: 0, ..good.clone() },
            Stale { generations: (1, 1), ..good.clone() },
        ] {
            assert!(!stale(&broken).iter().all(|claim| claim.held), "{broken:?}");
        }
    }

    #[test]
    fn an_outage_holds_only_where_it_happened_and_nobody_felt_it() {
        let good = Outage {
            hours: 10,
            calls: 100,
            failed: 0,
            waited: 0,
            failed_renewals: 3,
            chats: (20, 20),
            generations: (2, 3),
            after: answer(200, "x", 0),
        };
        assert!(outage(&good).iter().all(|claim| claim.held));
        for broken in [
            Outage { calls: 0, ..good.clone() },
            Outage { failed: 1, ..good.clone() },
            Outage { waited: 1, ..good.clone() },
            Outage { failed_renewals: 0, ..good.clone() },
            Outage { chats: (20, 19), ..good.clone() },
            Outage { chats: (0, 0), ..good.clone() },
            Outage { generations: (2, 2), ..good.clone() },
            Outage { after: answer(401, "x", 0), ..good.clone() },
            Outage { after: Err("cut".into()), ..good.clone() },
        ] {
            assert!(!outage(&broken).iter().all(|claim| claim.held), "{broken:?}");
        }
        assert!(refusals(2).held && !refusals(0).held && !refusals(3).held);
    }
}
