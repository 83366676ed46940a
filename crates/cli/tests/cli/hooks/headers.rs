//! `headers`: for MCP clients.

use serde_json::json;
use yandex_cloud_emulator::Emulator;

use super::{TOKEN, on_machine, one_line, unconfigured, with_token};
use crate::run::{Outcome, yc_auth};

const URL: &str = "https://toolkit.mcp.cloud.yandex.net/mcp";

fn headers(words: &[&str], in_variable: Option<&str>) -> Outcome {
    let run = with_token(&[&["headers"], words].concat());
    match in_variable {
        Some(url) => run.env("CLAUDE_CODE_MCP_SERVER_URL", url).done(),
        None => run.done(),
    }
}

#[test]
fn the_url_is_in_the_flag_or_in_the_variable() {
    let expected = json!({"Authorization": format!("Bearer {TOKEN}")});
    assert_eq!(headers(&["--url", URL], None).json(), expected);
    assert_eq!(headers(&[], Some(URL)).json(), expected);
    assert_eq!(
        headers(&["--url", URL], Some("https://toolkit.mcp.cloud.yandex.net:443/other")).json(),
        expected
    );
    assert_eq!(headers(&["--url", URL], Some("")).json(), expected);
    for (words, in_variable, reason) in [
        (&[][..], None, "the URL that the headers are for is missing"),
        (&[], Some(""), "the URL that the headers are for is missing"),
        (&["--url", URL], Some("https://search.mcp.cloud.yandex.net/mcp"), "names another server"),
        (&["--url", URL], Some("https://evil.example/mcp"), "not Yandex Cloud's"),
        (
            &["--url", "https://evil.example/?t1.FAKE-in-a-query"],
            None,
            "--url: https://evil.example: the header",
        ),
        (&["--url", "http://toolkit.mcp.cloud.yandex.net/mcp"], None, "in plain text"),
        (&["--url", "https://toolkit.mcp.cloud.yandex.net@evil.example/"], None, "not a URL"),
        (&["--url", "toolkit.mcp.cloud.yandex.net"], None, "not a URL"),
        (&["--url", ""], None, "not a URL"),
    ] {
        let outcome = headers(words, in_variable);
        let line = one_line(&outcome, 4);
        assert!(line.contains(reason) && !line.contains("FAKE"), "{words:?}: {line}");
    }
    let added = headers(&["--url", "https://gate.example/mcp", "--host", "gate.example"], None);
    assert_eq!(added.json(), expected);
}

#[test]
fn an_mcp_server_gets_the_folder_where_it_is_known() {
    let cloud = Emulator::builder().folder_id("b1gfake0folder").start_in_thread().unwrap();
    let words = ["headers", "--mcp", "--url", URL];
    let answer = on_machine(&cloud, &words).done().json();
    assert_eq!(answer["Folder-Id"], "b1gfake0folder");
    assert!(answer["Authorization"].as_str().unwrap().starts_with("Bearer t1."));
    let answer = on_machine(&cloud, &words).env("YC_FOLDER_ID", "b1gfake0other").done().json();
    assert_eq!(answer["Folder-Id"], "b1gfake0other", "the variable wins");
    let named = [&words[..], &["--folder-id", "b1gfake0named"]].concat();
    let answer = on_machine(&cloud, &named).env("YC_FOLDER_ID", "b1gfake0other").done().json();
    assert_eq!(answer["Folder-Id"], "b1gfake0named", "the option wins over both");
    let named = [&words[..], &["--folder-id", "t1.FAKE-pasted.token"]].concat();
    assert!(
        one_line(&with_token(&named).done(), 4).starts_with("error: --folder-id: the value is not the id")
    );
    let answer = on_machine(&cloud, &["headers", "--url", URL]).done().json();
    assert_eq!(answer.get("Folder-Id"), None);
    assert_eq!(with_token(&words).done().json(), json!({"Authorization": format!("Bearer {TOKEN}")}));
    let outcome = with_token(&words).secret("YC_FOLDER_ID", "t1.FAKE-pasted.token").done();
    assert!(one_line(&outcome, 4).contains("YC_FOLDER_ID"), "{outcome:?}");
}

#[test]
fn other_credentials_and_none() {
    let words = ["headers", "--url", URL];
    let key = yc_auth(words).secret("YC_API_KEY", "AQVN-fake").done();
    assert_eq!(key.json(), json!({"Authorization": "Api-Key AQVN-fake"}));
    assert_eq!(yc_auth(["headers", "--url", URL, "--method", "none"]).done().output(), "{}\n");
    let outcome = unconfigured(&words);
    assert!(one_line(&outcome, 3).contains("no credentials were found"), "{outcome:?}");
}
