//! The directories and values of the metadata service.

use crate::common::{FLAVOR, metadata_url, token_url};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, call, get, post};
use yandex_cloud_emulator::{Emulator, Fault, MetadataOption};

async fn at(emulator: &Emulator, path: &str) -> Response {
    get(&metadata_url(emulator, path), &[FLAVOR]).await
}

/// A path outside `computeMetadata`, without the header.
async fn bare(emulator: &Emulator, path: &str) -> Response {
    get(&format!("http://{}{path}", emulator.metadata_addr()), &[]).await
}

async fn machine() -> Emulator {
    let builder = Emulator::builder().folder_id("b1gfolder").cloud_id("b1gcloud");
    builder.service_account_id("ajeaccount").start().await.unwrap()
}

#[tokio::test]
async fn a_directory_is_the_list_of_its_names() {
    let emulator = machine().await;
    for (path, text) in [
        ("", "instance/\nproject/\nyandex/\n"),
        (
            "instance/",
            "attributes/\ndescription\ndisks/\nhostname\nid\nmaintenance-event\nname\nnetwork-interfaces/\n\
             service-accounts/\ntags\nvendor/\nvirtual-clock/\nzone\n",
        ),
        ("instance/attributes/", "enable-oslogin\nserial-port-enable\nuser-data\n"),
        ("instance/disks/", "0/\n"),
        ("instance/disks/0/", "device-name\nindex\nmode\ntype\n"),
        (
            "instance/network-interfaces/0/",
            "access-configs/\nforwarded-ips/\nip\nmac\nnetwork\ntarget-instance-ips/\n",
        ),
        ("instance/network-interfaces/0/access-configs/0/", "external-ip\ntype\n"),
        ("instance/service-accounts/", "default/\najeaccount/\n"),
        ("instance/service-accounts/default/", "aliases\nemail\nscopes\ntoken\n"),
        ("instance/vendor/", "cloud-id\nenvironment\nfolder-id\nidentity/\nlabels/\n"),
        ("instance/vendor/identity/", "base64\ndocument\ndsa\nrsa\n"),
        ("project/", ""),
        ("yandex/", "folder-id\n"),
    ] {
        for path in [path, path.trim_end_matches('/')] {
            let reply = at(&emulator, path).await;
            assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, text), "{path}");
            assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8", "{path}");
            assert_eq!(reply.header("metadata-flavor"), "Google", "{path}");
        }
    }
}

#[tokio::test]
async fn a_value_is_bare_text() {
    let emulator = machine().await;
    for (path, text) in [
        ("instance/disks/0/mode", "READ_WRITE"),
        ("instance/disks/0/index", "0"),
        ("instance/maintenance-event", "NONE"),
        ("instance/hostname", "fhmfake0emulator0vm0.auto.internal"),
        ("instance/network-interfaces/0/access-configs/0/type", "ONE_TO_ONE_NAT"),
        ("instance/service-accounts/default/email", "ajeaccount"),
        ("instance/service-accounts/ajeaccount/aliases", "default"),
        ("instance/vendor/environment", "ru-central1"),
        ("instance/zone", "projects/b1gfolder/zones/ru-central1-a"),
        ("instance/attributes/serial%2Dport%2denable", "0"),
    ] {
        let reply = at(&emulator, path).await;
        assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, text), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
    for path in ["instance/zone/", "instance/zone/x", "instance/disks/1/", "universe/universe-domain", "%ff"]
    {
        let reply = at(&emulator, path).await;
        assert!(reply.status.is_client_error(), "{path}: {}", reply.status);
    }
}

#[tokio::test]
async fn a_recursive_directory_is_json_with_the_documented_fields() {
    let emulator = machine().await;
    let reply = at(&emulator, "instance/?recursive=true").await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
    let instance = reply.json();
    let fields: Vec<&String> = instance.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "attributes",
            "description",
            "disks",
            "hostname",
            "id",
            "maintenanceEvent",
            "name",
            "networkInterfaces",
            "serviceAccounts",
            "tags",
            "vendor",
            "virtualClock",
            "zone",
        ]
    );
    assert_eq!(instance["attributes"]["enable-oslogin"], "false");
    let disk = json!([{ "deviceName": "fhmfake0emulator0dsk", "index": 0, "mode": "READ_WRITE", "type": "PERSISTENT" }]);
    assert_eq!(instance["disks"], disk);
    assert_eq!(instance["id"], "fhmfake0emulator0vm0");
    let interface = &instance["networkInterfaces"][0];
    assert_eq!(
        interface["accessConfigs"],
        json!([{ "externalIp": "203.0.113.10", "type": "ONE_TO_ONE_NAT" }])
    );
    assert_eq!((&interface["forwardedIps"], &interface["targetInstanceIps"]), (&json!([]), &json!([])));
    assert_eq!(instance["tags"], json!([]));
    assert_eq!(
        (&instance["vendor"]["cloudId"], &instance["vendor"]["folderId"]),
        (&json!("b1gcloud"), &json!("b1gfolder"))
    );
    assert_eq!(instance["vendor"]["labels"], json!({}));
    assert!(instance["virtualClock"]["driftToken"].is_string());
    // A string that is JSON.
    let document: Value =
        serde_json::from_str(instance["vendor"]["identity"]["document"].as_str().unwrap()).unwrap();
    assert_eq!(document["instanceId"], instance["id"]);
    assert!(!reply.text().contains("t1."), "no token among the values");
    assert_eq!(emulator.counters().tokens_issued(), 0);

    let account = json!({
        "aliases": ["default"], "email": "ajeaccount", "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    });
    assert_eq!(at(&emulator, "instance/service-accounts/default/?recursive=true").await.json(), account);
    assert_eq!(instance["serviceAccounts"], json!({ "default": account, "ajeaccount": account }));
    let whole = at(&emulator, "?recursive=true").await.json();
    assert_eq!((&whole["project"], &whole["yandex"]), (&json!({}), &json!({ "folderId": "b1gfolder" })));

    let emulator = Emulator::builder().attach_service_account(false).start().await.unwrap();
    assert_eq!(at(&emulator, "instance/?recursive=true").await.json()["serviceAccounts"], json!({}));
}

#[tokio::test]
async fn alt_chooses_between_text_and_json() {
    let emulator = machine().await;
    for (path, json) in [
        ("instance/id?alt=json", json!("fhmfake0emulator0vm0")),
        ("instance/disks/0/index?alt=json", json!(0)),
        ("instance/disks/?alt=json", json!(["0/"])),
        ("instance/tags?alt=json", json!([])),
        ("instance/disks/0/index?recursive=true", json!(0)),
        (
            "instance/disks/0/?recursive=TRUE&alt=json&unknown=1",
            json!({
                "deviceName": "fhmfake0emulator0dsk", "index": 0, "mode": "READ_WRITE", "type": "PERSISTENT",
            }),
        ),
    ] {
        let reply = at(&emulator, path).await;
        assert_eq!((reply.header("content-type"), reply.json()), ("application/json", json), "{path}");
    }
    for (path, text) in [
        ("instance/id?alt=text", "fhmfake0emulator0vm0"),
        ("instance/disks/?alt=text&recursive=false", "0/\n"),
        (
            "instance/disks/?alt=text&recursive=true",
            "0/device-name fhmfake0emulator0dsk\n0/index 0\n0/mode READ_WRITE\n0/type PERSISTENT\n",
        ),
    ] {
        let reply = at(&emulator, path).await;
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8", "{path}");
        assert_eq!(reply.text(), text, "{path}");
    }
    for query in [
        "alt=xml",
        "recursive=1",
        "wait_for_change=yes",
        "wait_for_change=true&timeout_sec=x",
        "alt=json&alt=text",
    ] {
        let reply = at(&emulator, &format!("instance/id?{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn the_ec2_tree_needs_no_header() {
    let emulator = machine().await;
    for (path, text) in [
        (
            "/latest/meta-data/",
            "hostname\ninstance-id\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\npublic-ipv4\n",
        ),
        (
            "/latest/meta-data",
            "hostname\ninstance-id\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\npublic-ipv4\n",
        ),
        ("/latest/meta-data/instance-id", "fhmfake0emulator0vm0"),
        ("/latest/meta-data/network/interfaces/macs/", "d0:0d:00:00:00:01/\n"),
        ("/latest/meta-data/network/interfaces/macs/d0:0d:00:00:00:01/local-ipv4s", "10.128.0.10"),
        ("/latest/user-data", "#cloud-config\nhostname: fake-emulator\n"),
        ("/latest/user-data/", "#cloud-config\nhostname: fake-emulator\n"),
        ("/latest/vendor/instance-identity/", "base64\ndocument\ndsa\nrsa\n"),
    ] {
        let reply = bare(&emulator, path).await;
        assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, text), "{path}");
    }
    let document = bare(&emulator, "/latest/vendor/instance-identity/document").await;
    assert_eq!(document.body, at(&emulator, "instance/vendor/identity/document").await.body);
    assert_eq!(bare(&emulator, "/latest/dynamic").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_root_answers_a_client_that_looks_for_the_service() {
    let emulator = machine().await;
    let reply = bare(&emulator, "/").await;
    assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, "computeMetadata/\nlatest/\n"));
    assert_eq!(reply.header("metadata-flavor"), "Google");
    let reply = call("HEAD", &token_url(&emulator), &[FLAVOR], "").await;
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0));
    let path = "GET /computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!((emulator.counters().route("GET /"), emulator.counters().route(path)), (1, 1));
}

#[tokio::test]
async fn every_answer_has_the_flavor() {
    let emulator = machine().await;
    let root = format!("http://{}/", emulator.metadata_addr());
    for (reply, status) in [
        (bare(&emulator, "/computeMetadata/v1/").await, StatusCode::FORBIDDEN),
        (bare(&emulator, "/nothing").await, StatusCode::NOT_FOUND),
        (at(&emulator, "nothing").await, StatusCode::NOT_FOUND),
        (at(&emulator, "?alt=xml").await, StatusCode::BAD_REQUEST),
        (call("POST", &root, &[], "").await, StatusCode::METHOD_NOT_ALLOWED),
        (get(&root, &[("origin", "http://page.example")]).await, StatusCode::FORBIDDEN),
        (get(&root, &[("host", "page.example")]).await, StatusCode::FORBIDDEN),
        (get(&root, &[FLAVOR, ("x-forwarded-for", "192.0.2.1")]).await, StatusCode::FORBIDDEN),
        (get(&root, &[FLAVOR, ("via", "1.1 proxy")]).await, StatusCode::FORBIDDEN),
        (get(&root, &[FLAVOR, ("sec-fetch-site", "none")]).await, StatusCode::FORBIDDEN),
    ] {
        assert_eq!((reply.status, reply.header("metadata-flavor")), (status, "Google"), "{}", reply.text());
    }
    emulator.faults().add(Fault::status(503).times(1));
    let reply = at(&emulator, "instance/id").await;
    assert_eq!((reply.status, reply.header("metadata-flavor")), (StatusCode::SERVICE_UNAVAILABLE, "Google"));
}

#[tokio::test]
async fn an_option_that_is_off_is_a_400() {
    let emulator = Emulator::builder()
        .metadata_option(MetadataOption::GceHttpToken, false)
        .metadata_option(MetadataOption::AwsV1HttpEndpoint, false)
        .start()
        .await
        .unwrap();
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(at(&emulator, "instance/id").await.status, StatusCode::OK);
    assert_eq!(bare(&emulator, "/latest/meta-data/").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(emulator.counters().tokens_issued(), 0);

    emulator.set_metadata_option(MetadataOption::GceHttpToken, true);
    emulator.set_metadata_option(MetadataOption::AwsV1HttpEndpoint, true);
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::OK);
    assert_eq!(bare(&emulator, "/latest/meta-data/iam/").await.status, StatusCode::BAD_REQUEST);
    emulator.set_metadata_option(MetadataOption::AwsV1HttpToken, true);
    assert_eq!(bare(&emulator, "/latest/meta-data/iam/").await.status, StatusCode::NOT_FOUND);

    emulator.set_metadata_option(MetadataOption::GceHttpEndpoint, false);
    for path in ["", "instance/id", "instance/service-accounts/default/token", "nothing"] {
        assert_eq!(at(&emulator, path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(bare(&emulator, "/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_processes_change_attributes_and_options() {
    let emulator = Emulator::builder().metadata_attribute("colour", "red").start().await.unwrap();
    let url = |path: &str| format!("{}/_emulator/{path}", emulator.api_url());
    assert_eq!(at(&emulator, "instance/attributes/colour").await.text(), "red");

    let change = json!({ "colour": "green", "user-data": null });
    let state = post(&url("metadata/attributes"), &[], &change).await.json();
    assert_eq!(
        state["attributes"],
        json!({ "colour": "green", "enable-oslogin": "false", "serial-port-enable": "0" })
    );
    assert_eq!(at(&emulator, "instance/attributes/colour").await.text(), "green");
    assert_eq!(bare(&emulator, "/latest/user-data").await.status, StatusCode::NOT_FOUND);

    let state = post(&url("metadata/options"), &[], &json!({ "gce-http-token": false })).await.json();
    assert_eq!(state["options"]["gce-http-token"], false);
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::BAD_REQUEST);

    let large = "x".repeat(600 << 10);
    for (path, body) in [
        ("metadata/options", json!({ "gce-http-token": true, "other": true })),
        ("metadata/options", json!({ "gce-http-token": "enabled" })),
        ("metadata/attributes", json!({ "a/b": "c" })),
        ("metadata/attributes", json!({ "": "c" })),
        ("metadata/attributes", json!({ "blue": "c", "large": large })),
    ] {
        assert_eq!(post(&url(path), &[], &body).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(at(&emulator, "instance/attributes/blue").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::BAD_REQUEST);

    emulator.reset();
    assert_eq!(at(&emulator, "instance/attributes/colour").await.text(), "red");
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::OK);
}
