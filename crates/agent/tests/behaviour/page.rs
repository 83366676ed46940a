//! `docs/agent.md` is true: its configurations are accepted, its metrics exist, and it has every key. The tests that
//! `SECURITY.md` names exist.

use std::fs;
use std::path::{Path, PathBuf};

use test_support::http_client::get;
use test_support::source_files::source_files;
use test_support::wait::secs;
use yandex_cloud_auth_agent::Config;

use crate::common::free_port;
use crate::kubernetes::{Cluster, on_one_thread};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn page() -> String {
    ["docs/agent.md", "docs/envoy.md", "docs/gateway.md"]
        .map(|name| fs::read_to_string(file(name)).unwrap())
        .join("\n")
}

#[test]
fn every_configuration_is_accepted() {
    let page = page();
    let mut blocks: Vec<_> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    assert!(!blocks.is_empty(), "the page has no configuration");
    let of_unit = fs::read_to_string(file("deploy/systemd/agent.toml")).unwrap();
    let sockets = fs::read_to_string(file("deploy/systemd/yc-auth-agent.socket")).unwrap();
    let sockets: Vec<_> = sockets.lines().filter_map(|line| line.strip_prefix("ListenStream=")).collect();
    assert!(!sockets.is_empty() && sockets.iter().all(|address| of_unit.contains(address)), "{sockets:?}");
    blocks.push(of_unit);
    for block in blocks {
        Config::parse(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

/// The error for an unknown key lists the keys that there are.
#[test]
fn every_key_has_a_row() {
    let page = page();
    let one = "[[identity]]\nname = \"a\"\n";
    let listen = |kind: &str| format!("{one}[[listen]]\nkind = \"{kind}\"\nno-such-key = 1\n");
    let kinds = ["metadata", "oauth", "gateway", "sds", "token-file", "kubernetes-secret", "admin", "probes"];
    let inside = |kind: &str, key: &str| {
        format!("{one}[[listen]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:1\"\n{key}\n")
    };
    let configs = kinds.map(listen).into_iter().chain([
        inside("admin", "limits = { no-such-key = 1 }"),
        inside("admin", "tls = { no-such-key = 1 }"),
        inside("admin", "keys = [{ no-such-key = 1 }]"),
        inside("gateway", "upstream = [{ no-such-key = 1 }]"),
        format!("{one}[[listen]]\nkind = \"sds\"\npath = \"s\"\nsecrets = [{{ no-such-key = 1 }}]\n"),
        format!("{one}no-such-key = 1\n"),
        format!("no-such-key = 1\n{one}"),
        listen("no-such-kind"),
    ]);
    for config in configs {
        let error = Config::parse(&config).unwrap_err().to_string();
        let (_, keys) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
        let keys: Vec<_> = keys.split('`').skip(1).step_by(2).collect();
        assert!(!keys.is_empty(), "{error}");
        for key in keys {
            let is_row = |line: &str| line.starts_with("| ") && line.contains(&format!("`{key}`"));
            assert!(page.lines().any(is_row), "the page has no row of `{key}`");
        }
    }
}

#[test]
fn every_metric_has_a_row() {
    on_one_thread(async {
        let (cluster, port) = (Cluster::new(), free_port());
        let admin = format!("[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n");
        let _agent = cluster.agent_with("a", &admin).await;
        cluster.pass(secs(2)).await;
        let metrics = get(&format!("http://127.0.0.1:{port}/metrics"), &[]).await.text();
        let page = page();
        let mut count = 0;
        for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (family, kind) = line.split_once(' ').unwrap();
            let name = if kind == "counter" { format!("{family}_total") } else { family.to_owned() };
            let is_row = |line: &str| line.starts_with(&format!("| `{name}"));
            assert!(page.lines().any(is_row), "the page has no row of `{name}`");
            count += 1;
        }
        let rows = page.lines().filter(|line| line.starts_with("| `yc_auth_agent_")).count();
        assert_eq!(rows, count, "the page has a metric that does not exist");
    });
}

#[test]
fn every_heading_of_the_agents_part_is_the_text_of_a_message() {
    let page = fs::read_to_string(file("TROUBLESHOOTING.md")).unwrap();
    let (_, page) = page.split_once("\n# The agent\n").unwrap();
    let folders = [file("crates/agent/src"), file("crates/cli/src/serve")];
    let files = folders.iter().flat_map(|folder| source_files(folder));
    let sources: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let sources = sources.replace('`', "");
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### `")).collect();
    assert!(headings.len() > 5);
    for heading in headings {
        let heading = heading.trim_end_matches('`');
        assert!(sources.contains(heading), "no message has the text {heading:?}");
    }
}

#[test]
fn the_tests_of_each_threat_exist() {
    let page = fs::read_to_string(file("SECURITY.md")).unwrap();
    let section = page.split("## The agent\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for name in section.split('`').skip(1).step_by(2).filter(|name| name.contains("::")) {
        let parts: Vec<_> = name.split("::").collect();
        let root = if parts[0] == "behaviour" { folder.join("tests") } else { folder.join("src") };
        let path = |parts: &[&str]| {
            let path = root.join(parts.join("/"));
            [path.with_extension("rs"), path.join("mod.rs")].into_iter().find(|path| path.is_file())
        };
        // The last part is a module, or a test in one. The module `tests` has a file of its own, or stands in that of its parent.
        let (module, test) = match path(&parts) {
            Some(module) => (Some(module), None),
            None => {
                let (test, parts) = parts.split_last().unwrap();
                let parent = parts.strip_suffix(&["tests"]).unwrap_or(parts);
                (path(parts).or_else(|| path(parent)), Some(test))
            }
        };
        let source = fs::read_to_string(module.unwrap_or_else(|| panic!("no module of {name}"))).unwrap();
        let wanted = test.map_or_else(|| "test]".to_owned(), |test| format!("fn {test}()"));
        assert!(source.contains(&wanted), "there is no test {name}");
        count += 1;
    }
    assert!(count > 10, "{section}");
}
