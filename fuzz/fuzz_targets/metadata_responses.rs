//! The target `metadata_responses` for `cargo fuzz`.
#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| yandex_cloud_auth_fuzz::metadata_responses(data));
