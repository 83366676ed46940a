//! What surrounds the program in a scenario: the services and their replies, the tokens that they gave, and who asked
//! when.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use test_support::virtual_time::VirtualTime;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use yandex_cloud_auth::system::{
    BoxFuture, Clock, Command, CommandOutput, HttpError, HttpFault, HttpOptions, HttpTransport, Now,
    Processes,
};

use super::format::{Fault, Reply, Scenario, Service, TokenNumber};

/// The surroundings. Clones share the state.
#[derive(Clone)]
pub(super) struct World {
    pub(super) time: VirtualTime,
    run: usize,
    scenario: Arc<Scenario>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    used: BTreeMap<(Service, usize), u32>,
    requests: Vec<(Service, f64)>,
    /// How many requests of a process to a service are under way.
    under_way: BTreeMap<(String, Service), usize>,
    tokens: BTreeMap<u64, Option<Now>>,
    last_token: u64,
    suspended: f64,
    broken_laws: Vec<String>,
}

/// One process of the scenario, as its transport and its programs see it.
#[derive(Clone)]
pub(super) struct OfProcess {
    pub(super) world: World,
    pub(super) process: String,
}

/// What is done about one request.
struct Served {
    reply: Reply,
    _under_way: UnderWay,
}

struct UnderWay {
    world: World,
    key: (String, Service),
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(count) = self.world.state().under_way.get_mut(&self.key) {
            *count -= 1;
        }
    }
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

impl World {
    /// `run` makes the tokens of this run different from those of every other one.
    pub(super) fn new(scenario: &Scenario, run: usize, jitter: f64) -> Self {
        let (scenario, time) = (Arc::new(scenario.clone()), VirtualTime::new(jitter));
        Self { time, run, scenario, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn elapsed(&self) -> f64 {
        self.time.elapsed().as_secs_f64()
    }

    /// What all tokens of this run have in them, and nothing else has.
    pub(super) fn token_mark(&self) -> String {
        format!("FAKE-{}-", self.run)
    }

    /// The text of a token: of the documented shape, and different in each run.
    pub(super) fn token_text(&self, number: u64) -> String {
        format!("t1.{}{number}-.{:x<86}", self.token_mark(), "FAKE-signature-")
    }

    /// The number of the token in a header.
    pub(super) fn token_number(&self, text: &str) -> Option<u64> {
        let number =
            text.strip_prefix("t1.")?.strip_prefix(&self.token_mark())?.split('-').next()?.parse().ok()?;
        (self.token_text(number) == text).then_some(number)
    }

    /// Whether a token may be sent now. Its issuer has told its life; a token of a file or variable has none.
    pub(super) fn is_alive(&self, number: u64) -> bool {
        let end = self.state().tokens.get(&number).copied().flatten();
        end.is_none_or(|end| self.time.clock.now().is_before(&end))
    }

    pub(super) fn broken_laws(&self) -> Vec<String> {
        self.state().broken_laws.clone()
    }

    /// When a service was asked.
    pub(super) fn requests(&self, service: Service) -> Vec<f64> {
        self.state().requests.iter().filter(|(asked, _)| *asked == service).map(|(_, at)| *at).collect()
    }

    pub(super) fn asked_services(&self) -> Vec<Service> {
        self.state().requests.iter().map(|(service, _)| *service).collect()
    }

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.state().under_way.values().sum()
    }

    /// Records that the machine was suspended: the servers were not.
    pub(super) fn suspended(&self, duration: f64) {
        self.state().suspended += duration;
    }

    /// The time of the servers: true time, which no setting of a clock changes, and how far they are off.
    fn server_time(&self) -> OffsetDateTime {
        let start = yandex_cloud_auth::testing::TestClock::new().now().wall.as_secs_f64();
        let at = start + self.elapsed() + self.state().suspended + self.scenario.server_clock;
        OffsetDateTime::from_unix_timestamp_nanos((at * 1e9) as i128).unwrap()
    }

    /// A text with its placeholders replaced.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, placeholder) = rest.split_at(at);
            let end = placeholder.find('}').expect("a placeholder has an end");
            expanded.push_str(before);
            expanded.push_str(&self.placeholder(&placeholder[2..end]));
            rest = &placeholder[end + 1..];
        }
        expanded.push_str(rest);
        expanded
    }

    fn placeholder(&self, name: &str) -> String {
        let (kind, argument) = name.split_once(':').unwrap_or((name, ""));
        let later = || self.server_time() + time::Duration::seconds_f64(argument.parse().unwrap());
        match kind {
            "token" => self.token_text(argument.parse().unwrap()),
            "half-of-token" => {
                let text = self.token_text(argument.parse().unwrap());
                text[..text.len() / 2].to_owned()
            }
            "key" => crate::service_account_key::KEY.clone(),
            "subject" => "eyJhbGciOiJSUzI1NiJ9.e30.FAKE".to_owned(),
            "time" => later().format(&Rfc3339).unwrap(),
            "date" => http_date(later()),
            "spaces" => " ".repeat(argument.parse().unwrap()),
            _ => panic!("there is no placeholder `{name}`"),
        }
    }

    fn begin(&self, service: Service, process: &str) -> Served {
        let at = self.elapsed();
        let mut state = self.state();
        state.requests.push((service, at));
        let key = (process.to_owned(), service);
        let count = state.under_way.entry(key.clone()).or_default();
        *count += 1;
        if *count > 1 {
            let broken = format!("law 3: {count} requests to {service:?} at once, at {at} s");
            state.broken_laws.push(broken);
        }
        let rules = self.scenario.traffic.get(&service).map_or(&[][..], Vec::as_slice);
        let applies = |(index, rule): &(usize, &Reply)| {
            let used = state.used.get(&(service, *index)).copied().unwrap_or_default();
            rule.until.is_none_or(|until| at < until) && rule.times.is_none_or(|times| used < times)
        };
        let reply = match rules.iter().enumerate().find(applies) {
            Some((index, rule)) => {
                let reply = rule.clone();
                *state.used.entry((service, index)).or_default() += 1;
                reply
            }
            None if rules.is_empty() && service == Service::Discovery => body(DISCOVERY),
            None => {
                state.broken_laws.push(format!("no reply of {service:?} is left, at {at} s"));
                Reply { fault: Some(Fault::Unreachable), body: None, ..body("") }
            }
        };
        drop(state);
        Served { reply, _under_way: UnderWay { world: self.clone(), key } }
    }

    /// The body with the token of a reply, and the number of the token. The life begins now.
    fn issue(&self, service: Service, number: &TokenNumber, life: Option<f64>) -> String {
        let number = match number {
            TokenNumber::Number(number) => *number,
            TokenNumber::Word(word) => {
                assert_eq!(word, "next", "a token is a number or `next`");
                self.state().last_token + 1
            }
        };
        let end = life.map(|life| self.time.clock.now() + seconds(life));
        {
            let mut state = self.state();
            state.last_token = state.last_token.max(number);
            state.tokens.insert(number, end);
        }
        let (text, expiry) =
            (self.token_text(number), life.map(|life| self.placeholder(&format!("time:{life}"))));
        let body = match service {
            Service::Metadata | Service::Authorization => {
                serde_json::json!({ "access_token": text, "expires_in": life, "token_type": "Bearer" })
            }
            Service::Iam | Service::Impersonate => {
                serde_json::json!({ "iamToken": text, "expiresAt": expiry })
            }
            Service::Yc => serde_json::json!({ "iam_token": text, "expires_at": expiry }),
            Service::Discovery | Service::Revoke | Service::Issuer => panic!("{service:?} gives no token"),
        };
        body.to_string()
    }
}

const DISCOVERY: &str = r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#;

fn body(text: &str) -> Reply {
    serde_json::from_value(serde_json::json!({ "body": text })).unwrap()
}

fn http_date(at: OffsetDateTime) -> String {
    // RFC 2822 and the date of HTTP differ in the name of the zone.
    at.replace_nanosecond(0).unwrap().format(&Rfc2822).unwrap().replace("+0000", "GMT")
}

impl OfProcess {
    fn service(request: &Request<Vec<u8>>) -> Service {
        match (request.uri().host().unwrap_or_default(), request.uri().path()) {
            ("issuer.example", _) => Service::Issuer,
            (_, "/endpoints") => Service::Discovery,
            (_, "/iam/v1/tokens") => Service::Iam,
            (_, "/iam/v1/tokens:revoke") => Service::Revoke,
            (_, "/iam/v1/tokens:createForServiceAccount") => Service::Impersonate,
            (_, "/oauth/token") => Service::Authorization,
            (_, path) if path.starts_with("/computeMetadata/") => Service::Metadata,
            _ => panic!("nobody expects a request to {}", request.uri()),
        }
    }
}

impl HttpTransport for OfProcess {
    fn send(
        &self,
        request: Request<Vec<u8>>,
        options: HttpOptions,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, HttpError>> {
        let service = Self::service(&request);
        let served = self.world.begin(service, &self.process);
        Box::pin(async move {
            let (world, reply) = (&self.world, &served.reply);
            let clock = &world.time.clock;
            clock.sleep(seconds(reply.after)).await;
            if reply.silence {
                std::future::pending::<()>().await;
            }
            if let Some(fault) = reply.fault {
                if let Fault::ConnectTimeout = fault {
                    clock.sleep(options.connect_timeout).await;
                }
                return Err(HttpError::new(http_fault(fault), format!("{fault:?} (scenario)")));
            }
            let text = match &reply.token {
                Some(number) => world.issue(service, number, reply.life),
                None => world.expand(reply.body.as_deref().unwrap_or_default()),
            };
            let mut response = Response::builder().status(reply.status.unwrap_or(200));
            if !matches!(service, Service::Metadata) {
                response = response.header("date", world.placeholder("date:0"));
            }
            for (name, value) in &reply.headers {
                response = response.header(name, world.expand(value));
            }
            if let Some(pause) = reply.drip {
                clock.sleep(seconds(pause * text.len() as f64)).await;
            }
            Ok(response.body(text.into_bytes()).unwrap())
        })
    }
}

fn http_fault(fault: Fault) -> HttpFault {
    match fault {
        Fault::ConnectTimeout => HttpFault::ConnectTimeout,
        Fault::ConnectRefused => HttpFault::ConnectRefused,
        Fault::Unreachable => HttpFault::Unreachable,
        Fault::NameResolution => HttpFault::NameResolution,
        Fault::Tls => HttpFault::Tls,
        Fault::Reset => HttpFault::Interrupted,
        Fault::Malformed => HttpFault::Malformed,
        Fault::TooLarge => HttpFault::TooLarge,
    }
}

impl Processes for OfProcess {
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
        if command.arguments.first().is_some_and(|word| word == "config") {
            let endpoint = self.world.scenario.environment.yc_endpoint.clone();
            return Box::pin(
                async move { Ok(CommandOutput::new(Some(0), endpoint.into_bytes(), Vec::new())) },
            );
        }
        let served = self.world.begin(Service::Yc, &self.process);
        Box::pin(async move {
            let (world, reply) = (&self.world, &served.reply);
            world.time.clock.sleep(seconds(reply.after)).await;
            if reply.silence {
                std::future::pending::<()>().await;
            }
            if reply.fault.is_some() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let stdout = match &reply.token {
                Some(number) => world.issue(Service::Yc, number, reply.life),
                None => world.expand(reply.stdout.as_deref().unwrap_or_default()),
            };
            let stderr = reply.stderr.clone().unwrap_or_default();
            Ok(CommandOutput::new(Some(reply.exit.unwrap_or(0)), stdout.into_bytes(), stderr.into_bytes()))
        })
    }
}
