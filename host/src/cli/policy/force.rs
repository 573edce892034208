//! `rolarr policy reload`, `rollback` and `history`: which policy decides in the bot that runs.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use crate::{
    cli::{CliError, Exit, moment::ago, order::Desk, output},
    config::Config,
    domain::Timestamp,
    pipeline::Seam,
    policy::printable,
    store::{KeptPolicy, Order},
};

/// Have the running bot read the configuration's `[policy]` and load what it names
///
/// The new policy is tried on the last recorded events first. If anything fails, the old one stays. The bot does
/// the same by itself when the policy's file changes, on SIGHUP, and with `/rolarr policy reload` on Discord.
/// Nothing changes for anybody by that: see `rolarr policy apply`.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    place: Place,
}

/// Have the running bot go back to an earlier policy
///
/// It is kept whole, so it does not matter what became of its file. It stays until the configuration names
/// another policy than the one that was taken back, or until `rolarr policy reload`.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// The name of the policy, or the beginning of its digest; without it the last one before the present
    policy: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Show which policies decided, the present one first
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
}

impl Place {
    fn desk(&self) -> Result<Desk, CliError> {
        Desk::open(&Config::load(&self.config)?.store.path)
    }
}

impl ReloadArgs {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        say(&self.place.desk()?.told(Order::Reload)?)
    }
}

impl RollbackArgs {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        say(&self.place.desk()?.told(Order::RollBack(self.policy))?)
    }
}

impl HistoryArgs {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        let desk = self.place.desk()?;
        let kept = desk.wait(desk.store.read(|tx| tx.kept_policies()))?;
        list(&mut output::stdout(), &kept, Seam::system().now()).map_err(anyhow::Error::from)?;
        Ok(Exit::Done)
    }
}

fn say(said: &str) -> Result<Exit, CliError> {
    writeln!(output::stdout(), "{said}").map_err(anyhow::Error::from)?;
    Ok(Exit::Done)
}

fn list(out: &mut dyn Write, kept: &[KeptPolicy], now: Timestamp) -> io::Result<()> {
    if kept.is_empty() {
        return writeln!(out, "No policy has decided yet: the bot has not started with this database.");
    }
    let name = |policy: &KeptPolicy| printable(&format!("{} {}", policy.name, policy.version));
    let width = kept.iter().map(|policy| name(policy).chars().count()).max().unwrap_or(0).max("POLICY".len());
    writeln!(out, "{:<width$}  {:<8}  {:<12}  MODULE", "POLICY", "DIGEST", "SINCE")?;
    for policy in kept {
        let digest = policy.digest.get(..8).unwrap_or(&policy.digest);
        let since = ago(now, policy.since);
        writeln!(out, "{:<width$}  {digest:<8}  {since:<12}  {}", name(policy), printable(&policy.origin))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_names_each_policy_with_its_digest_and_module() {
        let kept = |name: &str, origin: &str, minutes: u64| KeptPolicy {
            digest: format!("{minutes:08x}ffff"),
            name: name.to_owned(),
            version: "1".to_owned(),
            origin: origin.to_owned(),
            module: String::new(),
            settings: serde_json::json!({}),
            sources: Vec::new(),
            since: Timestamp(1_000_000_000 - minutes * 60_000),
        };
        let all = [
            kept("grace-period", "/etc/rolarr/grace\u{1b}[2J.rhai", 3),
            kept("role-restriction", "builtin:role-restriction", 400),
        ];
        let mut out = Vec::new();
        list(&mut out, &all, Timestamp(1_000_000_000)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
