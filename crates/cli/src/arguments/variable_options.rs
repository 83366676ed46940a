//! The options of `exec` and `env` that add variables.

use clap::Args;

use super::mask::is_harmless;

/// Which variables to set beside `YC_IAM_TOKEN` or `YC_API_KEY`.
#[derive(Args)]
pub(crate) struct VariableOptions {
    /// Also set this variable, such as `TOKEN=header`; KIND is token, iam-token, api-key, header, folder-id, subject-id or
    /// expires-at
    ///
    /// `token` is what `yc-auth token` prints, `header` the value for `Authorization`. `iam-token` and `api-key` are an
    /// error if the method gives the other one. Can be given several times.
    #[arg(long, value_name = "NAME=KIND", value_parser = named)]
    pub(crate) var: Vec<NamedVariable>,

    /// Also set `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_PROJECT_ID`, for clients of the OpenAI API
    #[arg(long)]
    pub(crate) openai: bool,

    /// Also set `YC_TOKEN` to the IAM token, for Terraform
    #[arg(long)]
    pub(crate) terraform: bool,
}

/// The variable of one `--var`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedVariable {
    pub(crate) name: String,
    pub(crate) kind: VariableKind,
}

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariableKind {
    /// The IAM token or the API key.
    Token,
    /// The IAM token.
    IamToken,
    /// The API key.
    ApiKey,
    /// The value of the header.
    Header,
    /// The id of the folder.
    FolderId,
    /// The id of the service account or the user.
    SubjectId,
    /// The end of the token's life, in RFC 3339.
    ExpiresAt,
}

impl VariableKind {
    const ALL: [(&str, Self); 7] = [
        ("token", Self::Token),
        ("iam-token", Self::IamToken),
        ("api-key", Self::ApiKey),
        ("header", Self::Header),
        ("folder-id", Self::FolderId),
        ("subject-id", Self::SubjectId),
        ("expires-at", Self::ExpiresAt),
    ];
}

/// Parses `NAME=KIND`.
fn named(text: &str) -> Result<NamedVariable, String> {
    let (name, kind) = text.split_once('=').ok_or("give NAME=KIND, such as TOKEN=header")?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    if !is_name {
        return Err("a name has letters, digits and `_`, and no digit in front".to_owned());
    }
    let found = VariableKind::ALL.into_iter().find(|(word, _)| *word == kind);
    let (_, kind) = found.ok_or_else(|| {
        let words = VariableKind::ALL.map(|(word, _)| word).join(", ");
        let shown = if is_harmless(kind) { kind } else { "***" };
        format!("`{shown}` is no KIND; KIND is one of {words}")
    })?;
    Ok(NamedVariable { name: name.to_owned(), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_and_a_kind() {
        let parsed = named("TF_VAR_token=iam-token").unwrap();
        assert_eq!((parsed.name.as_str(), parsed.kind), ("TF_VAR_token", VariableKind::IamToken));
        for text in ["TOKEN", "=token", "1X=token", "A B=token", "A-B=token", "X=", "X=t1.fake", "X=Token"] {
            let refusal = named(text).unwrap_err();
            assert!(!refusal.contains("fake"), "{text}");
        }
        assert!(named("A=foo").unwrap_err().starts_with("`foo` is no KIND"));
    }
}
