//! kubectl: a user with the exec plugin, protocol `client.authentication.k8s.io/v1`, never interactive.

use yandex_cloud_auth::Error;

use super::super::context::Context;
use super::super::kubectl_user::{self, KubectlUser};
use super::super::plan::{Plan, Step};

pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    context.needs_iam_token()?;
    let name = context.name()?.to_owned();
    let next = format!("kubectl config set-context --current --user={name}");
    // An undo without a name takes out all users.
    let all = match context.is_undo() && !context.is_named() {
        true => kubectl_user::own_names()?,
        false => Vec::new(),
    };
    let names = if all.is_empty() { vec![name] } else { all };
    let user = |name| KubectlUser { name, command: context.command(&["credential", "kubernetes"]) };
    let steps = names.into_iter().map(|name| Step::Kubectl(user(name))).collect();
    Ok(Plan { steps, next: vec![next], ..Plan::default() })
}
