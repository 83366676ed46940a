//! A gateway at which something goes wrong, and what must not change meanwhile: another client is served, and no secret gets
//! out. The timers of the agent stand still until a test lets time pass.

use std::future::poll_fn;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use test_support::http_client::Response;
use test_support::http_server::{Reply, Server};
use test_support::log::Log;
use test_support::token_source::Source;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, advance};
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Gateway, of, tokens, upstream};

/// How far time moves at once.
pub(crate) const STEP: Duration = Duration::from_secs(1);

/// How often the tasks of the runtime run between two steps: what was sent arrives before time moves.
const ROUNDS: usize = 20;

/// Runs a test on one thread, with the log of this thread. Fails after a minute of real time.
pub(crate) fn watched(test: impl AsyncFnOnce(Log) + Send + 'static) {
    let (ended, end) = channel::<()>();
    let thread = std::thread::spawn(move || {
        let _ended = ended;
        let log = Log::of_target("yandex_cloud_auth");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        log.of(|| {
            runtime.block_on(async {
                // While such a task runs, time does not jump to the next timer by itself.
                let (stop, stopped) = channel::<()>();
                tokio::task::spawn_blocking(move || stopped.recv());
                test(log.clone()).await;
                drop(stop);
            });
        });
    });
    let minute = end.recv_timeout(Duration::from_secs(60));
    assert!(minute != Err(std::sync::mpsc::RecvTimeoutError::Timeout), "the test ends within a minute");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// The output of a future, and how long it took. Time moves only while the future waits.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let (start, mut work) = (Instant::now(), std::pin::pin!(work));
    loop {
        for _ in 0..ROUNDS {
            let ready = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            if let Poll::Ready(output) = ready {
                return (output, start.elapsed());
            }
            tokio::task::yield_now().await;
        }
        advance(STEP).await;
    }
}

/// Lets time pass, step by step.
pub(crate) async fn pass(time: Duration) {
    timed(tokio::time::sleep(time)).await;
}

/// Reads until the text has come.
pub(crate) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    loop {
        let mut part = vec![0; 4096];
        let length = stream.read(&mut part).await.unwrap();
        read.extend_from_slice(&part[..length]);
        let so_far = String::from_utf8_lossy(&read).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        assert!(length > 0, "the stream ended before {text:?}: {so_far}");
    }
}

/// Everything that comes until the end of the stream, or until it breaks.
pub(crate) async fn rest_of(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    String::from_utf8_lossy(&read).into_owned()
}

/// A response whose body has a length.
pub(crate) fn parsed(text: &str) -> Response {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
    };
    Response { status, headers: lines.map(header).collect(), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// A connection that sends at once: the system would hold back a second part until the first one has arrived, for 40 ms of
/// real time.
pub(crate) async fn opened(address: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A service that a test plays itself.
pub(crate) struct Service {
    listener: TcpListener,
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection of the gateway.
    pub(crate) async fn accept(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// The next connection, and the head of its first request.
    pub(crate) async fn request(&self) -> (TcpStream, String) {
        let mut stream = self.accept().await;
        let head = read_until(&mut stream, "\r\n\r\n").await;
        (stream, head)
    }
}

/// A gateway, and a client of another service in the middle of a stream.
pub(crate) struct Bench {
    pub(crate) gateway: Gateway,
    pub(crate) source: Source,
    pub(crate) clock: TestClock,
    log: Log,
    other: TcpStream,
    events: mpsc::UnboundedSender<String>,
    calm: Server,
    count: usize,
}

impl Bench {
    /// A gateway to a service, with more keys of the listener. The other client gets an event each minute.
    pub(crate) async fn new(log: &Log, service: &str, more: &str) -> Self {
        let (source, clock) = (tokens(), TestClock::new());
        let credentials = of(&source, &clock);
        Self::with_credentials(log, service, more, source, clock, credentials).await
    }

    /// As [`new`](Self::new), with these credentials, whose source and clock are given too.
    pub(crate) async fn with_credentials(
        log: &Log,
        service: &str,
        more: &str,
        source: Source,
        clock: TestClock,
        credentials: impl Fn(
            &yandex_cloud_auth_agent::IdentityConfig,
        ) -> Result<yandex_cloud_auth::Credentials, yandex_cloud_auth::Error>,
    ) -> Self {
        let (calm, streaming) = (Server::always(Reply::body(200, "calm")), Service::new().await);
        let more = format!(
            "{more}\n{}{}",
            upstream(&calm.url(), "/v1/calm/"),
            upstream(&streaming.url(), "/v1/events/")
        );
        let gateway = Gateway::with_credentials(service, &more, credentials).await;
        let mut other = opened(gateway.address).await;
        let request = gateway.head("GET", "/v1/events/x", "") + "\r\n";
        other.write_all(request.as_bytes()).await.unwrap();
        let (mut events, _) = streaming.request().await;
        events.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        read_until(&mut other, "\r\n\r\n").await;
        let (sender, mut wanted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = wanted.recv() => event,
                    () = tokio::time::sleep(Duration::from_secs(60)) => Some("tick;".to_owned()),
                };
                let Some(event) = event else { return };
                let _ = events.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await;
            }
        });
        let events = sender;
        Self { gateway, source, clock, log: log.clone(), other, events, calm, count: 0 }
    }

    /// The stream of the other client goes on, its next request is answered, and the log has no secret.
    pub(crate) async fn is_undisturbed(&mut self) {
        self.count += 1;
        let event = format!("event {};", self.count);
        self.events.send(event.clone()).unwrap();
        read_until(&mut self.other, &event).await;
        let response = self.gateway.call("GET", "/v1/calm/x", &[], "").await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (200, "calm"));
        assert_eq!(self.calm.requests().len(), self.count);
        let lines = self.log.lines();
        assert!(!lines.is_empty());
        for line in lines {
            self.has_no_secret(&line);
        }
    }

    /// A text has neither the key of the clients nor a token.
    pub(crate) fn has_no_secret(&self, text: &str) {
        assert!(!text.contains(&self.gateway.key) && !text.contains("t1.fake"), "{text}");
    }

    /// A service has got nothing of the key of the clients.
    pub(crate) fn has_no_key(&self, text: &str) {
        assert!(!text.contains(&self.gateway.key), "{text}");
    }

    /// The message of a refusal in OpenAI's form.
    pub(crate) fn refusal(&self, response: &Response, status: u16, code: &str) -> String {
        let text = response.text();
        assert_eq!(response.status, status, "{text}");
        assert_eq!(response.header("content-type"), "application/json", "{text}");
        let error = &response.json()["error"];
        assert_eq!(error["code"], code, "{text}");
        let kind = if status < 500 { "invalid_request_error" } else { "server_error" };
        assert_eq!(error["type"], kind, "{text}");
        self.has_no_secret(&text);
        error["message"].as_str().unwrap().to_owned()
    }

    /// Sends bytes on a new connection, which stays open.
    pub(crate) async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = opened(self.gateway.address).await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }
}
