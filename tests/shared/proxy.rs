//! Proxies on loopback. A proxy connects every tunnel to one server, so that a test can use any host name.

use std::io::{Error, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::raw_server::Identity;

/// What a proxy expects of its clients.
pub struct ProxyOptions {
    tls: Option<TlsAcceptor>,
    is_socks: bool,
    credentials: Option<(&'static str, &'static str)>,
    refusal: Option<u16>,
}

impl ProxyOptions {
    /// `CONNECT` in plain text.
    #[must_use]
    pub fn http() -> Self {
        Self { tls: None, is_socks: false, credentials: None, refusal: None }
    }

    /// `CONNECT` over TLS.
    #[must_use]
    pub fn https(identity: &Identity) -> Self {
        Self { tls: Some(identity.configuration().into()), ..Self::http() }
    }

    /// SOCKS5.
    #[must_use]
    pub fn socks5() -> Self {
        Self { is_socks: true, ..Self::http() }
    }

    /// Requires this user and password.
    #[must_use]
    pub fn credentials(mut self, user: &'static str, password: &'static str) -> Self {
        self.credentials = Some((user, password));
        self
    }

    /// Refuses each tunnel with this status of HTTP, or this reply of SOCKS5.
    #[must_use]
    pub fn refusal(mut self, code: u16) -> Self {
        self.refusal = Some(code);
        self
    }

    /// Starts the proxy, which leads to `server`. It runs until the process ends.
    #[must_use]
    pub fn start(self, server: SocketAddr) -> TestProxy {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let tunnels = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&tunnels);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (listener, options) = (TcpListener::from_std(listener).unwrap(), Arc::new(self));
                while let Ok((client, _)) = listener.accept().await {
                    let (options, seen) = (Arc::clone(&options), Arc::clone(&seen));
                    tokio::spawn(async move { options.serve(client, server, &seen).await });
                }
            });
        });
        TestProxy { address, tunnels }
    }

    async fn serve(&self, client: TcpStream, server: SocketAddr, seen: &Mutex<Vec<String>>) -> Result<()> {
        match &self.tls {
            Some(tls) => self.open(tls.accept(client).await?, server, seen).await,
            None => self.open(client, server, seen).await,
        }
    }

    async fn open(
        &self,
        mut client: impl AsyncRead + AsyncWrite + Unpin,
        server: SocketAddr,
        seen: &Mutex<Vec<String>>,
    ) -> Result<()> {
        let accepted = if self.is_socks {
            self.socks(&mut client, seen).await?
        } else {
            self.connect(&mut client, seen).await?
        };
        if accepted {
            let mut server = TcpStream::connect(server).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        client.shutdown().await
    }

    async fn connect(
        &self,
        client: &mut (impl AsyncRead + AsyncWrite + Unpin),
        seen: &Mutex<Vec<String>>,
    ) -> Result<bool> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await?);
        }
        let head = String::from_utf8(head).map_err(Error::other)?;
        let mut words = head.split(' ');
        assert_eq!(words.next(), Some("CONNECT"), "{head}");
        let given = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("Proxy-Authorization").then(|| value.to_owned())
        });
        let expected = self
            .credentials
            .map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        let status = match self.refusal {
            Some(status) => status,
            None if expected.is_some() && given != expected => 407,
            None => 200,
        };
        seen.lock().unwrap().push(words.next().unwrap_or_default().to_owned());
        client.write_all(format!("HTTP/1.1 {status} Because\r\nLocation: /\r\n\r\n").as_bytes()).await?;
        Ok(status == 200)
    }

    async fn socks(
        &self,
        client: &mut (impl AsyncRead + AsyncWrite + Unpin),
        seen: &Mutex<Vec<String>>,
    ) -> Result<bool> {
        assert_eq!(client.read_u8().await?, 5);
        let methods = field(client).await?;
        let method = if self.credentials.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            client.write_all(&[5, 0xff]).await?;
            return Ok(false);
        }
        client.write_all(&[5, method]).await?;
        if let Some((user, password)) = self.credentials {
            assert_eq!(client.read_u8().await?, 1);
            let given = (field(client).await?, field(client).await?);
            let is_right = given == (user.into(), password.into());
            client.write_all(&[1, u8::from(!is_right)]).await?;
            if !is_right {
                return Ok(false);
            }
        }
        let mut request = [0; 4];
        client.read_exact(&mut request).await?;
        assert_eq!(request[..3], [5, 1, 0]);
        let host = match request[3] {
            1 => IpAddr::from(Ipv4Addr::from(client.read_u32().await?)).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(client.read_u128().await?)),
            _ => String::from_utf8(field(client).await?).map_err(Error::other)?,
        };
        let port = client.read_u16().await?;
        seen.lock().unwrap().push(format!("{host}:{port}"));
        let reply = u8::try_from(self.refusal.unwrap_or(0)).map_err(Error::other)?;
        client.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        Ok(reply == 0)
    }
}

/// Bytes behind their number.
async fn field(client: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut bytes = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A proxy that runs.
pub struct TestProxy {
    /// The address of the proxy.
    pub address: SocketAddr,
    tunnels: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// The address with this scheme, and with user and password where `user` is not empty (`user:password@`).
    #[must_use]
    pub fn url(&self, scheme: &str, user: &str) -> String {
        format!("{scheme}://{user}{}", self.address)
    }

    /// The targets that clients asked for, as `host:port`.
    #[must_use]
    pub fn tunnels(&self) -> Vec<String> {
        self.tunnels.lock().unwrap().clone()
    }
}
