//! Whether this machine is one of Yandex Cloud's, told by its files and variables, without a request.
//!
//! On such a machine a metadata service that cannot be reached is an outage and not an absence. A machine that shows
//! nothing may be in Yandex Cloud all the same: Serverless Containers and DataSphere have no sign of their own.

use std::path::Path;

use crate::system::{Pipe, System};

/// The vendor of a virtual machine, also inside its containers and pods.
const SYS_VENDOR: &str = "/sys/class/dmi/id/sys_vendor";
const VENDOR: &str = "Yandex";

/// The code of a function of Cloud Functions.
const FUNCTION_CODE: &str = "/function/code";
/// A certificate authority in the image of a function. Other machines can have the file too.
const FUNCTION_CA: &str = "/usr/local/share/ca-certificates/yandex-internal-ca.crt";
/// The variables of a function. AWS Lambda uses the same names, so they count together with the file only.
const FUNCTION_VARIABLES: [&str; 4] =
    ["_HANDLER", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT"];

/// The content of the vendor's file is one word. A longer file names another vendor.
const MAX_VENDOR: usize = 256;

/// What shows that this machine is Yandex Cloud's; `None` where nothing does.
pub(crate) async fn sign_of_yandex_cloud(system: &System) -> Option<&'static str> {
    let vendor =
        system.read_file(Path::new(SYS_VENDOR), MAX_VENDOR, &Pipe::default()).await.unwrap_or_default();
    if std::str::from_utf8(&vendor).is_ok_and(|vendor| vendor.trim() == VENDOR) {
        return Some("its vendor is Yandex (sys_vendor)");
    }
    let has_variable = FUNCTION_VARIABLES.iter().any(|name| system.environment().variable(name).is_some());
    let is_function =
        system.exists(FUNCTION_CODE).await || (has_variable && system.exists(FUNCTION_CA).await);
    is_function.then_some("it is a function of Cloud Functions")
}
