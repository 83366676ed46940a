//! opencode: a provider in `opencode.json`, and a plugin that asks for a token before each request.
//!
//! opencode has no command for a key. Its hook `chat.headers` runs for each request, and sets the header.

use yandex_cloud_auth::Error;

use super::super::context::Context;
use super::super::formats::{Format, Member, Value};
use super::super::merge::{Group, Owner};
use super::super::plan::{Entries, OwnFile, Plan, Step, path};
use super::{below, entries, names, owned, text, whole};

/// The key in the file. The plugin replaces the header that opencode makes of the key.
const PLACEHOLDER: &str = "yc-auth";

const PLUGIN: &str = r#"// Written by `yc-auth setup opencode`; `yc-auth setup opencode --undo` removes the file.
import { execFile } from "node:child_process"

const provider = PROVIDER
const command = COMMAND
const options = OPTIONS

const token = () =>
  new Promise((resolve, reject) => {
    execFile(command, options, { timeout: 30000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || error.message))
      else resolve(stdout.trim())
    })
  })

export const YcAuth = async () => ({
  "chat.headers": async (input, output) => {
    if (input.model.providerID === provider) output.headers["Authorization"] = `Bearer ${await token()}`
  },
})
"#;

pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    let folder = context.path_or("OPENCODE_CONFIG_DIR", || Ok(context.config_folder()?.join("opencode")))?;
    let file = context.path_or("OPENCODE_CONFIG", || {
        let with_comments = folder.join("opencode.jsonc");
        Ok(if with_comments.exists() { with_comments } else { folder.join("opencode.json") })
    })?;
    let name = context.name()?;
    let project = context.folder_id()?;
    let default = ["yandexgpt/latest".to_owned()];
    let models = if context.options.model.is_empty() { &default[..] } else { &context.options.model };
    let model = |model: &String| {
        let id = if model.starts_with("gpt://") { model.clone() } else { format!("gpt://{project}/{model}") };
        (id, Value::Map(entries([("name", text(model))])))
    };
    let mut groups = provider(name);
    groups[0].entries =
        entries([("npm", text("@ai-sdk/openai-compatible")), ("name", text("Yandex Cloud AI Studio"))]);
    groups[1].entries = entries([
        ("baseURL", text(context.api_url()?)),
        ("apiKey", text(PLACEHOLDER)),
        ("headers", Value::Map(entries([("OpenAI-Project", text(&project))]))),
    ]);
    groups[2].entries = models.iter().map(model).collect();
    let format = Format::Json { comments: true };
    let json = |value: serde_json::Value| value.to_string();
    let command = context.command(&["token"]);
    let content = PLUGIN
        .replace("PROVIDER", &json(name.into()))
        .replace("COMMAND", &json(command.program.into()))
        .replace("OPTIONS", &json(command.arguments.into()));
    let plugin = OwnFile {
        path: folder.join("plugin/yc-auth.js"),
        content,
        mark: "// Written by `yc-auth setup",
        is_program: false,
        kept_for: None,
    };
    Ok(Plan {
        steps: vec![Step::Entries(Entries { path: file, format, groups, find }), Step::File(plugin)],
        next: vec![
            format!("opencode --model {name}/gpt://{project}/yandexgpt/latest"),
            "the first start with a plugin needs the npm registry: opencode installs @opencode-ai/plugin"
                .to_owned(),
        ],
        ..Plan::default()
    })
}

/// The tables of a provider, without values.
fn provider(name: &str) -> Vec<Group> {
    let table = path(&["provider", name]);
    let options = below(&table, &["options"]);
    let owner = Owner::Runs(below(&options, &["apiKey"]));
    let values = entries([("npm", text("")), ("name", text(""))]);
    let option_values = entries([("baseURL", text("")), ("apiKey", text("")), ("headers", text(""))]);
    let models = below(&table, &["models"]);
    vec![
        whole(table, owner.clone(), values),
        whole(options, owner.clone(), option_values),
        whole(models, owner, Vec::new()),
    ]
}

fn find(root: &[Member]) -> Vec<Group> {
    let groups = names(root, &path(&["provider"])).into_iter().flat_map(|name| {
        let mut groups = provider(&name);
        // The models that `setup` has written have a name and nothing else.
        groups[2].entries = names(root, &groups[2].path).into_iter().map(|model| (model, text(""))).collect();
        groups
    });
    owned(root, groups)
}
