//! The scenarios and their measurements: the counters of the library and of the emulator, and its responses.

use std::thread;
use std::time::{Duration, Instant};

use http::HeaderValue;
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, Error, FunctionAuth, HeaderOptions, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, Method, NoAuth, OAuthTokenAuth, ProfileAuth, Report, Scheme,
    ServiceAccountKeyAuth, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};
use yandex_cloud_emulator::{Fault, Service};

use super::checks::{IamOutage, MethodRun, StaleToken};
use super::client::{self, ChatResponse};
use super::fixture::Fixture;
use crate::output::masked;

/// The methods, in the order of the output.
pub(crate) const METHODS: [Method; 13] = [
    Method::ApiKey,
    Method::IamToken,
    Method::OAuthToken,
    Method::ServiceAccountKey,
    Method::WorkloadIdentity,
    Method::TokenFile,
    Method::Metadata,
    Method::EnvIamToken,
    Method::YandexCloudCli,
    Method::Profile,
    Method::Impersonation,
    Method::Function,
    Method::None,
];

const HOUR: Duration = Duration::from_secs(3600);

/// The delay of IAM's response while a token is stale.
const LATENCY: Duration = Duration::from_millis(300);

impl Fixture {
    /// Authenticates with one method, and requests a completion and a streamed one.
    pub(crate) fn run_method(&self, method: Method) -> MethodRun {
        match self.credentials(method) {
            Ok(credentials) => self.run_with(method, &credentials),
            Err(error) => MethodRun {
                method,
                header: Err(error),
                elapsed: Duration::ZERO,
                chat: Err("not requested".to_owned()),
                stream: Err("not requested".to_owned()),
            },
        }
    }

    /// Credentials of one method.
    ///
    /// # Errors
    /// What they need cannot be made.
    pub(crate) fn credentials(&self, method: Method) -> Result<Credentials, String> {
        let text = |error: Error| error.to_string();
        let token = || self.emulator.iam_token().map_err(|error| error.to_string());
        Ok(match method {
            Method::ApiKey => Credentials::from(ApiKeyAuth::new(self.emulator.api_key()).map_err(text)?),
            Method::IamToken => IamTokenAuth::new(token()?).map_err(text)?.into(),
            Method::EnvIamToken => {
                let system = self.system(&[(EnvIamTokenAuth::VARIABLE, &token()?)]);
                return Ok(Credentials::from(EnvIamTokenAuth::new()).with_system(system));
            }
            Method::OAuthToken => {
                let file = self.file("oauth-token", self.emulator.oauth_token());
                OAuthTokenAuth::from_file(file.map_err(|error| error.to_string())?).into()
            }
            Method::ServiceAccountKey => {
                let key = self.emulator.service_account_key().map_err(|error| error.to_string())?;
                ServiceAccountKeyAuth::new(key).map_err(text)?.into()
            }
            Method::WorkloadIdentity => {
                let subject = self.emulator.oidc_token().map_err(|error| error.to_string())?;
                let system = self.system(&[
                    ("YC_OIDC_TOKEN", &subject),
                    ("YC_SERVICE_ACCOUNT_ID", self.emulator.service_account_id()),
                    ("YC_OAUTH_ENDPOINT", &self.emulator.api_url()),
                ]);
                return Ok(Credentials::from(WorkloadIdentityAuth::from_env()).with_system(system));
            }
            Method::TokenFile => {
                let file = self.file("token", &token()?).map_err(|error| error.to_string())?;
                TokenFileAuth::new(file).into()
            }
            Method::Profile => {
                let profile = format!("profiles:\n  demo:\n    token: {}\n", self.emulator.oauth_token());
                let file = self.file("config.yaml", &profile).map_err(|error| error.to_string())?;
                ProfileAuth::builder().path(file).profile("demo").build().into()
            }
            Method::Impersonation => {
                ImpersonationAuth::new(self.emulator.impersonated_account_id(), MetadataAuth::new()).into()
            }
            Method::Function => {
                let invocation = serde_json::json!({ "access_token": token()?, "expires_in": 3600 });
                FunctionAuth::parse(invocation.to_string()).map_err(text)?.into()
            }
            Method::Metadata => MetadataAuth::new().into(),
            Method::YandexCloudCli => YandexCloudCliAuth::new().into(),
            Method::None => NoAuth::new().into(),
            other => return Err(format!("the demo does not cover {other}")),
        }
        .with_system(self.system(&[])))
    }

    fn run_with(&self, method: Method, credentials: &Credentials) -> MethodRun {
        let start = Instant::now();
        let snapshot = credentials.blocking().get(HeaderOptions::new());
        let elapsed = start.elapsed();
        let value = snapshot.as_ref().ok().and_then(yandex_cloud_auth::Snapshot::header);
        let header = snapshot.map_err(|error| error.to_string()).map(|snapshot| {
            let scheme = snapshot.scheme().map(Scheme::as_str);
            scheme
                .zip(snapshot.expose_secret())
                .map(|(scheme, secret)| format!("{scheme} {}", masked(secret)))
        });
        MethodRun {
            method,
            header,
            elapsed,
            chat: self.chat(value.as_ref(), false),
            stream: self.chat(value.as_ref(), true),
        }
    }

    fn chat(&self, authorization: Option<&HeaderValue>, stream: bool) -> Result<ChatResponse, String> {
        let model = format!("gpt://{}/yandexgpt/latest", self.emulator.folder_id());
        client::chat(self.emulator.api_addr(), &model, authorization, stream)
            .map_err(|error| error.to_string())
    }

    /// Selects automatically on a system where several methods are available.
    pub(crate) fn run_automatic(&self) -> (Option<Report>, MethodRun) {
        let token = self.emulator.iam_token().unwrap_or_default();
        let system = self.system(&[(EnvIamTokenAuth::VARIABLE, &token)]);
        let credentials = Automatic::new().with_system(system).build();
        let start = Instant::now();
        let selection = credentials.blocking().select();
        let report = match &selection {
            Ok(report) => Some(report.clone()),
            Err(error) => error.report().cloned(),
        };
        let method = credentials.method().unwrap_or(Method::None);
        let elapsed = start.elapsed();
        let run = self.run_with(method, &credentials);
        (report, MethodRun { elapsed: elapsed + run.elapsed, ..run })
    }

    /// Credentials that get their tokens from IAM, and hold the first one.
    ///
    /// # Errors
    /// Where the first token cannot be fetched.
    pub(crate) fn oauth(&self) -> Result<Credentials, Error> {
        let credentials = Credentials::from(OAuthTokenAuth::new(self.emulator.oauth_token())?)
            .with_system(self.system(&[]));
        credentials.blocking().header()?;
        Ok(credentials)
    }

    /// Makes the token stale while IAM is slow, and calls from many threads.
    pub(crate) fn stale_token(&self, credentials: &Credentials) -> StaleToken {
        let (threads, calls_each) = (8, 250);
        let generation = generation(credentials);
        let waited = credentials.counters().waited;
        let requests = self.emulator.counters().requests(Service::Iam);
        self.emulator.faults().add(Fault::latency(LATENCY).on(Service::Iam));
        self.advance(HOUR + Duration::from_secs(300));
        let (mut failed, mut longest) = (0, Duration::ZERO);
        thread::scope(|scope| {
            let callers: Vec<_> =
                (0..threads).map(|_| scope.spawn(|| call(credentials, calls_each))).collect();
            for caller in callers {
                let (failures, slowest) = caller.join().unwrap_or((calls_each, Duration::MAX));
                failed += failures;
                longest = longest.max(slowest);
            }
        });
        let waited = credentials.counters().waited - waited;
        // Not one of the measured calls: it waits until the renewal has ended.
        let _ = credentials.blocking().header_with(HeaderOptions::new().min_ttl(11 * HOUR));
        self.emulator.faults().clear();
        StaleToken {
            calls: threads * calls_each,
            threads,
            failed,
            waited,
            longest,
            latency: LATENCY,
            iam_requests: self.emulator.counters().requests(Service::Iam) - requests,
            generations: (generation, self::generation(credentials)),
        }
    }

    /// Calls while IAM is down for hours, and after its return. The token lives for twelve hours.
    pub(crate) fn iam_outage(&self, credentials: &Credentials, mut progress: impl FnMut(u64)) -> IamOutage {
        let (hours, calls_each) = (10, 100);
        let generation = generation(credentials);
        let failures = credentials.counters().failures;
        self.emulator.faults().add(Fault::status(503).on(Service::Iam));
        let (mut failed, mut waited, mut chats) = (0, 0, (0, 0));
        for hour in 0..hours {
            progress(hour + 1);
            for _ in 0..2 {
                self.advance(HOUR / 2);
                let before = credentials.counters().waited;
                failed += call(credentials, calls_each).0;
                waited += credentials.counters().waited - before;
                let header = credentials.try_header().and_then(Result::ok).flatten();
                chats.0 += 1;
                chats.1 +=
                    u64::from(self.chat(header.as_ref(), false).is_ok_and(|response| response.status == 200));
                // Not one of the measured calls: it waits until the renewal has failed. No token lives for 13 hours.
                let _ = credentials.blocking().header_with(HeaderOptions::new().min_ttl(13 * HOUR));
            }
        }
        let failed_renewals = credentials.counters().failures - failures;
        self.emulator.faults().clear();
        // Longer than the longest back-off between two attempts.
        self.advance(Duration::from_secs(120));
        let renewed = credentials.blocking().header_with(HeaderOptions::new().min_ttl(11 * HOUR));
        let after = match renewed {
            Ok(header) => self.chat(header.as_ref(), false),
            Err(error) => Err(error.to_string()),
        };
        IamOutage {
            hours,
            calls: hours * 2 * calls_each,
            failed,
            waited,
            failed_renewals,
            chats,
            generations: (generation, self::generation(credentials)),
            after,
        }
    }
}

/// Gets the header `times` times; returns the number of failures and the longest duration.
fn call(credentials: &Credentials, times: u64) -> (u64, Duration) {
    let (mut failed, mut longest) = (0, Duration::ZERO);
    for _ in 0..times {
        let start = Instant::now();
        let header = credentials.blocking().header();
        longest = longest.max(start.elapsed());
        failed += u64::from(!matches!(header, Ok(Some(_))));
    }
    (failed, longest)
}

fn generation(credentials: &Credentials) -> u64 {
    credentials.snapshot().map_or(0, |snapshot| snapshot.generation())
}
