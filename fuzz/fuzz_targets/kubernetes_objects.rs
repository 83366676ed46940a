//! The target `kubernetes_objects` for `cargo fuzz`.
#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| yandex_cloud_auth_fuzz::kubernetes_objects(data));
