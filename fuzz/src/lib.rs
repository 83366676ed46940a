//! A function for each parser that bytes from outside reach: `cargo fuzz run NAME` calls it with bytes that a fuzzer makes,
//! the test below with the files of `corpus/NAME`.
//!
//! The functions drive the public interface, and the parsers of the agent by `fuzz_internals`. They assert what has to hold for any bytes: a secret is in no error and in no
//! line of the log, what is accepted can stand in a header, a private key and an OAuth token become no header, and a
//! second reading by another crate (`serde_json`, `url`, `base64`, `httpdate`) agrees where there is one.

mod addresses;
mod agent_clients;
mod agent_configurations;
mod agent_hosts;
mod agent_sockets;
mod cache_entries;
mod certificates;
mod destinations;
mod given_values;
mod key_files;
mod kubernetes_objects;
mod proxies;
mod redaction;
mod responses;
mod retry_after;
mod sds_requests;
mod streams;
mod support;
mod tokens;

pub use addresses::addresses;
pub use agent_clients::agent_clients;
pub use agent_configurations::agent_configurations;
pub use agent_hosts::agent_hosts;
pub use agent_sockets::agent_sockets;
pub use cache_entries::cache_entries;
pub use certificates::certificates;
pub use destinations::destinations;
pub use given_values::given_values;
pub use key_files::{key_files, profiles};
pub use kubernetes_objects::kubernetes_objects;
pub use proxies::proxies;
pub use redaction::redaction;
pub use responses::{discovery, iam_responses, metadata_responses};
pub use retry_after::retry_after;
pub use sds_requests::sds_requests;
pub use streams::{chat_streams, completion_streams};
pub use tokens::{function_tokens, subject_tokens, yc_output};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// The largest file and the most files of a corpus.
    const MAX_BYTES: usize = 64 << 10;
    const MAX_FILES: usize = 40;

    fn names(folder: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let stem = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()
        };
        fs::read_dir(folder).unwrap().map(stem).collect()
    }

    fn run(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!((1..=MAX_FILES).contains(&paths.len()), "{name} has {} files", paths.len());
        paths.sort();
        for path in paths {
            let data = fs::read(&path).unwrap();
            assert!(data.len() <= MAX_BYTES, "{} is too large", path.display());
            eprintln!("{}", path.display());
            target(&data);
        }
    }

    macro_rules! corpora {
        ($($name:ident)*) => {
            $(#[test]
            fn $name() {
                run(stringify!($name), super::$name);
            })*

            #[test]
            fn each_target_has_a_program_and_a_corpus() {
                let known = BTreeSet::from([$(stringify!($name).to_owned()),*]);
                assert_eq!(names("fuzz_targets"), known);
                assert_eq!(names("corpus"), known);
            }
        };
    }

    corpora! {
        addresses agent_clients agent_configurations agent_hosts agent_sockets cache_entries certificates chat_streams
        completion_streams destinations discovery function_tokens given_values iam_responses key_files kubernetes_objects
        metadata_responses profiles proxies redaction retry_after sds_requests subject_tokens yc_output
    }
}
