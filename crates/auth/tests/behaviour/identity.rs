//! What each method knows about its subject.

use crate::support::{
    API_KEY, IAM_TOKEN, METADATA_ANSWER, OAUTH_TOKEN, TestSystem, YC_TOKEN, cloud, exchanged, words,
};
use test_support::wait::secs;
use yandex_cloud_auth::system::HttpFault;
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, HeaderOptions, IamTokenAuth, Identity, IdentityField, MetadataAuth, Method,
    NoAuth, OAuthTokenAuth, YandexCloudCliAuth,
};

fn identity_of(credentials: &Credentials) -> Identity {
    credentials.blocking().identity(HeaderOptions::new()).unwrap()
}

#[test]
fn a_remark_says_that_a_credential_is_opaque() {
    let test_system = TestSystem::new().answering(cloud(exchanged()));
    for (credentials, remark) in [
        (test_system.with(ApiKeyAuth::new(API_KEY).unwrap()), "the owner of an API key cannot be determined"),
        (
            test_system.with(IamTokenAuth::new(IAM_TOKEN).unwrap()),
            "the owner of an IAM token cannot be determined",
        ),
        (
            test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()),
            "a Yandex account: the owner of an OAuth token cannot be determined",
        ),
        (test_system.with(NoAuth::new()), "no identity: requests carry no credentials"),
    ] {
        let identity = identity_of(&credentials);
        assert_eq!(Some(identity.method), credentials.method());
        assert_eq!((&identity.subject_id, &identity.folder_id), (&None, &None));
        assert_eq!(identity.remarks, [remark]);
        let shown = format!("{identity:?}");
        assert!(![API_KEY, IAM_TOKEN, OAUTH_TOKEN].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}

#[test]
fn the_metadata_service_gives_the_folder_and_the_cloud() {
    let tree = |cloud: TestReply| {
        TestSystem::new().answering(move |request, _| match request.uri().path() {
            "/computeMetadata/v1/yandex/folder-id" => TestReply::status(200, "b1gfake0folder\n"),
            "/computeMetadata/v1/instance/vendor/cloud-id" => cloud.clone(),
            _ => TestReply::status(200, METADATA_ANSWER),
        })
    };
    let whole = tree(TestReply::status(200, "b1gfake0cloud"));
    let identity = identity_of(&whole.automatic());
    assert_eq!(identity.method, Method::Metadata);
    assert_eq!(identity.folder_id.as_deref(), Some("b1gfake0folder"));
    assert_eq!(identity.cloud_id.as_deref(), Some("b1gfake0cloud"));
    assert!(identity.expires_at.is_some());
    assert_eq!(identity.remarks, ["the service account of the machine"]);

    let without = tree(TestReply::status(404, ""));
    let identity = identity_of(&without.with(MetadataAuth::new()));
    assert_eq!((identity.folder_id.as_deref(), identity.cloud_id.as_deref()), (Some("b1gfake0folder"), None));
    assert!(identity.remarks[1].contains("no cloud"), "{identity:?}");
    assert_eq!(identity.unanswered, [], "404 is an answer");
}

#[test]
fn a_field_whose_source_gives_no_answer_is_told_from_one_that_the_source_does_not_have() {
    let no_answer = [
        TestReply::status(500, "oops"),
        TestReply::status(429, ""),
        TestReply::status(403, ""),
        TestReply::status(200, ""),
        TestReply::status(200, "<html>"),
        TestReply::Fail(HttpFault::Unreachable),
        TestReply::Fail(HttpFault::ConnectTimeout),
        TestReply::Fail(HttpFault::Malformed),
    ];
    for reply in no_answer {
        for configured in [true, false] {
            let (failing, test_system) = (reply.clone(), TestSystem::new());
            let test_system = match configured {
                true => test_system.set(MetadataAuth::VARIABLE, "127.0.0.1:1"),
                false => test_system,
            };
            let test_system = test_system.answering(move |request, _| match request.uri().path() {
                "/computeMetadata/v1/yandex/folder-id" => failing.clone(),
                "/computeMetadata/v1/instance/vendor/cloud-id" => TestReply::status(404, ""),
                _ => TestReply::status(200, METADATA_ANSWER),
            });
            let identity = identity_of(&test_system.with(MetadataAuth::new()));
            assert_eq!(identity.unanswered, [IdentityField::Folder], "{reply:?} {configured}");
            assert_eq!((identity.folder_id, identity.cloud_id), (None, None));
        }
    }
}

#[test]
fn the_variable_gives_the_folder_if_the_method_does_not_know_it() {
    let test_system = TestSystem::new().set("YC_FOLDER_ID", "b1gfake0variable");
    let identity = identity_of(&test_system.with(ApiKeyAuth::new(API_KEY).unwrap()));
    assert_eq!(identity.folder_id.as_deref(), Some("b1gfake0variable"));
    assert_eq!(identity.remarks[1], "the folder is from YC_FOLDER_ID");
}

#[test]
fn yc_gives_the_folder_of_its_profile() {
    let test_system = TestSystem::new().with_yc(|command| match &words(command)[..] {
        ["config", "get", "folder-id", ..] => TestRun::prints("b1gfake0folder\n"),
        ["config", "get", "cloud-id", ..] => TestRun::Exit(1, String::new(), "no such key".to_owned()),
        _ => TestRun::prints(YC_TOKEN),
    });
    let identity = identity_of(&test_system.with(YandexCloudCliAuth::new()));
    assert_eq!((identity.folder_id.as_deref(), identity.cloud_id.as_deref()), (Some("b1gfake0folder"), None));
    assert!(identity.remarks[1].contains("no such key"), "{:?}", identity.remarks);
    assert_eq!(identity.unanswered, [], "a yc that ends with an error has answered");

    let test_system = TestSystem::new().with_yc(|command| match &words(command)[..] {
        ["config", "get", "folder-id", ..] => TestRun::Fail(std::io::ErrorKind::OutOfMemory),
        ["config", "get", ..] => TestRun::prints(""),
        _ => TestRun::prints(YC_TOKEN),
    });
    let identity = identity_of(&test_system.with(YandexCloudCliAuth::new()));
    assert_eq!(identity.unanswered, [IdentityField::Folder]);
}

#[test]
fn an_identity_needs_a_token_and_does_not_wait_past_its_deadline() {
    let error = TestSystem::new().automatic().blocking().identity(HeaderOptions::new()).unwrap_err();
    assert!(error.report().is_some(), "{error}");
    let hangs = TestSystem::new().answering(|request, _| match request.uri().path() {
        "/computeMetadata/v1/yandex/folder-id" => TestReply::Silence,
        _ => TestReply::status(200, METADATA_ANSWER),
    });
    let credentials = hangs.with(MetadataAuth::new());
    credentials.blocking().header().unwrap();
    let asked = std::thread::spawn(move || {
        credentials.blocking().identity(HeaderOptions::new().deadline(secs(2))).unwrap()
    });
    hangs.clock.wait_for_sleepers(1);
    hangs.clock.advance(secs(2));
    let identity = asked.join().unwrap();
    assert_eq!(identity.remarks, ["no response about the subject in time"]);
    assert!(identity.unanswered.contains(&IdentityField::Folder));
}
