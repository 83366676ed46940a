use yandex_cloud_auth::system::transport_policy::parse_pem;

/// Certificates in PEM: a file of the user's, or `verify` of the SDK.
pub fn certificates(data: &[u8]) {
    match parse_pem(data) {
        Ok(certificates) => {
            let begins = data.windows(11).filter(|part| *part == b"-----BEGIN ").count();
            assert!((1..=begins).contains(&certificates.len()));
            let length: usize = certificates.iter().map(|certificate| certificate.len()).sum();
            assert!(length < data.len());
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}
