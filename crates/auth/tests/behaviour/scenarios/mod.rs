//! The scenarios of `scenarios/*.json`, played in virtual time.
//!
//! `scenarios/README.md` has the format. This runner plays each scenario with the lowest, a middle and the highest
//! jitter. Besides the expectations it checks laws 1, 3, 5 and 7 in every scenario: no call gets a token that has
//! expired, one request at a time, nothing left at the end, no secret in an error or a report.

mod format;
mod play;
mod program;
mod world;

use std::collections::BTreeSet;

/// How many scenarios there are at least.
const AT_LEAST: usize = 120;

#[test]
fn every_scenario_goes_as_it_says() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let scenarios = format::load();
    let mut differences = Vec::new();
    for (file, scenario) in &scenarios {
        if scenario.name.contains(&only) {
            differences.extend(play::play(file, scenario));
        }
    }
    let count = differences.len();
    assert!(differences.is_empty(), "{count} differences:\n{}", differences.join("\n"));
}

#[test]
fn there_are_enough_scenarios_and_each_has_a_name_of_its_own() {
    let scenarios = format::load();
    let names: BTreeSet<_> = scenarios.iter().map(|(_, scenario)| scenario.name.as_str()).collect();
    assert_eq!(names.len(), scenarios.len(), "a name is used twice");
    assert!(names.len() >= AT_LEAST, "{} scenarios", names.len());
}

/// A file with one scenario of one step, changed.
fn with(change: impl FnOnce(&mut serde_json::Value)) -> Result<usize, String> {
    let mut file = serde_json::json!({ "about": "x", "scenarios": [{
        "name": "x", "why": "x", "method": "none",
        "steps": [{ "at": 0, "do": "header", "expect": { "anonymous": true } }],
    }]});
    change(&mut file["scenarios"][0]);
    format::parse(&file.to_string()).map(|scenarios| scenarios.len())
}

#[test]
fn a_file_with_a_mistake_is_refused() {
    assert_eq!(with(|_| ()), Ok(1));
    for (mistake, error) in [
        (with(|scenario| scenario["expects"] = true.into()), "unknown field `expects`"),
        (with(|scenario| scenario["steps"][0]["after"] = 1.into()), "unknown field `after`"),
        (with(|scenario| scenario["steps"][0]["expect"]["tokens"] = 1.into()), "unknown field `tokens`"),
        (
            with(|scenario| scenario["environment"] = serde_json::json!({ "home": "x" })),
            "unknown field `home`",
        ),
        (with(|scenario| scenario["traffic"] = serde_json::json!({ "mail": [] })), "unknown variant `mail`"),
        (with(|scenario| scenario["steps"][0]["do"] = "wait".into()), "unknown variant `wait`"),
        (with(|scenario| scenario["steps"][0]["seconds"] = 1.into()), "has no `seconds`"),
        (with(|scenario| scenario["steps"][0]["expect"]["token"] = 1.into()), "has one outcome"),
        (
            with(|scenario| drop(scenario["steps"][0].as_object_mut().unwrap().remove("expect"))),
            "needs `expect`",
        ),
        (with(|scenario| scenario["steps"] = serde_json::json!([])), "a step"),
        (
            with(|scenario| {
                scenario["traffic"] = serde_json::json!({ "iam": [{ "status": 200, "silence": true }] });
            }),
            "a reply is",
        ),
        (
            with(|scenario| {
                let first = scenario["steps"][0].clone();
                scenario["steps"][0]["at"] = 1.into();
                scenario["steps"].as_array_mut().unwrap().push(first);
            }),
            "not in the order",
        ),
    ] {
        assert!(mistake.as_ref().is_err_and(|text| text.contains(error)), "{mistake:?}, expected {error}");
    }
}
