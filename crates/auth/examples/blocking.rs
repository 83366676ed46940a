//! ureq, or any other client without an executor: the header is waited for on this thread.
#![allow(clippy::print_stdout, reason = "an example")]

use http::header::AUTHORIZATION;
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::Emulator;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A cloud on this machine, and nothing of the real one. Elsewhere `Credentials::automatic()` is all there is to say.
    let cloud = Emulator::start_in_thread()?;
    let machine = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials =
        Credentials::automatic().with_system(System::real().with_environment(machine)).blocking();

    for _ in 0..3 {
        // Once per request: it is kept fresh, and costs nothing while it is.
        let mut request = ureq::get(format!("{}/v1/models", cloud.api_url()));
        if let Some(header) = credentials.header()? {
            request = request.header(AUTHORIZATION, header);
        }
        println!("{}", request.call()?.status());
    }
    Ok(())
}
