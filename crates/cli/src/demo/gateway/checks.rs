//! The checks of the gateway. Pure, as the others.

use yandex_cloud_auth::Method;

use super::super::checks::{Check, is_answered};
use crate::demo::client::ChatResponse;

/// A request as the service got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// The header, masked.
    pub(crate) authorization: String,
    pub(crate) model: String,
    /// Whether the key of the tool is anywhere in the request.
    pub(crate) has_key: bool,
}

/// The measurements of requests through a gateway.
#[derive(Clone, Debug)]
pub(crate) struct GatewayRun {
    /// The header that the tool sent, masked, and the model that it asked for.
    pub(crate) sent: (String, String),
    pub(crate) got: Vec<Got>,
    pub(crate) chat: Result<ChatResponse, String>,
    pub(crate) stream: Result<ChatResponse, String>,
    /// With a wrong key.
    pub(crate) refused: Result<ChatResponse, String>,
}

/// What the tool sent, and what the service got in its place.
pub(crate) fn lines(run: &GatewayRun) -> Vec<String> {
    let row = |who: &str, header: &str, model: &str| format!("{who:16} {header:15} model {model}");
    let got = run.got.first().map(|got| row("the service gets", &got.authorization, &got.model));
    [row("the tool sends", &run.sent.0, &run.sent.1)].into_iter().chain(got).collect()
}

/// A tool with the key is answered, the service never gets the key, and another key is refused.
pub(crate) fn gateway(run: &GatewayRun) -> Vec<Check> {
    let GatewayRun { sent, got, chat, stream, refused } = run;
    let answered = |response: &Result<ChatResponse, String>| {
        response.as_ref().is_ok_and(|response| is_answered(Method::ServiceAccountKey, response))
    };
    let figures = |response: &Result<ChatResponse, String>| match response {
        Ok(ChatResponse { status, text, .. }) => format!("{status} {text}"),
        Err(error) => error.clone(),
    };
    let is_token = |got: &Got| got.authorization == "Bearer t1.***" && !got.has_key;
    let is_uri = |got: &Got| got.model == format!("gpt://FOLDER/{}/latest", sent.1);
    let streamed = stream.as_ref().is_ok_and(|response| response.chunks > 1);
    vec![
        Check::new(
            answered(chat) && answered(stream) && streamed,
            "a chat completion and a streamed one were answered",
            || format!("a chat completion: {}; streamed: {}", figures(chat), figures(stream)),
        ),
        Check::new(
            got.len() >= 2 && got.iter().all(|got| is_token(got) && is_uri(got)),
            "the service got a token and the URI of the model, and never the tool's key",
            || format!("the service got {got:?}"),
        ),
        Check::new(
            refused.as_ref().is_ok_and(|response| response.status == 401) && got.len() == 2,
            "a wrong key was refused with 401, and the service was not asked",
            || format!("a wrong key: {}; the service got {} requests", figures(refused), got.len()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> GatewayRun {
        let text =
            "authenticated as an account by iam-token from service-account-key; you said: x".to_owned();
        let answer = |chunks| Ok(ChatResponse { status: 200, text: text.clone(), chunks });
        let got = Got {
            authorization: "Bearer t1.***".to_owned(),
            model: "gpt://FOLDER/m/latest".to_owned(),
            has_key: false,
        };
        GatewayRun {
            sent: ("Bearer ***".to_owned(), "m".to_owned()),
            got: vec![got.clone(), got],
            chat: answer(0),
            stream: answer(5),
            refused: Ok(ChatResponse { status: 401, text: "the key".to_owned(), chunks: 0 }),
        }
    }

    #[test]
    fn a_gateway_passes_only_where_the_service_has_a_token_and_no_key() {
        let good = good();
        assert!(gateway(&good).iter().all(|check| check.passed), "{:?}", gateway(&good));
        let first = |change: fn(&mut Got)| {
            let mut run = good.clone();
            change(&mut run.got[0]);
            run
        };
        let more = good.got.iter().chain(&good.got[..1]).cloned().collect();
        for broken in [
            GatewayRun { chat: good.refused.clone(), ..good.clone() },
            GatewayRun { stream: good.chat.clone(), ..good.clone() },
            GatewayRun { stream: Err("cut".into()), ..good.clone() },
            GatewayRun { refused: good.chat.clone(), ..good.clone() },
            GatewayRun { refused: Err("cut".into()), ..good.clone() },
            GatewayRun { got: more, ..good.clone() },
            GatewayRun { got: Vec::new(), ..good.clone() },
            first(|got| got.has_key = true),
            first(|got| got.model = "m".to_owned()),
            first(|got| got.authorization = "Bearer ***".to_owned()),
        ] {
            assert!(!gateway(&broken).iter().all(|check| check.passed), "{broken:?}");
        }
    }

    #[test]
    fn the_lines_tell_both_sides() {
        let rows = [
            "the tool sends   Bearer ***      model m",
            "the service gets Bearer t1.***   model gpt://FOLDER/m/latest",
        ];
        assert_eq!(lines(&good()), rows);
        assert_eq!(lines(&GatewayRun { got: Vec::new(), ..good() }), rows[..1]);
    }
}
