//! kubectl: a user with the exec plugin, protocol `client.authentication.k8s.io/v1`, never interactive.

use yandex_cloud_auth::Error;

use super::super::context::Context;
use super::super::kubectl_user::KubectlUser;
use super::super::plan::{Plan, Step};

pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    context.needs_iam_token()?;
    let name = context.name()?.to_owned();
    let next = format!("kubectl config set-context --current --user={name}");
    let user = KubectlUser { name, command: context.command(&["credential", "kubernetes"]) };
    Ok(Plan { steps: vec![Step::Kubectl(user)], next: vec![next], ..Plan::default() })
}
