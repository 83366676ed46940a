//! The target `sds_requests` for `cargo fuzz`.
#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| yandex_cloud_auth_fuzz::sds_requests(data));
