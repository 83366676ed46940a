//! A function that the model calls, and a JSON response: `cargo run --example functions`.

#![allow(clippy::print_stdout, reason = "the example prints its results")]

use serde_json::json;
use yandex_ai_studio_sdk::{AiStudio, Message, ResponseFormat, Tool};
use yandex_cloud_emulator::Emulator;

/// The arguments of the function.
#[derive(serde::Deserialize)]
struct Sum {
    numbers: Vec<i64>,
}

/// The JSON response.
#[derive(Debug, serde::Deserialize)]
struct Reply {
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An emulator inside this program. The real AI Studio needs none of these options.
    let cloud = Emulator::start().await?;
    let sdk = AiStudio::builder()
        .endpoint(cloud.api_url())
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .build()?;

    let numbers = json!({ "type": "array", "items": { "type": "integer" } });
    let schema = json!({ "type": "object", "required": ["numbers"], "properties": { "numbers": numbers } });
    let sum = Tool::function("sum").description("adds numbers").parameters(schema).strict(true);
    let model = sdk.chat().completions("yandexgpt").tools([sum]);

    let mut conversation = vec![Message::user("what is the sum of 5 and 4?")];
    let mut response = model.run(&conversation).await?;
    while !response.tool_calls().is_empty() {
        conversation.push(Message::from(&response));
        for call in response.tool_calls() {
            println!("the model calls {}({})", call.name(), call.arguments());
            let Sum { numbers } = call.parse()?;
            conversation.push(Message::tool_result(&call.id, numbers.iter().sum::<i64>().to_string()));
        }
        response = model.run(&conversation).await?;
    }
    println!("{}", response.text());

    let schema =
        json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
    let format = ResponseFormat::json_schema("reply", schema).strict(true);
    let reply: Reply = model.response_format(format).run("say it in JSON").await?.parse()?;
    println!("as a type: {}", reply.text);
    Ok(())
}
