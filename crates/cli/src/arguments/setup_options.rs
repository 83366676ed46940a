//! The options of `setup`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::AuthOptions;

/// A tool that takes a token from a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// AWS CLI and SDKs, for Object Storage
    Aws,
    /// Claude Code: MCP servers, or a gateway
    ClaudeCode,
    /// Codex CLI: AI Studio as a provider, and MCP servers
    Codex,
    /// direnv: the variables in `.envrc` of this folder
    Direnv,
    /// docker: Container Registry and Cloud Registry
    Docker,
    /// git, for the hosts of `--host`
    Git,
    /// kubectl: a user for Managed Kubernetes
    Kubectl,
    /// opencode: AI Studio as a provider
    Opencode,
    /// pip: Cloud Registry
    Pip,
    /// psql: prints the command
    Psql,
    /// rclone: a remote for Object Storage
    Rclone,
    /// systemd: prints a unit
    Systemd,
    /// Terraform: prints the command
    Terraform,
    /// uv: Cloud Registry
    Uv,
}

/// Which tool to set up, and for what.
#[derive(Args)]
pub(crate) struct SetupOptions {
    /// The tool
    #[arg(value_name = "TOOL")]
    pub(crate) tool: Tool,

    /// Write to the files of the tool; each file that exists is copied to `FILE.yc-auth-backup` first
    #[arg(long)]
    pub(crate) write: bool,

    /// Take out what `--write` has written, and nothing else; with `--name`, `--host`, `--mcp` or `--gateway`, these entries
    /// alone
    #[arg(long, conflicts_with = "write")]
    pub(crate) undo: bool,

    /// The name of the provider, profile, remote or user in the tool's file; default: `yandex-cloud`
    /// (aws, codex, kubectl, opencode, rclone)
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The folder of AI Studio and for MCP servers; default: `YC_FOLDER_ID`, then the folder of the credentials
    /// (claude-code, codex, opencode)
    #[arg(long, value_name = "ID")]
    pub(crate) folder_id: Option<String>,

    /// The address of AI Studio's API (codex, opencode) or of Object Storage (aws, rclone); default: that of the
    /// installation, such as `https://ai.api.cloud.yandex.net/v1`
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// A model that the tool offers, such as `yandexgpt/latest`, which is the default (opencode)
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Vec<String>,

    /// An MCP server, such as `https://toolkit.mcp.cloud.yandex.net/mcp` (claude-code, codex)
    #[arg(long, value_name = "[NAME=]URL")]
    pub(crate) mcp: Vec<String>,

    /// A gateway that speaks the tool's API and accepts the token; the tool then sends everything there (claude-code)
    #[arg(long, value_name = "URL")]
    pub(crate) gateway: Option<String>,

    /// Another host that gets the token, beside Yandex Cloud's own and that of `--gateway`
    /// (claude-code, codex, docker, git, opencode, pip, psql, uv)
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Vec<String>,

    /// The folder of PATH for the program that the tool runs; default: the folder of yc-auth (docker, pip, uv)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) bin: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) auth: AuthOptions,
}

impl SetupOptions {
    /// Why these options are invalid together, where the parser cannot know.
    pub(super) fn conflict(&self) -> Option<String> {
        let tool = self.tool.name();
        let unused = self.unused();
        if !unused.is_empty() {
            return Some(format!("{} has no meaning for {tool}", unused.join(", ")));
        }
        if self.undo {
            return None;
        }
        match self.tool {
            Tool::Psql if self.host.len() > 1 => {
                Some("psql: name one host: `--host c-….rw.mdb.yandexcloud.net`; PGHOST can list several".to_owned())
            }
            Tool::Git if self.host.is_empty() => {
                Some("git: name the host that gets the token: `--host HOST`".to_owned())
            }
            Tool::ClaudeCode if self.mcp.is_empty() && self.gateway.is_none() => Some(
                "claude-code: name an MCP server (`--mcp URL`), or a gateway for the models (`--gateway URL`)".to_owned(),
            ),
            _ => None,
        }
    }

    /// The options that the tool does not use.
    fn unused(&self) -> Vec<&'static str> {
        use Tool::{Aws, ClaudeCode, Codex, Docker, Git, Kubectl, Opencode, Pip, Psql, Rclone, Uv};
        let rows: [(&str, bool, &[Tool]); 8] = [
            ("--name", self.name.is_some(), &[Aws, Codex, Kubectl, Opencode, Rclone]),
            ("--folder-id", self.folder_id.is_some(), &[ClaudeCode, Codex, Opencode]),
            ("--url", self.url.is_some(), &[Aws, Codex, Opencode, Rclone]),
            ("--model", !self.model.is_empty(), &[Opencode]),
            ("--mcp", !self.mcp.is_empty(), &[ClaudeCode, Codex]),
            ("--gateway", self.gateway.is_some(), &[ClaudeCode]),
            ("--host", !self.host.is_empty(), &[ClaudeCode, Codex, Docker, Git, Opencode, Pip, Psql, Uv]),
            ("--bin", self.bin.is_some(), &[Docker, Pip, Uv]),
        ];
        let unused = rows.iter().filter(|(_, is_given, tools)| *is_given && !tools.contains(&self.tool));
        unused.map(|(name, ..)| *name).collect()
    }
}

impl Tool {
    /// The name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
