//! `rolarr policy shadow`: what the candidate would have decided.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use rolarr_policy::contract::{Access, Event};

use crate::{
    cli::{CliError, Exit, order::Desk, output},
    config::Config,
    policy::printable,
    store::{Difference, Likeness, Likenesses},
};

/// Show what the candidate beside the policy would have decided
///
/// A candidate is named in the configuration under `[policy.shadow]`. It is asked about each event that is
/// decided, and has no effect. It is told the access that the other policy's decisions made; to follow it over
/// time use `rolarr policy diff --carry`.
#[derive(Debug, Args)]
pub(super) struct ShadowArgs {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
    /// How many differences to show, the newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: u32,
}

impl ShadowArgs {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        let desk = Desk::open(&Config::load(&self.config)?.store.path)?;
        let last = self.last;
        let found = desk.wait(desk.store.read(move |tx| {
            let Some(candidate) = tx.last_candidate()? else { return Ok(None) };
            let (likenesses, differences) = (tx.likenesses(&candidate)?, tx.differences(&candidate, last)?);
            Ok(Some((candidate, likenesses, differences)))
        }))?;
        show(&mut output::stdout(), found.as_ref()).map_err(anyhow::Error::from)?;
        Ok(Exit::Done)
    }
}

fn show(out: &mut dyn Write, found: Option<&(String, Likenesses, Vec<Difference>)>) -> io::Result<()> {
    let Some((candidate, likenesses, differences)) = found else {
        return writeln!(
            out,
            "No event was decided beside a candidate yet. One is named in the configuration under [policy.shadow]."
        );
    };
    let Likenesses { same, words, access, failed } = likenesses;
    writeln!(out, "The candidate {} was asked about {} events:", short(candidate), likenesses.all())?;
    writeln!(out, "  {same:>6}  the same actions")?;
    writeln!(out, "  {words:>6}  other actions, the same access")?;
    writeln!(out, "  {access:>6}  another access")?;
    writeln!(out, "  {failed:>6}  no decision, because it failed")?;
    if !differences.is_empty() {
        writeln!(out, "\nThe newest that matter:")?;
    }
    for difference in differences {
        let event: Option<Event> = serde_json::from_str(&difference.input).ok();
        let who = event.as_ref().map(|event| event.member.username.as_str()).unwrap_or_default();
        write!(out, "  {}  {}  ", difference.event.padded(), printable(who))?;
        match (difference.likeness, &event) {
            (Likeness::Failed, _) => writeln!(out, "failed: {}", printable(&difference.reason))?,
            (_, Some(event)) => {
                let after = |actions| word(&rolarr_policy::apply_all(&event.account.access, actions));
                writeln!(
                    out,
                    "{} instead of {}  ({})",
                    after(&difference.actions),
                    after(&difference.decided),
                    printable(&difference.reason)
                )?;
            }
            (_, None) => writeln!(out, "the event can't be read any more")?,
        }
    }
    Ok(())
}

fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

fn word(access: &Access) -> String {
    match access {
        Access::Absent => "no access".to_owned(),
        Access::Granted(grant) => match &grant.libraries {
            None => "access".to_owned(),
            Some(names) => printable(&format!("access to {}", names.join(", "))),
        },
        Access::Restricted(_) => "restricted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rolarr_policy::contract::{Action, Cause, Grant};

    use super::*;
    use crate::domain::{EventId, Timestamp, UserId};

    fn shown(found: Option<&(String, Likenesses, Vec<Difference>)>) -> String {
        let mut out = Vec::new();
        show(&mut out, found).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_a_candidate_it_says_how_to_name_one() {
        insta::assert_snapshot!(shown(None));
    }

    #[test]
    fn differences_are_counted_and_the_newest_are_shown() {
        let mut event = Event::new(Cause::MemberLeft);
        event.member.username = "ann\u{1b}[2J".to_owned();
        event.account.access = Access::Granted(Grant::default());
        let difference = |id, likeness, actions: Vec<Action>, reason: &str| Difference {
            event: EventId(id),
            user: UserId(900_000_001),
            at: Timestamp(7),
            likeness,
            actions,
            reason: reason.to_owned(),
            decided: vec![Action::Remove],
            input: serde_json::to_string(&event).unwrap(),
        };
        let found = (
            "0123456789abcdef".to_owned(),
            Likenesses { same: 90, words: 1, access: 1, failed: 1 },
            vec![
                difference(43, Likeness::Failed, Vec::new(), "it used up its 500000000 units of work"),
                difference(42, Likeness::Access, vec![Action::SetLibraries(vec!["Kids".to_owned()])], "kept"),
            ],
        );
        insta::assert_snapshot!(shown(Some(&found)));
    }
}
