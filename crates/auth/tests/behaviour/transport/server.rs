//! Servers that do what they are told, on loopback, each in a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

/// A server and the requests that reached it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Receiver<String>,
}

impl Server {
    /// Gives every connection to `serve`.
    pub(crate) fn start(mut serve: impl FnMut(TcpStream, &Sender<String>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &log);
            }
        });
        Self { address, requests }
    }

    /// Reads each request, then does `answer`.
    pub(crate) fn http(mut answer: impl FnMut(&mut TcpStream) + Send + 'static) -> Self {
        Self::start(move |mut stream, log| {
            let _ = log.send(read_request(&mut stream));
            answer(&mut stream);
        })
    }

    /// Answers each request with these bytes, and closes.
    pub(crate) fn says(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::http(move |stream| drop(stream.write_all(&answer)))
    }

    /// Answers each request over TLS.
    pub(crate) fn tls(identity: &Identity, answer: &'static str) -> Self {
        let configuration = identity.configuration();
        Self::start(move |stream, log| {
            let connection = ServerConnection::new(Arc::clone(&configuration)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let request = read_request(&mut stream);
            if !request.is_empty() {
                let _ = log.send(request);
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        })
    }

    /// A proxy that opens every tunnel to one place.
    pub(crate) fn tunnel_to(place: SocketAddr) -> Self {
        Self::http(move |stream| {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let (client, server) = (stream.try_clone().unwrap(), TcpStream::connect(place).unwrap());
            let (client_again, server_again) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || relay(client, server));
            std::thread::spawn(move || relay(server_again, client_again));
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(super::PATIENCE).expect("no request came")
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.requests.try_recv().is_ok()
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// The head of a request and as much body as it announces; what came, where the other side gives up.
fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read_exact(&mut one).is_ok() {
        bytes.push(one[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let _ = stream.take(length).read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// A certificate authority for tests.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn certify(&self, name: &str) -> Identity {
        self.certify_with(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    pub(crate) fn certify_expired(&self, name: &str) -> Identity {
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.certify_with(&parameters)
    }

    fn certify_with(&self, parameters: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }
}

/// A server's certificate and key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    fn configuration(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let configuration = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .unwrap();
        Arc::new(configuration)
    }
}
