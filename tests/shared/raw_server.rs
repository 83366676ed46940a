//! Servers on loopback that pass each connection to the test, over TCP or TLS, and a proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

use crate::wait::secs;

/// A server and the requests that it received. The server runs until the process ends.
pub struct RawServer {
    /// The address of the server.
    pub address: SocketAddr,
    requests: Receiver<String>,
    /// The targets that `tunnels` has read from `requests`.
    tunnels: Mutex<Vec<String>>,
}

impl RawServer {
    /// Calls `serve` with every connection, one at a time.
    pub fn start(mut serve: impl FnMut(TcpStream, &Sender<String>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &log);
            }
        });
        Self { address, requests, tunnels: Mutex::default() }
    }

    /// Reads one request from each connection, then calls `reply`.
    pub fn http(mut reply: impl FnMut(&mut TcpStream) + Send + 'static) -> Self {
        Self::start(move |mut stream, log| {
            let _ = log.send(read_request(&mut stream));
            reply(&mut stream);
        })
    }

    /// Sends these bytes after each request, then closes the connection.
    pub fn replying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::http(move |stream| drop(stream.write_all(&bytes)))
    }

    /// Sends this text over TLS after each request.
    #[must_use]
    pub fn tls(identity: &Identity, reply: &'static str) -> Self {
        let configuration = identity.configuration();
        Self::start(move |stream, log| {
            let connection = ServerConnection::new(Arc::clone(&configuration)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let request = read_request(&mut stream);
            if !request.is_empty() {
                let _ = log.send(request);
                let _ = stream.write_all(reply.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        })
    }

    /// A proxy that connects every tunnel to one server, so that a test can use any host name.
    #[must_use]
    pub fn tunnel_to(server: SocketAddr) -> Self {
        Self::http(move |stream| {
            let Ok(()) = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n") else { return };
            let (client, server) = (stream.try_clone().unwrap(), TcpStream::connect(server).unwrap());
            let (client_again, server_again) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || relay(client, server));
            std::thread::spawn(move || relay(server_again, client_again));
        })
    }

    /// The URL of the server with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request. Waits for the request, and fails after 20 seconds.
    #[must_use]
    pub fn request(&self) -> String {
        self.requests.recv_timeout(secs(20)).expect("a request comes within 20 seconds")
    }

    /// Whether the server received a request that [`request`](Self::request) has not returned. Removes this request from
    /// the queue.
    #[must_use]
    pub fn received_request(&self) -> bool {
        self.requests.try_recv().is_ok()
    }

    /// The targets of all `CONNECT` requests, as `host:port`.
    #[must_use]
    pub fn tunnels(&self) -> Vec<String> {
        let target = |request: String| request.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut tunnels = self.tunnels.lock().unwrap();
        tunnels.extend(self.requests.try_iter().map(target));
        tunnels.clone()
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// The head of a request and the announced body, or the bytes before the client closed the connection.
pub fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let _ = stream.take(length).read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// A certificate authority for tests.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// An authority with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate of the authority.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The certificate of the authority, for clients that trust it.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for a host name, signed by this authority.
    #[must_use]
    pub fn certify(&self, name: &str) -> Identity {
        self.certify_with(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// As [`certify`](Self::certify), but the certificate has expired.
    #[must_use]
    pub fn certify_expired(&self, name: &str) -> Identity {
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
pub struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    /// The certificate and its private key, each in PEM.
    #[must_use]
    pub fn pem(&self) -> [String; 2] {
        [self.certificate.pem(), self.key.serialize_pem()]
    }

    pub(crate) fn configuration(&self) -> Arc<ServerConfig> {
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
