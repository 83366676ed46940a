//! The native API over gRPC: the prefixes of a stream, and the tokens of a text.

use super::{completion, model};
use crate::common::{api_key, grpc};
use tonic::Code;
use yandex_cloud_emulator::Emulator;

#[tokio::test]
async fn text_generation_streams_growing_prefixes() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let key = api_key(emulator.api_key());

    let request = grpc::with(&key, completion(&emulator, true));
    let responses = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap();
    assert!(responses.len() > 2, "{}", responses.len());
    let texts: Vec<&str> =
        responses.iter().map(|a| a.alternatives[0].message.as_ref().unwrap().text()).collect();
    assert!(texts.windows(2).all(|pair| pair[1].len() > pair[0].len() && pair[1].starts_with(pair[0])));
    let expected = format!(
        "authenticated as service account {} by api-key; you said: hello there",
        emulator.service_account_id()
    );
    assert_eq!(*texts.last().unwrap(), expected);
    let statuses: Vec<i32> = responses.iter().map(|a| a.alternatives[0].status).collect();
    assert!(statuses[..statuses.len() - 1].iter().all(|&status| status == 1));
    assert_eq!(statuses[statuses.len() - 1], 3);
    let usage = responses.last().unwrap().usage.clone().unwrap();
    assert_eq!((usage.input_text_tokens, usage.completion_tokens, usage.total_tokens), (2, 11, 13));

    let request = grpc::with(&key, completion(&emulator, false));
    let responses = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap();
    assert_eq!(responses.len(), 1);
    assert_eq!(responses[0].alternatives[0].message.as_ref().unwrap().text(), expected);
    assert_eq!(responses[0].model_version, "emulator");
}

#[tokio::test]
async fn returns_one_token_for_each_word() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let key = api_key(emulator.api_key());
    let request = grpc::with(&key, completion(&emulator, false));
    let whole =
        grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE_COMPLETION, request).await.unwrap();
    let whole = whole.into_inner();
    let texts: Vec<(&str, bool)> = whole.tokens.iter().map(|t| (t.text.as_str(), t.special)).collect();
    assert_eq!(texts, [("<s>", true), ("\u{2581}hello", false), ("\u{2581}there", false), ("[SEP]", true)]);

    let request =
        grpc::with(&key, grpc::Tokenize { model_uri: model(&emulator), text: "hello there".to_owned() });
    let plain =
        grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE, request).await.unwrap().into_inner();
    assert_eq!(plain, whole);

    let error = grpc::unary::<_, grpc::Tokenized>(
        &channel,
        grpc::TOKENIZE_COMPLETION,
        grpc::bare(completion(&emulator, false)),
    );
    assert_eq!(error.await.unwrap_err().code(), Code::Unauthenticated);
}
