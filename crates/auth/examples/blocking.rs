//! ureq, or any other client without an executor: the call for a header blocks this thread.
#![allow(clippy::print_stdout, reason = "an example")]

use http::header::AUTHORIZATION;
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::Emulator;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An emulator on loopback. With the real cloud, `Credentials::automatic()` alone is enough.
    let cloud = Emulator::start_in_thread()?;
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials =
        Credentials::automatic().with_system(System::real().with_environment(environment)).blocking();

    for _ in 0..3 {
        // One header for each request: the library keeps it fresh, and a cached one costs a copy.
        let mut request = ureq::get(format!("{}/v1/models", cloud.api_url()));
        if let Some(header) = credentials.header()? {
            request = request.header(AUTHORIZATION, header);
        }
        println!("{}", request.call()?.status());
    }
    Ok(())
}
