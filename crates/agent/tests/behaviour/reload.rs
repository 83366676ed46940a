//! A new configuration is taken as a whole, or not at all.

use test_support::http_client::{get, try_call};
use test_support::wait::{on_runtime, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Error, ErrorKind};
use yandex_cloud_auth_agent::Config;

use crate::common::{FLAVOR, ONE, TOKEN, ask, free_port, of, start, tokens};

fn metadata(port: u16) -> String {
    format!("[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:{port}\"\n")
}

#[test]
fn what_stays_keeps_its_token_and_its_connections() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let (first, second) = (free_port(), free_port());
        let mut agent = start(&(ONE.to_owned() + &metadata(first)), &source, &clock).await;
        let address = agent.addresses()[0];
        assert_eq!(ask(address, TOKEN).await.status, 200);
        let config = Config::parse(&(ONE.to_owned() + &metadata(first) + &metadata(second))).unwrap();
        agent.reload(config, of(&source, &clock)).await.unwrap();
        assert_eq!(agent.addresses().len(), 2);
        for address in agent.addresses() {
            assert_eq!(ask(address, TOKEN).await.json()["access_token"], "t1.fake.0");
        }
        assert_eq!(source.started(), 1, "the token is the same");
        // Another folder makes another identity.
        let other = ONE.replace("b1gfakefolder", "b1gotherfolder") + &metadata(second);
        agent.reload(Config::parse(&other).unwrap(), of(&source, &clock)).await.unwrap();
        let url = format!("http://127.0.0.1:{first}{TOKEN}");
        assert!(try_call("GET", &url, &[FLAVOR], "").await.is_err(), "the first listener is closed");
        let folder = format!("http://127.0.0.1:{second}/computeMetadata/v1/project/project-id");
        assert_eq!(get(&folder, &[FLAVOR]).await.text(), "b1gotherfolder");
    });
}

#[test]
fn a_configuration_that_fails_changes_nothing() {
    on_runtime(async {
        let (source, clock, port) = (tokens(), TestClock::new(), free_port());
        let mut agent = start(&(ONE.to_owned() + &metadata(port)), &source, &clock).await;
        let address = agent.addresses()[0];
        ask(address, TOKEN).await;
        let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let other = free_port();
        let config = ONE.to_owned() + &metadata(other) + &metadata(busy.local_addr().unwrap().port());
        let error = agent.reload(Config::parse(&config).unwrap(), of(&source, &clock)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("cannot listen"), "{error}");
        let config = "[[identity]]\nname = \"bad\"\n".to_owned() + &metadata(other);
        let wrong = |_: &_| Err(Error::new(ErrorKind::Invalid, "no such file").at("key.json"));
        let error = agent.reload(Config::parse(&config).unwrap(), wrong).await.unwrap_err();
        assert_eq!(error.location(), Some("identity `bad`: key.json"));
        assert_eq!(agent.addresses(), [address]);
        assert_eq!(ask(address, TOKEN).await.json()["access_token"], "t1.fake.0");
        let url = format!("http://127.0.0.1:{other}{TOKEN}");
        assert!(
            try_call("GET", &url, &[FLAVOR], "").await.is_err(),
            "nothing of the new configuration listens"
        );
        assert_eq!(source.started(), 1);
    });
}

#[cfg(unix)]
#[test]
fn a_token_file_takes_another_form() {
    on_runtime(async {
        let (source, clock, folder) = (tokens(), TestClock::new(), crate::common::Folder::new());
        let file = folder.join("token");
        let config = |format: &str| {
            format!(
                "{ONE}[[listen]]\nkind = \"token-file\"\npath = \"{}\"\nformat = \"{format}\"\n",
                file.display()
            )
        };
        let mut agent = start(&config("bare"), &source, &clock).await;
        let has = async |content: &str| {
            while std::fs::read_to_string(&file).ok().as_deref() != Some(content) {
                tokio::task::yield_now().await;
            }
        };
        has("t1.fake.0").await;
        agent.reload(Config::parse(&config("dotenv")).unwrap(), of(&source, &clock)).await.unwrap();
        has("YC_IAM_TOKEN=t1.fake.0\n").await;
        assert_eq!(source.started(), 1);
    });
}

/// Otherwise a connection without TLS would go on at a listener that has it.
#[test]
fn a_listener_of_another_kind_closes_the_connections_of_the_old_one() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let port = free_port();
        let text =
            |kind: &str| format!("{ONE}[[listen]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:{port}\"\n");
        let mut agent = start(&text("probes"), &source, &clock).await;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        let connect = async || {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = [0; 12];
            soon(stream.read_exact(&mut head)).await.unwrap();
            (stream, head)
        };
        let (mut old, head) = connect().await;
        assert_eq!(&head, b"HTTP/1.1 404");
        agent.reload(Config::parse(&text("admin")).unwrap(), of(&source, &clock)).await.unwrap();
        let mut rest = Vec::new();
        soon(old.read_to_end(&mut rest)).await.unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1 200"));
        assert_eq!(&connect().await.1, b"HTTP/1.1 200");
    });
}
