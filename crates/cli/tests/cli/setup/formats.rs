//! Made files: whatever the layout, a set-up keeps every byte that is not its own, and an undo gives the file back.

use super::{FOLDER_ID, Home};

/// A generator of a fixed sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

/// An object with blanks of all kinds. `comments` adds comments, and commas at the end.
fn object(random: &mut Random, depth: usize, comments: bool) -> String {
    let blanks: &[&str] = if comments {
        &["", " ", "\n", "\n  ", " // a }\n", "/* \" { */", "\t"]
    } else {
        &["", " ", "\n", "\n\t", "  "]
    };
    let mut text = "{".to_owned();
    let count = random.below(4);
    for at in 0..count {
        text += random.pick(blanks);
        let own = if depth == 0 { random.pick(&["credHelpers", "provider", "auths"]) } else { "m" };
        text += &format!(
            "\"{own}{}\"{}:{}",
            if at == 0 { String::new() } else { at.to_string() },
            random.pick(blanks),
            random.pick(blanks)
        );
        text += &match random.below(if depth < 2 { 6 } else { 4 }) {
            // A place of ours is an object.
            _ if depth == 0 && at == 0 => object(random, 1, comments),
            0 => "\"a \\\" } // ключ\"".to_owned(),
            1 => "-1.50e3".to_owned(),
            2 => format!("[{}null{}]", random.pick(blanks), random.pick(blanks)),
            3 => "true".to_owned(),
            _ => object(random, depth + 1, comments),
        };
        text += random.pick(blanks);
        if at + 1 < count || (comments && random.below(2) == 0) {
            text.push(',');
        }
    }
    text + random.pick(blanks) + "}"
}

#[track_caller]
fn check(home: &Home, words: &[&str], name: &str, content: &str) -> String {
    home.file(name, content, 0o600);
    let written = home.setup(words, &["--write"]);
    assert_eq!((written.status, &*written.stderr), (0, ""), "{words:?}: {content:?}: {written:?}");
    let new = home.read(name);
    home.runs(words, &["--undo"]);
    let left = home.read(name);
    assert_eq!(left, content, "{words:?}:\n--- written\n{new}");
    assert!(!home.path(&format!("{name}.yc-auth-backup")).exists());
    new
}

#[test]
fn made_json() {
    let home = Home::new();
    let random = &mut Random(1);
    for _ in 0..60 {
        let content = object(random, 0, false) + random.pick(&["", "\n", " \n\n"]);
        let new = check(&home, &["docker", "--bin", "bin"], ".docker/config.json", &content);
        let new: serde_json::Value =
            serde_json::from_str(&new).unwrap_or_else(|error| panic!("{error}: {new}"));
        let mut old: serde_json::Value = serde_json::from_str(&content).unwrap();
        for host in ["cr.yandex", "registry.yandexcloud.net"] {
            assert_eq!(new["credHelpers"][host], "yc-auth");
        }
        // The rest is equal.
        old["credHelpers"] = new["credHelpers"].clone();
        assert_eq!(old, new);
    }
}

#[test]
fn made_json_with_comments() {
    let home = Home::new();
    let random = &mut Random(2);
    for _ in 0..60 {
        let content = random.pick(&["", "// a {\n", "/* { */\n"]).to_owned()
            + &object(random, 0, true)
            + random.pick(&["", "\n// z\n"]);
        let new =
            check(&home, &["opencode", "--folder-id", FOLDER_ID], ".config/opencode/opencode.json", &content);
        for comment in ["// a }\n", "/* \" { */", "// z"] {
            assert_eq!(
                new.matches(comment).count(),
                content.matches(comment).count(),
                "{content}\n---\n{new}"
            );
        }
    }
}

#[test]
fn made_toml() {
    let home = Home::new();
    let random = &mut Random(3);
    let lines = [
        "a = 1",
        "b.c = 2 # x",
        "# comment",
        "",
        "text = '''\n[model_providers]\n'''",
        "l = [\n  1, # x\n]",
        "\"k e\" = {x = 1}",
    ];
    let headers = [
        "[model_providers.other]",
        "[z]",
        "[[index]]",
        "[ model_providers . \"a b\" ]",
        "[mcp_servers]",
        "[pip]",
    ];
    for _ in 0..60 {
        let mut content = String::new();
        let (mut used, mut headers) = (Vec::new(), headers.to_vec());
        for _ in 0..random.below(9) {
            let line = if random.below(3) == 0 && !headers.is_empty() {
                used.clear();
                headers.swap_remove(random.below(headers.len()))
            } else {
                let line = random.pick(&lines);
                if used.contains(&line) {
                    continue;
                }
                used.push(line);
                line
            };
            content += &format!("{line}\n");
        }
        if random.below(3) == 0 {
            content.pop();
        }
        for (words, name) in [
            (
                &["codex", "--folder-id", FOLDER_ID, "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"][..],
                ".codex/config.toml",
            ),
            (&["uv", "--bin", "bin"], ".config/uv/uv.toml"),
        ] {
            let new = check(&home, words, name, &content);
            let toml: toml_edit::DocumentMut = new.parse().unwrap_or_else(|error| panic!("{error}: {new}"));
            match words[0] {
                "uv" => assert_eq!(toml["keyring-provider"].as_str(), Some("subprocess"), "{new}"),
                _ => assert!(toml["model_providers"]["yandex-cloud"]["auth"]["command"].is_str(), "{new}"),
            }
        }
    }
}

#[test]
fn made_ini() {
    let home = Home::new();
    let random = &mut Random(4);
    let lines = ["a = 1", "b: 2", "; c", "# d", "", "e =\n    f\n    g = h", "i = j ; k"];
    for _ in 0..60 {
        let mut content = random.pick(&["", "# first\n", "\n"]).to_owned();
        for section in ["[global]", "[profile x]", "[z]"].iter().take(random.below(4)) {
            content += &format!("{section}\n");
            for _ in 0..random.below(4) {
                content += &format!("{}\n", random.pick(&lines));
            }
        }
        for (words, name, expected) in [
            (&["pip", "--bin", "bin"][..], ".config/pip/pip.conf", "\nkeyring-provider = subprocess"),
            (&["aws"], ".aws/config", "[profile yandex-cloud]\ncredential_process = "),
        ] {
            let new = check(&home, words, name, &content);
            assert_eq!(new.matches(expected).count(), 1, "{new}");
        }
    }
}

/// A table in one line, or with dotted keys, cannot get a further table: the user is told, and nothing is written.
#[test]
fn a_layout_that_takes_no_entry_is_told() {
    let home = Home::new();
    for content in ["model_providers = { o = { name = \"o\" } }\n", "model_providers.o.name = \"o\"\n"] {
        home.file(".codex/config.toml", content, 0o600);
        let outcome = home.setup(&["codex", "--folder-id", FOLDER_ID], &["--write"]);
        assert!(outcome.fails(4).contains("by hand"), "{outcome:?}");
        assert_eq!(home.read(".codex/config.toml"), content);
    }
}
