//! What the metadata service of the machine says about the identity, for clients of the agent.

use std::sync::{Arc, Mutex};

use test_support::http_client::{Response, call};
use test_support::http_server::{Reply, Server};
use test_support::system::empty_system;
use test_support::token_source::InStep;
use test_support::wait::{HOUR, on_runtime, secs};
use yandex_cloud_auth::system::HttpFault;
use yandex_cloud_auth::testing::{TestClock, TestHttp, TestReply};
use yandex_cloud_auth::{Credentials, MetadataAuth};
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{Folder, ask, upstream};

/// The time from each question to the next one, in seconds.
const PAUSES: [u64; 5] = [1, 2, 4, 5, 5];

/// An agent on a machine whose metadata service a test controls.
struct Machine {
    agent: Agent,
    service: Server,
    http: TestHttp,
    folder: Arc<Mutex<TestReply>>,
    clock: TestClock,
    key: String,
    _files: Folder,
}

impl Machine {
    /// With this reply to the question for the folder. More keys of the identity.
    async fn new(reply: TestReply, identity: &str) -> Self {
        let (folder, clock, files) = (Arc::new(Mutex::new(reply)), TestClock::new(), Folder::new());
        let current = Arc::clone(&folder);
        let http = TestHttp::new(move |request, _| match request.uri().path() {
            "/computeMetadata/v1/yandex/folder-id" => current.lock().unwrap().clone(),
            "/computeMetadata/v1/instance/vendor/cloud-id" => TestReply::status(500, ""),
            _ => TestReply::status(
                200,
                r#"{"access_token":"t1.fake.token","expires_in":43200,"token_type":"Bearer"}"#,
            ),
        });
        // Each question ends before the request that starts it goes on.
        let system = empty_system(&clock).with_http(http.clone()).with_spawner(InStep);
        let service = Server::always(Reply::status(200));
        let config = format!(
            "[[identity]]\nname = \"one\"\n{identity}\n[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n\
             [[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.1:0\"\nkeys = [{{ file = \"{}\" }}]\n{}",
            files.join("key").display(),
            upstream(&service.url(), "/v1/"),
        );
        let method = MetadataAuth::builder().address("127.0.0.1:1").build();
        let credentials = Credentials::from(method).with_system(system);
        let config = Config::parse(&config).unwrap();
        let agent = Agent::start(config, move |_| Ok(credentials.clone())).await.unwrap();
        let key = std::fs::read_to_string(files.join("key")).unwrap();
        Self { agent, service, http, folder, clock, key, _files: files }
    }

    /// The folder that the agent shows to clients of its metadata service.
    async fn shown(&self) -> Response {
        ask(self.agent.addresses()[0], "/computeMetadata/v1/yandex/folder-id").await
    }

    /// The answer of the gateway to a request with a bare name of a model.
    async fn model(&self) -> Response {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("http://{}/v1/chat/completions", self.agent.addresses()[1]);
        call("POST", &url, &headers, r#"{"model":"yandexgpt"}"#).await
    }

    /// Goes on when the folder was asked for this often. The renewal of the token may have begun the last question.
    async fn asked(&self, count: usize) {
        while self.questions() < count {
            self.shown().await;
        }
        assert_eq!(self.questions(), count);
    }

    /// How often the folder was asked for.
    fn questions(&self) -> usize {
        self.http.requests().iter().filter(|request| request.ends_with("/yandex/folder-id")).count()
    }
}

#[test]
fn the_folder_is_asked_for_again_until_the_metadata_service_answers() {
    on_runtime(async {
        for no_answer in [
            TestReply::status(500, "oops"),
            TestReply::status(200, ""),
            TestReply::Fail(HttpFault::Unreachable),
            TestReply::Fail(HttpFault::Malformed),
        ] {
            let machine = Machine::new(no_answer.clone(), "").await;
            for _ in 0..3 {
                assert_eq!(machine.model().await.status, 503, "{no_answer:?}");
                assert_eq!(machine.shown().await.status, 404, "{no_answer:?}");
            }
            machine.asked(1).await;

            for (earlier, pause) in PAUSES.into_iter().enumerate() {
                machine.clock.advance(secs(pause - 1));
                machine.model().await;
                assert_eq!(machine.questions(), earlier + 1, "no request asks before the end of the pause");
                machine.clock.advance(secs(1));
                machine.asked(earlier + 2).await;
            }

            *machine.folder.lock().unwrap() = TestReply::status(200, "b1gfolder\n");
            machine.clock.advance(secs(5));
            machine.asked(PAUSES.len() + 2).await;
            while machine.shown().await.status != 200 {}
            assert_eq!(machine.shown().await.text(), "b1gfolder");
            assert_eq!(machine.model().await.status, 200);
            let request = machine.service.requests().pop().unwrap();
            assert!(String::from_utf8_lossy(&request.body).contains("gpt://b1gfolder/yandexgpt/"));

            machine.clock.advance(HOUR);
            machine.model().await;
            assert_eq!(machine.questions(), PAUSES.len() + 2, "what is known is not asked for again");
        }
    });
}

#[test]
fn a_service_without_a_folder_is_asked_once() {
    on_runtime(async {
        let machine = Machine::new(TestReply::status(404, ""), "").await;
        assert_eq!(machine.model().await.status, 400);
        machine.clock.advance(HOUR);
        assert_eq!(machine.model().await.status, 400);
        assert_eq!(machine.questions(), 1);
    });
}

#[test]
fn the_folder_of_the_configuration_needs_no_answer() {
    on_runtime(async {
        let machine = Machine::new(TestReply::status(500, ""), "folder = \"b1gconfigured\"").await;
        assert_eq!(machine.shown().await.text(), "b1gconfigured");
        assert_eq!(machine.model().await.status, 200);
        machine.clock.advance(HOUR);
        assert_eq!(machine.shown().await.text(), "b1gconfigured");
        assert_eq!(machine.questions(), 1);
    });
}

#[test]
fn the_folder_is_found_without_a_request_that_needs_it() {
    on_runtime(async {
        let machine = Machine::new(TestReply::status(500, ""), "").await;
        machine.shown().await;
        *machine.folder.lock().unwrap() = TestReply::status(200, "b1gfolder");
        while machine.questions() < 2 {
            machine.clock.advance(secs(1));
            tokio::task::yield_now().await;
        }
        while machine.model().await.status != 200 {}
    });
}
