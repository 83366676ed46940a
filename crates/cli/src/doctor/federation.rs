//! The federation that accepts the token of another issuer: the claims of the token, and the commands of yc.
//!
//! The token itself is never shown. Its claims are no secrets, but text from outside: the library gives only those that a
//! terminal shows as they are, and a command has them in quotes.

use serde::Serialize;
use yandex_cloud_auth::sdk_internals::SubjectClaims;

use crate::quoting::sh;

/// The issuer of GitHub's jobs (GitHub's docs, "`OpenID` Connect reference").
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// The issuers of clusters of Managed Kubernetes.
const CLUSTERS: &str = "https://storage.yandexcloud.net/mk8s-oidc/";

/// The token of another issuer, in JSON.
#[derive(Serialize)]
pub(super) struct SubjectToken {
    issuer: Option<String>,
    audiences: Vec<String>,
    subject: Option<String>,
    /// The commands that make a federation and a credential for such a token; none if a claim is not known.
    commands: Vec<String>,
}

impl From<SubjectClaims> for SubjectToken {
    fn from(claims: SubjectClaims) -> Self {
        let commands = commands(&claims).unwrap_or_default();
        Self { issuer: claims.issuer, audiences: claims.audiences, subject: claims.subject, commands }
    }
}

impl SubjectToken {
    /// The lines of the page, below their heading.
    pub(super) fn text(&self) -> String {
        let or_unknown = |claim: Option<&str>| claim.unwrap_or("not known").to_owned();
        let audiences = (!self.audiences.is_empty()).then(|| self.audiences.join(", "));
        let mut text = format!(
            "  issuer    {}\n  audience  {}\n  subject   {}\n",
            or_unknown(self.issuer.as_deref()),
            or_unknown(audiences.as_deref()),
            or_unknown(self.subject.as_deref())
        );
        if !self.commands.is_empty() {
            text.push_str(
                "  These commands make what accepts this token. FEDERATION_ID is the id that the first one prints.\n",
            );
        }
        for command in &self.commands {
            text.push_str(&format!("    {command}\n"));
        }
        text
    }
}

/// The commands (docs, "Setting up workload identity federations").
fn commands(claims: &SubjectClaims) -> Option<Vec<String>> {
    let (issuer, subject) = (claims.issuer.as_deref()?, claims.subject.as_deref()?);
    if claims.audiences.is_empty() {
        return None;
    }
    let (name, keys) = name_and_keys(issuer, subject);
    let (issuer, audiences) = (sh(issuer), sh(&claims.audiences.join(",")));
    let (account, subject) = (sh(&claims.service_account_id), sh(subject));
    Some(vec![
        format!(
            "yc iam workload-identity oidc federation create --name {name} --issuer {issuer} --audiences {audiences} \
             --jwks-url {keys}"
        ),
        format!(
            "yc iam workload-identity federated-credential create --service-account-id {account} --federation-id \
             FEDERATION_ID --external-subject-id {subject}"
        ),
    ])
}

/// A name for the federation, and the address of the issuer's keys as a word of a shell. Any other issuer says the address
/// itself (`OpenID` Connect Discovery).
fn name_and_keys(issuer: &str, subject: &str) -> (&'static str, String) {
    let below = |path: &str| sh(&format!("{}{path}", issuer.trim_end_matches('/')));
    if issuer == GITHUB {
        ("github", below("/.well-known/jwks"))
    } else if issuer == "https://gitlab.com" || subject.starts_with("project_path:") {
        ("gitlab", below("/oauth/discovery/keys"))
    } else if issuer.starts_with(CLUSTERS) {
        ("cluster", below("/jwks.json"))
    } else {
        let name = if subject.starts_with("system:serviceaccount:") { "cluster" } else { "ci" };
        let page = below("/.well-known/openid-configuration");
        (name, format!("\"$(curl -fsS {page} | jq -r .jwks_uri)\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(issuer: &str, audiences: &[&str], subject: &str) -> SubjectToken {
        SubjectToken::from(SubjectClaims {
            issuer: Some(issuer.to_owned()),
            audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
            subject: Some(subject.to_owned()),
            service_account_id: "ajefake".to_owned(),
        })
    }

    #[test]
    fn the_commands_are_exact_for_each_issuer() {
        let commands = of(GITHUB, &["https://github.com/O"], "repo:O/R:ref:refs/heads/main").commands;
        assert_eq!(
            commands,
            [
                "yc iam workload-identity oidc federation create --name github --issuer \
                 https://token.actions.githubusercontent.com --audiences https://github.com/O --jwks-url \
                 https://token.actions.githubusercontent.com/.well-known/jwks",
                "yc iam workload-identity federated-credential create --service-account-id ajefake --federation-id \
                 FEDERATION_ID --external-subject-id repo:O/R:ref:refs/heads/main",
            ]
        );
        let project = "project_path:g/p:ref_type:branch:ref:main";
        let cluster = "https://storage.yandexcloud.net/mk8s-oidc/v1/clusters/catfake";
        for (issuer, subject, name, keys) in [
            ("https://gitlab.com", project, "gitlab", "https://gitlab.com/oauth/discovery/keys"),
            ("https://git.example/", project, "gitlab", "https://git.example/oauth/discovery/keys"),
            (cluster, "system:serviceaccount:default:x", "cluster", &format!("{cluster}/jwks.json")),
            (
                "https://ci.example",
                "job 1",
                "ci",
                "\"$(curl -fsS https://ci.example/.well-known/openid-configuration | jq -r .jwks_uri)\"",
            ),
        ] {
            let commands = of(issuer, &["a", "b"], subject).commands;
            assert!(commands[0].contains(&format!("--name {name} ")), "{commands:?}");
            assert!(commands[0].ends_with(&format!("--audiences a,b --jwks-url {keys}")), "{commands:?}");
            assert!(commands[1].ends_with(&format!("--external-subject-id {}", sh(subject))), "{commands:?}");
        }
    }

    #[test]
    fn a_claim_is_one_word_of_the_shell() {
        let commands = of("https://x/$(id)", &["a b", "'"], "it's `id`").commands;
        assert!(commands[0].contains(r"--issuer 'https://x/$(id)' --audiences 'a b,'\'''"), "{commands:?}");
        assert!(commands[0].contains("curl -fsS 'https://x/$(id)/.well-known/"), "{commands:?}");
        assert!(commands[1].ends_with(r"'it'\''s `id`'"), "{commands:?}");
    }

    #[test]
    fn there_are_no_commands_without_all_claims() {
        assert!(of(GITHUB, &[], "x").commands.is_empty());
        let text = SubjectToken::from(SubjectClaims::default()).text();
        assert_eq!(text, "  issuer    not known\n  audience  not known\n  subject   not known\n");
    }
}
