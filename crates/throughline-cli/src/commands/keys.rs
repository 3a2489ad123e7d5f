//! `throughline keys`: credentials of tenants.
//!
//! A key is shown once, when it is made; the store keeps a keyed hash.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use throughline::model::TenantId;
use throughline::ports::ApiKey;

use super::Run;
use crate::config::MemoryFlags;
use crate::failure::{Failure, Hinting};
use crate::terminal::Tone;
use crate::wire;

/// Make, list and revoke API keys
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and show it once
    #[command(after_help = "\
Examples:
  throughline keys create
  throughline keys create --tenant shop --label \"web backend\"
  KEY=$(throughline keys create --label ci)")]
    Create {
        /// The tenant the key speaks for
        #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
        tenant: TenantId,
        /// What people call it
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// List all keys, without their secrets
    #[command(
        after_help = "Examples:\n  throughline keys list\n  throughline keys list --tenant shop --json"
    )]
    List {
        /// Only this tenant's
        #[arg(long, value_name = "NAME", value_parser = |text: &str| TenantId::new(text))]
        tenant: Option<TenantId>,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Stop accepting a key, from the next request on
    #[command(after_help = "Example:\n  throughline keys revoke 0a1b2c3d4e5f")]
    Revoke {
        /// The key's id, as `keys list` shows it
        id: String,
        #[command(flatten)]
        flags: MemoryFlags,
    },
}

impl Keys {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::Create { tenant, label, flags } => create(run, tenant, label, flags),
            Action::List { tenant, flags } => list(run, tenant.as_ref(), flags),
            Action::Revoke { id, flags } => revoke(run, id, flags),
        }
    }
}

fn create(run: &Run, tenant: &TenantId, label: &str, flags: &MemoryFlags) -> Result<()> {
    let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Create)?;
    let (key, secret) = throughline_server::create_key(&memory, tenant.clone(), label)?;
    if run.terminal.is_json() {
        let mut shape = shape(&key);
        shape["key"] = Json::from(secret.expose());
        return run.terminal.document(&shape);
    }
    run.terminal.note(format!("A key of the tenant `{tenant}`. It is shown this once; keep it safe."));
    run.terminal.line(secret.expose())?;
    run.terminal.note(format!(
        "Send it as `Authorization: Bearer KEY`, or as `X-Memory-Key` beside a provider's key. Its id is {}.",
        key.id
    ));
    Ok(())
}

fn list(run: &Run, tenant: Option<&TenantId>, flags: &MemoryFlags) -> Result<()> {
    let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
    let mut keys = memory.store().keys()?;
    keys.retain(|key| tenant.is_none_or(|tenant| key.tenant == *tenant));
    if run.terminal.is_json() {
        return run.terminal.document(&json!({ "keys": keys.iter().map(shape).collect::<Vec<_>>() }));
    }
    if keys.is_empty() {
        run.terminal.note("There are no keys: the server answers programs on this machine only.");
        return Ok(());
    }
    let rows: Vec<[String; 5]> = keys
        .into_iter()
        .map(|key| {
            let revoked = key.revoked.map_or_else(
                || run.terminal.paint(Tone::Good, "active"),
                |at| run.terminal.paint(Tone::Warn, format!("revoked {}", at.strftime("%Y-%m-%d %H:%M"))),
            );
            let created = key.created.strftime("%Y-%m-%d %H:%M").to_string();
            [key.id, key.tenant.to_string(), key.label, created, revoked]
        })
        .collect();
    run.terminal.table(["id", "tenant", "label", "created", "state"], &rows)
}

fn revoke(run: &Run, id: &str, flags: &MemoryFlags) -> Result<()> {
    let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
    // Whoever has the whole key at hand may give that.
    let id =
        id.strip_prefix(throughline_server::KEY_PREFIX).and_then(|rest| rest.split('_').next()).unwrap_or(id);
    let revoked = memory.store().revoke_key(id, memory.now())?;
    if !revoked && memory.store().key(id)?.is_none() {
        return Err(
            Failure::error(format!("there is no key `{id}`")).hint("`throughline keys list` shows their ids")
        );
    }
    if run.terminal.is_json() {
        return run.terminal.document(&json!({ "id": id, "revoked": revoked }));
    }
    run.terminal.line(if revoked {
        format!("The key {id} is no longer accepted.")
    } else {
        format!("The key {id} was revoked before.")
    })
}

fn shape(key: &ApiKey) -> Json {
    json!({
        "id": key.id,
        "tenant": key.tenant.as_str(),
        "label": key.label,
        "created": key.created.to_string(),
        "revoked": key.revoked.map(|at| at.to_string()),
    })
}
