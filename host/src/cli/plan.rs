//! What the policy would decide about members who are asked about anew: shown, and then carried out.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::anyhow;

use super::{CliError, Exit, order::Desk, output};
use crate::{
    policy::printable,
    store::{Answer, Order, Plan, PlannedChange, Scope},
};

/// So many members are named for each kind of change.
const NAMED: usize = 20;

/// Whether a plan is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// Ask, where there is somebody to ask.
    Ask,
    /// It was given on the command line.
    Given,
    /// Only show the plan.
    None,
}

impl Consent {
    pub(super) fn of(only_look: bool, given: bool) -> Self {
        match (only_look, given) {
            (true, _) => Self::None,
            (false, true) => Self::Given,
            (false, false) => Self::Ask,
        }
    }
}

/// Shows what would follow for whom, and lets it follow with consent.
pub(super) fn carry_out(desk: &Desk, scope: Scope, consent: Consent) -> Result<Exit, CliError> {
    let mut out = output::stdout();
    let Answer::Plan(plan) = desk.ask(Order::Plan(scope))? else {
        return Err(CliError::failed(anyhow!("the bot gave an answer to another question")));
    };
    show(&mut out, &plan).map_err(anyhow::Error::from)?;
    if plan.changes.is_empty() || consent == Consent::None {
        return Ok(Exit::Done);
    }
    if consent == Consent::Ask {
        let input = io::stdin();
        if !input.is_terminal() {
            return Err(CliError::misconfigured(anyhow!("nothing was done: nobody is there to agree"))
                .hinted("agree with `--yes`, or only look with `--dry-run`"));
        }
        write!(out, "\nLet it happen? [y/N] ").and_then(|()| out.flush()).map_err(anyhow::Error::from)?;
        let mut line = String::new();
        input.lock().read_line(&mut line).map_err(anyhow::Error::from)?;
        if !matches!(line.trim().to_lowercase().as_str(), "y" | "yes") {
            writeln!(out, "Nothing was done.").map_err(anyhow::Error::from)?;
            return Ok(Exit::Done);
        }
    }
    let Answer::Plan(done) = desk.ask(Order::Apply(scope))? else {
        return Err(CliError::failed(anyhow!("the bot gave an answer to another question")));
    };
    writeln!(
        out,
        "\nThe policy decides about {} now. `rolarr holds list` shows whom the brake holds.",
        members(done.changes.len())
    )
    .map_err(anyhow::Error::from)?;
    Ok(Exit::Done)
}

fn show(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    write!(
        out,
        "The policy was asked about {}.",
        members(usize::try_from(plan.looked_at).unwrap_or(usize::MAX))
    )?;
    match plan.skipped {
        0 => writeln!(out)?,
        1 => writeln!(out, " One of them is protected, and was left out.")?,
        some => writeln!(out, " {some} of them are protected, and were left out.")?,
    }
    for (user, why) in plan.undecided.iter().take(NAMED) {
        writeln!(out, "  no decision about {user}: {}", printable(why))?;
    }
    if plan.undecided.len() > NAMED {
        writeln!(out, "  no decision about {} more", plan.undecided.len() - NAMED)?;
    }
    if plan.changes.is_empty() {
        return writeln!(out, "Nothing would follow for anybody.");
    }
    let mut kinds: Vec<(&str, &str)> =
        plan.changes.iter().map(|change| (change.from.as_str(), change.to.as_str())).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (from, to) in kinds {
        let concerned: Vec<&PlannedChange> =
            plan.changes.iter().filter(|change| change.from == from && change.to == to).collect();
        writeln!(out, "\n{from} -> {to}: {}", members(concerned.len()))?;
        for change in concerned.iter().take(NAMED) {
            writeln!(
                out,
                "  {}  {}  ({})",
                change.user,
                printable(&change.username),
                printable(&change.reason)
            )?;
        }
        if concerned.len() > NAMED {
            writeln!(out, "  and {} more", concerned.len() - NAMED)?;
        }
    }
    if plan.shrinks > plan.free {
        writeln!(
            out,
            "\n{} would have less. The brake lets {} of them through, and holds the rest for you to approve.",
            members(usize::try_from(plan.shrinks).unwrap_or(usize::MAX)),
            plan.free
        )?;
    }
    Ok(())
}

fn members(count: usize) -> String {
    if count == 1 { "1 member".to_owned() } else { format!("{count} members") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserId;

    fn shown(plan: &Plan) -> String {
        let mut out = Vec::new();
        show(&mut out, plan).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn change(user: u64, from: &str, to: &str) -> PlannedChange {
        PlannedChange {
            user: UserId(900_000_000 + user),
            username: format!("name{user}\u{1b}[2J"),
            from: from.to_owned(),
            to: to.to_owned(),
            reason: "has `plus`".to_owned(),
        }
    }

    #[test]
    fn a_plan_names_who_gets_what_and_why() {
        let mut changes = vec![change(1, "no access", "access")];
        changes.extend((2..24).map(|user| change(user, "access", "restricted")));
        let plan = Plan {
            looked_at: 40,
            skipped: 2,
            changes,
            undecided: vec![(UserId(900_000_099), "out of fuel".to_owned())],
            shrinks: 22,
            free: 10,
        };
        insta::assert_snapshot!(shown(&plan));
    }

    #[test]
    fn a_plan_without_changes_says_so() {
        let plan = Plan { looked_at: 1, ..Plan::default() };
        assert_eq!(shown(&plan), "The policy was asked about 1 member.\nNothing would follow for anybody.\n");
    }
}
