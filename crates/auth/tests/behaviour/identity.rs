//! What each method can tell of whom it stands for.

use crate::support::{
    API_KEY, IAM_TOKEN, METADATA_ANSWER, Machine, OAUTH_TOKEN, YC_TOKEN, cloud, exchanged, words,
};
use test_support::wait::secs;
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, HeaderOptions, IamTokenAuth, Identity, MetadataAuth, Method, NoAuth,
    OAuthTokenAuth, YandexCloudCliAuth,
};

fn identity(credentials: &Credentials) -> Identity {
    credentials.blocking().identity(HeaderOptions::new()).unwrap()
}

#[test]
fn what_is_opaque_is_said_to_be() {
    let machine = Machine::new().answering(cloud(exchanged()));
    for (credentials, remark) in [
        (machine.with(ApiKeyAuth::new(API_KEY).unwrap()), "an API key does not say whose it is"),
        (machine.with(IamTokenAuth::new(IAM_TOKEN).unwrap()), "an IAM token does not say whose it is"),
        (
            machine.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()),
            "a Yandex account: an OAuth token does not say whose",
        ),
        (machine.with(NoAuth::new()), "nobody: requests go without credentials"),
    ] {
        let told = identity(&credentials);
        assert_eq!(Some(told.method), credentials.method());
        assert_eq!((&told.subject_id, &told.folder_id), (&None, &None));
        assert_eq!(told.remarks, [remark]);
        let shown = format!("{told:?}");
        assert!(![API_KEY, IAM_TOKEN, OAUTH_TOKEN].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}

#[test]
fn the_metadata_service_tells_the_folder_and_the_cloud_of_the_machine() {
    let tree = |cloud: TestReply| {
        Machine::new().answering(move |request, _| match request.uri().path() {
            "/computeMetadata/v1/yandex/folder-id" => TestReply::status(200, "b1gfake0folder\n"),
            "/computeMetadata/v1/instance/vendor/cloud-id" => cloud.clone(),
            _ => TestReply::status(200, METADATA_ANSWER),
        })
    };
    let whole = tree(TestReply::status(200, "b1gfake0cloud"));
    let told = identity(&whole.automatic());
    assert_eq!(told.method, Method::Metadata);
    assert_eq!(told.folder_id.as_deref(), Some("b1gfake0folder"));
    assert_eq!(told.cloud_id.as_deref(), Some("b1gfake0cloud"));
    assert!(told.expires_at.is_some());
    assert_eq!(told.remarks, ["the service account of the machine"]);

    let without = tree(TestReply::status(404, ""));
    let told = identity(&without.with(MetadataAuth::new()));
    assert_eq!((told.folder_id.as_deref(), told.cloud_id.as_deref()), (Some("b1gfake0folder"), None));
    assert!(told.remarks[1].contains("no cloud"), "{told:?}");
}

#[test]
fn the_folder_of_the_variable_stands_in_where_the_method_knows_none() {
    let machine = Machine::new().set("YC_FOLDER_ID", "b1gfake0variable");
    let told = identity(&machine.with(ApiKeyAuth::new(API_KEY).unwrap()));
    assert_eq!(told.folder_id.as_deref(), Some("b1gfake0variable"));
    assert_eq!(told.remarks[1], "the folder is that of YC_FOLDER_ID");
}

#[test]
fn yc_tells_what_its_profile_is_set_to() {
    let machine = Machine::new().with_yc(|command| match &words(command)[..] {
        ["config", "get", "folder-id", ..] => TestRun::prints("b1gfake0folder\n"),
        ["config", "get", "cloud-id", ..] => TestRun::Exit(1, String::new(), "no such key".to_owned()),
        _ => TestRun::prints(YC_TOKEN),
    });
    let told = identity(&machine.with(YandexCloudCliAuth::new()));
    assert_eq!((told.folder_id.as_deref(), told.cloud_id.as_deref()), (Some("b1gfake0folder"), None));
    assert!(told.remarks[1].contains("no such key"), "{:?}", told.remarks);
}

#[test]
fn why_there_is_no_token_is_the_error_and_a_slow_answer_is_not_waited_for() {
    let error = Machine::new().automatic().blocking().identity(HeaderOptions::new()).unwrap_err();
    assert!(error.report().is_some(), "{error}");
    let hangs = Machine::new().answering(|request, _| match request.uri().path() {
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
    assert_eq!(asked.join().unwrap().remarks, ["no response about the subject in time"]);
}
