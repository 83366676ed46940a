//! Values as one word of a shell, or as a line of a file.

/// Whether every shell reads the value as one word, without quotes and without a change.
pub(crate) fn is_plain(value: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:@%+=,".contains(character);
    // zsh reads a first `=` as the path of a command.
    !value.is_empty() && !value.starts_with('=') && value.chars().all(is_plain)
}

/// One word of any POSIX shell.
pub(crate) fn sh(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    in_single_quotes(value, |character| if character == '\'' { r"'\'" } else { "" })
}

/// One word of fish, which reads `\\` and `\'` inside single quotes, and no other escape.
pub(crate) fn fish(value: &str) -> String {
    in_single_quotes(value, |character| if matches!(character, '\'' | '\\') { r"\" } else { "" })
}

/// A string of PowerShell, which takes the typographic quotes for quotes too, and reads two quotes as the second one.
pub(crate) fn powershell(value: &str) -> String {
    in_single_quotes(value, |character| match character {
        '\'' | '\u{2018}'..='\u{201b}' => "'",
        _ => "",
    })
}

/// The value between single quotes, with an escape before some characters. One allocation: a value can be a secret, and a
/// buffer that grows would leave a copy in freed memory.
fn in_single_quotes(value: &str, escape: impl Fn(char) -> &'static str) -> String {
    let escapes: usize = value.chars().map(|character| escape(character).len()).sum();
    let mut quoted = String::with_capacity(value.len() + escapes + 2);
    quoted.push('\'');
    for character in value.chars() {
        quoted.push_str(escape(character));
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

/// A value of a dotenv file; `None` where the readers of such files disagree.
pub(crate) fn dotenv(value: &str) -> Option<String> {
    if is_plain(value) {
        return Some(value.to_owned());
    }
    // Every reader takes the text between single quotes as it is, but some know escapes there.
    let differs = |character: char| character == '\'' || character == '\\' || character.is_control();
    (!value.contains(differs)).then(|| format!("'{value}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_one_word_of_each_shell() {
        for (value, in_sh, in_fish, in_powershell) in [
            ("http://127.0.0.1:80", "http://127.0.0.1:80", "'http://127.0.0.1:80'", "'http://127.0.0.1:80'"),
            ("/home/иван/ca.pem", "/home/иван/ca.pem", "'/home/иван/ca.pem'", "'/home/иван/ca.pem'"),
            ("", "''", "''", "''"),
            ("a b", "'a b'", "'a b'", "'a b'"),
            ("it's $HOME", r"'it'\''s $HOME'", r"'it\'s $HOME'", "'it''s $HOME'"),
            (r"a\b", r"'a\b'", r"'a\\b'", r"'a\b'"),
            ("\u{2019}", "'\u{2019}'", "'\u{2019}'", "''\u{2019}'"),
            ("~/ca.pem", "'~/ca.pem'", "'~/ca.pem'", "'~/ca.pem'"),
            ("=ls", "'=ls'", "'=ls'", "'=ls'"),
            ("a\nb", "'a\nb'", "'a\nb'", "'a\nb'"),
        ] {
            assert_eq!(
                (sh(value), fish(value), powershell(value)),
                (in_sh.into(), in_fish.into(), in_powershell.into())
            );
        }
    }

    #[test]
    fn a_file_has_only_values_that_all_its_readers_read_alike() {
        assert_eq!(dotenv("t1.fake-token_x").as_deref(), Some("t1.fake-token_x"));
        assert_eq!(dotenv("Bearer t1.$HOME #1").as_deref(), Some("'Bearer t1.$HOME #1'"));
        for value in ["it's", r"a\b", "a\nb", "a\u{7}b"] {
            assert_eq!(dotenv(value), None, "{value:?}");
        }
    }

    /// What a shell makes of words; `None` where the machine has no such shell.
    #[cfg(unix)]
    fn read_by(shell: &str, words: &[String]) -> Option<Vec<String>> {
        use std::process::{Command, Stdio};
        // fish writes to its home.
        let home = std::env::temp_dir().join(format!("yc-auth-quoting-{}-{shell}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let lines: String = words.iter().map(|word| format!("printf '%s\\0' {word}\n")).collect();
        let script = home.join("script");
        std::fs::write(&script, lines).unwrap();
        let mut run = Command::new(shell);
        run.arg(&script).stdin(Stdio::null()).env("HOME", &home).env_remove("XDG_CONFIG_HOME");
        let output = run.env_remove("XDG_DATA_HOME").output();
        std::fs::remove_dir_all(&home).unwrap();
        let text = String::from_utf8(output.ok()?.stdout).unwrap();
        Some(text.split_terminator('\0').map(str::to_owned).collect())
    }

    #[cfg(unix)]
    mod shells {
        use super::*;
        use proptest::collection::vec;
        use proptest::prelude::*;

        /// Any character but NUL, which no variable can hold; those with a meaning in a shell more often.
        fn value() -> impl Strategy<Value = String> {
            let character = prop_oneof![
                2 => prop::sample::select("'\"\\$`!~*?[]{}()<>|&;#=%^@ \t\n\u{2018}\u{2019}\u{201a}\u{201b}".chars().collect::<Vec<_>>()),
                1 => any::<char>().prop_filter("no variable holds NUL", |character| *character != '\0'),
                1 => proptest::char::range('a', 'z'),
            ];
            vec(character, 0..12).prop_map(|characters| characters.into_iter().collect())
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

            #[test]
            fn a_real_shell_reads_every_value_back(values in vec(value(), 100)) {
                for (shell, quote) in [("sh", sh as fn(&str) -> String), ("bash", sh), ("zsh", sh), ("fish", fish)] {
                    let words: Vec<_> = values.iter().map(|value| quote(value)).collect();
                    if let Some(read) = read_by(shell, &words) {
                        prop_assert_eq!(&read, &values, "{}", shell);
                    }
                }
            }
        }
    }
}
