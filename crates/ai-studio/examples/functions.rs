//! A function that the model calls, and an answer in JSON: `cargo run --example functions`.

#![allow(clippy::print_stdout, reason = "it is what the example does")]

use serde_json::json;
use yandex_ai_studio_sdk::{AiStudio, Message, ResponseFormat, Tool};
use yandex_cloud_emulator::Emulator;

/// What the function takes.
#[derive(serde::Deserialize)]
struct Sum {
    numbers: Vec<i64>,
}

/// What the answer is to be.
#[derive(Debug, serde::Deserialize)]
struct Reply {
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An AI Studio inside this program. A real one is found without any of these options.
    let cloud = Emulator::start().await?;
    let sdk = AiStudio::builder()
        .endpoint(cloud.api_url())
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .build()?;

    let numbers = json!({ "type": "array", "items": { "type": "integer" } });
    let schema = json!({ "type": "object", "required": ["numbers"], "properties": { "numbers": numbers } });
    let sum = Tool::function("sum").description("adds numbers up").parameters(schema).strict(true);
    let model = sdk.chat().completions("yandexgpt").tools([sum]);

    let mut conversation = vec![Message::user("what is the sum of 5 and 4?")];
    let mut answer = model.run(&conversation).await?;
    while !answer.tool_calls().is_empty() {
        conversation.push(Message::from(&answer));
        for call in answer.tool_calls() {
            println!("the model calls {}({})", call.name(), call.arguments());
            let Sum { numbers } = call.parse()?;
            conversation.push(Message::tool_result(&call.id, numbers.iter().sum::<i64>().to_string()));
        }
        answer = model.run(&conversation).await?;
    }
    println!("{}", answer.text());

    let schema =
        json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
    let format = ResponseFormat::json_schema("reply", schema).strict(true);
    let reply: Reply = model.response_format(format).run("say it in JSON").await?.parse()?;
    println!("as a type: {}", reply.text);
    Ok(())
}
