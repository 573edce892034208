//! `rolarr events list`.

use std::io::Write;

use clap::Args;

use super::which::Which;
use crate::{
    cli::{
        CliError, Exit,
        journal::Place,
        moment,
        words::{self, clean},
    },
    domain::{EventId, Timestamp},
    store::{DecisionRow, EventRow, EventState},
};

/// Show what happened last, with the numbers that `rolarr events show` takes
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    which: Which,
    /// How many events to show, the newest ones
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    last: u32,
}

impl List {
    pub(super) fn run(self, out: &mut dyn Write, now: Timestamp) -> Result<Exit, CliError> {
        let opened = self.place.open()?;
        let span = self.which.span(now);
        let last = self.last;
        let rows = opened.read(|tx| {
            tx.last_events(&span, last)?
                .into_iter()
                .map(|row| {
                    let user = row.event.user;
                    let name = tx.memberships(user)?.into_iter().next().map(|member| member.username);
                    Ok((tx.decision(row.id)?, name.unwrap_or_default(), row))
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        write(out, &rows).map_err(anyhow::Error::from)?;
        Ok(Exit::Done)
    }
}

fn write(out: &mut dyn Write, rows: &[(Option<DecisionRow>, String, EventRow)]) -> std::io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "There is no such event.");
    }
    let lines: Vec<[String; 4]> = rows
        .iter()
        .map(|(decision, name, row)| {
            let user = row.event.user;
            let who = if name.is_empty() { user.to_string() } else { format!("{user} ({})", clean(name)) };
            [id(row.id), who, clean(&words::cause(&row.event.cause)), outcome(row, decision.as_ref())]
        })
        .collect();
    let width = |column: usize, title: &str| {
        let longest = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        longest.unwrap_or(0).max(title.len())
    };
    let (event, member, what) = (width(0, "EVENT"), width(1, "MEMBER"), width(2, "WHAT HAPPENED"));
    writeln!(
        out,
        "{:<event$}  {:<23}  {:<member$}  {:<what$}  WHAT FOLLOWED",
        "EVENT", "WHEN", "MEMBER", "WHAT HAPPENED"
    )?;
    for ([id, who, cause, outcome], (_, _, row)) in lines.iter().zip(rows) {
        let at = moment::shown(row.event.at);
        writeln!(out, "{id:<event$}  {at:<23}  {who:<member$}  {cause:<what$}  {outcome}")?;
    }
    Ok(())
}

fn id(id: EventId) -> String {
    id.to_string()
}

/// What became of an event, in a few words.
fn outcome(row: &EventRow, decision: Option<&DecisionRow>) -> String {
    let remark = || row.event.remark.as_deref().map(clean).unwrap_or_default();
    match (row.event.state, decision) {
        (EventState::Decided, Some(decision)) if decision.actions.is_empty() => "nothing".to_owned(),
        (EventState::Decided, Some(decision)) => {
            decision.actions.iter().map(super::show::name).collect::<Vec<_>>().join(", ")
        }
        (EventState::Decided, None) => "decided".to_owned(),
        (EventState::Waiting, _) => "it waits to be decided".to_owned(),
        (EventState::Undecided, _) => "UNDECIDED".to_owned(),
        (EventState::Skipped, _) => format!("skipped: {}", remark()),
        (EventState::Noted, _) => "noted".to_owned(),
    }
}
