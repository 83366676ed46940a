//! Blocking calls: `cargo run --example synchronous`.

#![allow(clippy::print_stdout, reason = "the example prints its results")]

use yandex_ai_studio_sdk::AiStudio;
use yandex_cloud_emulator::Emulator;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An emulator inside this program. The real AI Studio needs none of these options.
    let cloud = Emulator::start_in_thread()?;
    let sdk = AiStudio::builder()
        .endpoint(cloud.api_url())
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .build()?;
    let blocking = sdk.blocking()?;
    let model = sdk.chat().completions("yandexgpt");

    println!("{}", blocking.wait(model.run("What is a platypus?"))?.text());
    for chunk in blocking.iter(blocking.wait(model.run_stream("In a word?"))?) {
        print!("{}", chunk?.text());
    }
    println!();
    Ok(())
}
