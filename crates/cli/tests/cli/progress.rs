//! `doctor` on a terminal shows what it waits for; nothing of it is left, and a pipe gets nothing.

use test_support::http_server::{Reply, Server};

use crate::output::at_terminal;
use crate::run::yc_auth;

const CLEAR: &str = "\r\u{1b}[K";

#[test]
fn a_terminal_shows_what_doctor_waits_for() {
    let silent = Server::always(Reply::silence());
    let address = silent.address().to_string();
    let words = ["doctor", "--timeout", "2", "--method", "metadata"];
    let seen = at_terminal(&words, &[("YC_METADATA_ADDR", &address)]);
    let line = format!("{CLEAR}waiting for http://{address}");
    assert!(seen.contains(&line), "{seen:?}");
    let report = seen.split(CLEAR).last().unwrap();
    assert!(report.contains("Selection") && report.contains("no header"), "{seen:?}");
    let selection = at_terminal(&words[..3], &[("YC_METADATA_ADDR", &address)]);
    assert!(
        selection.contains(&format!("{CLEAR}selection is at metadata (http://{address})")),
        "{selection:?}"
    );

    let plain = at_terminal(&words, &[("YC_METADATA_ADDR", &address), ("TERM", "dumb")]);
    assert!(!plain.contains('\r') || !plain.contains(CLEAR), "{plain:?}");
    let piped = yc_auth(words).env("YC_METADATA_ADDR", &address).done();
    assert_eq!(piped.status, 5, "{piped:?}");
    assert!(piped.stderr.starts_with("error: ") && !piped.stderr.contains('\r'), "{piped:?}");
}
