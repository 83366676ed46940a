//! The target `agent_configurations` for `cargo fuzz`.
#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| yandex_cloud_auth_fuzz::agent_configurations(data));
