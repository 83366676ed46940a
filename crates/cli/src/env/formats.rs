//! The languages of the output.

use serde::ser::{Serialize, SerializeMap, Serializer};
use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

use crate::arguments::EnvFormat;
use crate::quoting;
use crate::variables::{Variable, Variables};

/// Room for all variables: a buffer that grows would leave a copy in freed memory.
const CAPACITY: usize = 128 << 10;

/// Whether the output can remove a variable.
pub(super) fn can_unset(format: EnvFormat) -> bool {
    matches!(format, EnvFormat::Sh | EnvFormat::Fish | EnvFormat::Powershell)
}

/// The output. `unset` are the variables to remove, where the language can.
///
/// # Errors
/// `Invalid` if a file of this language cannot have a value.
pub(super) fn text(
    format: EnvFormat,
    variables: &Variables,
    unset: &[&str],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut text = Zeroizing::new(Vec::with_capacity(CAPACITY));
    for name in unset {
        match format {
            EnvFormat::Sh => push(&mut text, &["unset ", name, "\n"]),
            EnvFormat::Fish => push(&mut text, &["set -e ", name, "\n"]),
            EnvFormat::Powershell => push(&mut text, &["$env:", name, " = $null\n"]),
            EnvFormat::Dotenv | EnvFormat::Json | EnvFormat::Github => {}
        }
    }
    if format == EnvFormat::Json {
        serde_json::to_writer(&mut *text, &Object(variables))
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        push(&mut text, &["\n"]);
        return Ok(text);
    }
    for variable in variables.all() {
        line(format, variable, &mut text)?;
    }
    Ok(text)
}

fn line(format: EnvFormat, Variable { name, value, .. }: &Variable, text: &mut Vec<u8>) -> Result<(), Error> {
    let quoted = |quoted: String| Zeroizing::new(quoted);
    match format {
        EnvFormat::Sh => push(text, &["export ", name, "=", &quoted(quoting::sh(value)), "\n"]),
        EnvFormat::Fish => push(text, &["set -gx ", name, " ", &quoted(quoting::fish(value)), "\n"]),
        EnvFormat::Powershell => {
            push(text, &["$env:", name, " = ", &quoted(quoting::powershell(value)), "\n"]);
        }
        EnvFormat::Dotenv => match quoting::dotenv(value) {
            Some(value) => push(text, &[name, "=", &quoted(value), "\n"]),
            None => {
                return Err(Error::new(ErrorKind::Invalid, format!("{name} cannot stand in such a file"))
                    .at("--format dotenv")
                    .with_help("the readers of such files disagree about quotes, `\\` and line breaks: choose another format"));
            }
        },
        // The runner takes the rest of the line as it is.
        EnvFormat::Github if !value.contains(['\n', '\r']) => push(text, &[name, "=", value, "\n"]),
        EnvFormat::Github => {
            let end = delimiter(value);
            push(text, &[name, "<<", &end, "\n", value, "\n", &end, "\n"]);
        }
        EnvFormat::Json => {}
    }
    Ok(())
}

/// A line that the value does not have.
fn delimiter(value: &str) -> String {
    let lines = || value.split(['\n', '\r']);
    let mut ends = (0u32..).map(|number| format!("yc-auth-{number}"));
    ends.find(|end| !lines().any(|line| line == end)).unwrap_or_default()
}

/// The commands that keep the secrets out of the log of the job.
pub(super) fn masks(variables: &Variables) -> Zeroizing<Vec<u8>> {
    let mut masks = Zeroizing::new(Vec::with_capacity(CAPACITY));
    let mut said: Vec<&str> = Vec::new();
    for Variable { value, .. } in variables.all().iter().filter(|variable| variable.is_secret) {
        if said.contains(&value.as_str()) {
            continue;
        }
        said.push(value);
        // Tokens and keys have none of these characters; a mask stays one line with any value.
        let escaped = value.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        push(&mut masks, &["::add-mask::", &Zeroizing::new(escaped), "\n"]);
    }
    masks
}

fn push(text: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
}

struct Object<'a>(&'a Variables);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.all().len()))?;
        for Variable { name, value, .. } in self.0.all() {
            map.serialize_entry(name, &**value)?;
        }
        map.end()
    }
}
