//! `rolarr events show`.

use std::io::Write;

use anyhow::anyhow;
use clap::Args;
use rolarr_policy::contract::{Action, Event};

use super::export::{Privacy, line};
use crate::{
    cli::{
        CliError, Exit,
        journal::{Opened, Place, recording, unanswered},
        moment::{grouped, shown},
        policy::difference,
        words::{self, clean},
    },
    domain::{EventId, UntrustedText},
    files,
    store::{
        AuditRow, DecisionRow, EventRow, EventState, FailureRow, MemberRow, Span, StoreError, Task,
        TaskState, Work,
    },
};

/// Show one event: what was known, what was decided and why, by which policy, and what followed
///
/// Texts of messages are not shown, only their length. With `--json` it is the recording that `rolarr events export`
/// would write, with its pseudonyms; there the messages that the policy sends are part of the decision.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The event's number, as `rolarr events list`, the log and recordings have it
    #[arg(value_name = "ID", value_parser = number)]
    event: EventId,
    #[command(flatten)]
    place: Place,
    /// Print the recording
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    privacy: Privacy,
}

/// An event's number, with or without the zeros before it.
fn number(text: &str) -> Result<EventId, String> {
    match text.parse() {
        Ok(id) if id > 0 => Ok(EventId(id)),
        _ => Err("an event's number is written in digits, for example 42 or 000000000042".to_owned()),
    }
}

/// All that is known of one event.
struct Found {
    row: EventRow,
    decision: Option<DecisionRow>,
    failure: Option<FailureRow>,
    member: Option<MemberRow>,
    tasks: Vec<Task>,
    audit: Vec<AuditRow>,
}

impl Show {
    pub(super) fn run(self, out: &mut dyn Write, notes: &mut dyn Write) -> Result<Exit, CliError> {
        let opened = self.place.open()?;
        let id = self.event;
        let found = opened.read(|tx| {
            let Some(row) = tx.event(id)? else { return Ok(None) };
            Ok(Some(Found {
                decision: tx.decision(id)?,
                failure: tx.failure(id)?,
                member: tx.member(row.event.guild, row.event.user)?,
                tasks: tx.tasks_of_event(id)?,
                audit: tx.audit_of_event(id)?,
                row,
            }))
        })?;
        let Some(found) = found else {
            return Err(CliError::failed(anyhow!("there is no event {id}")).hinted(
                "`rolarr events list` shows which there are; what is older than 400 days is dropped",
            ));
        };
        if self.json {
            self.recording(&opened, found, out, notes)?;
        } else {
            write(out, &opened, &found)?;
        }
        Ok(Exit::Done)
    }

    fn recording(
        &self,
        opened: &Opened,
        found: Found,
        out: &mut dyn Write,
        notes: &mut dyn Write,
    ) -> Result<(), CliError> {
        let settings = opened.settings();
        let recording = match (found.decision, found.failure) {
            (Some(decision), _) => recording(decision, settings.as_ref(), &opened.path)?,
            (None, Some(failure)) => unanswered(failure, settings.as_ref(), &opened.path)?,
            (None, None) => {
                let error =
                    anyhow!("no policy was asked about event {}, so there is no recording of it", self.event);
                return Err(CliError::failed(error).hinted("without `--json` it is shown what became of it"));
            }
        };
        let redactor = self.privacy.redactor(opened, &Span::default(), notes)?;
        let text = line(recording, redactor.as_ref())?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(anyhow::Error::from)?;
        writeln!(out, "{value:#}").map_err(anyhow::Error::from)?;
        Ok(())
    }
}

fn write(out: &mut dyn Write, opened: &Opened, found: &Found) -> anyhow::Result<()> {
    let Found { row, decision, failure, member, tasks, audit } = found;
    let event = &row.event;
    let told = decision.as_ref().map(|decision| &decision.input);
    let input = match told.or_else(|| failure.as_ref().map(|failure| &failure.input)) {
        Some(input) => Some(serde_json::from_str::<Event>(input).map_err(|_| {
            anyhow::Error::from(StoreError::Unreadable("what was known at this event"))
                .context(format!("the database `{}`", files::shown(&opened.path)))
        })?),
        None => None,
    };
    writeln!(out, "Event {}: {}", row.id.padded(), clean(&words::cause(&event.cause)))?;
    writeln!(out)?;
    field(out, "when", &format!("{}, {}", shown(event.at), words::origin(event.origin)))?;
    match (&input, member) {
        (Some(input), _) => field(out, "member", &words::member(input))?,
        (None, Some(member)) => field(out, "member", &format!("{} ({})", event.user, member.username))?,
        (None, None) => field(out, "member", &event.user.to_string())?,
    }
    field(out, "guild", &event.guild.to_string())?;
    let state = match (event.state, &event.remark) {
        (EventState::Waiting, _) => "it waits to be decided".to_owned(),
        (EventState::Decided, _) => "decided".to_owned(),
        (state, Some(remark)) => format!("{}: {remark}", state.word()),
        (state, None) => state.word().to_owned(),
    };
    field(out, "state", &state)?;
    if let Some(input) = &input {
        known(out, input)?;
    }
    if let Some(decision) = decision {
        decided(out, decision)?;
    }
    if let Some(failure) = failure {
        not_decided(out, failure)?;
    }
    writeln!(out, "\nWhat followed")?;
    if tasks.is_empty() && audit.is_empty() {
        writeln!(out, "  nothing that was sent or told")?;
    }
    for task in tasks {
        let at = task.sent_at.map_or_else(|| "-".to_owned(), shown);
        writeln!(out, "  {at:<23}  {}", work(task))?;
    }
    for AuditRow { at, kind, text } in audit {
        writeln!(out, "  {:<23}  noted ({}): {}", shown(*at), clean(kind), clean(text))?;
    }
    Ok(())
}

/// What the policy was told.
fn known(out: &mut dyn Write, event: &Event) -> std::io::Result<()> {
    let member = &event.member;
    writeln!(out, "\nWhat was known")?;
    field(out, "roles", &words::keys(&member.roles))?;
    for guild in &member.elsewhere {
        field(out, "elsewhere", &format!("{} in `{}`", words::keys(&guild.roles), guild.key))?;
    }
    if let Some(joined) = member.joined_at {
        field(out, "joined", &shown(joined))?;
    }
    if member.screening {
        field(out, "screening", "not passed yet")?;
    }
    let account = &event.account;
    let since = account.since.map(|since| format!(", since {}", shown(since))).unwrap_or_default();
    field(out, "access", &format!("{}{since}", words::access(&account.access)))?;
    let address =
        if account.identified { "an e-mail address is known" } else { "no e-mail address is known" };
    field(out, "progress", &format!("{}; {address}", words::progress(account.progress)))?;
    for wake in &account.wakes {
        field(out, "wake", &format!("`{}`, due {}", wake.tag, shown(wake.due)))?;
    }
    if !account.memo.is_empty() {
        field(out, "memo", &account.memo)?;
    }
    for (name, value) in &event.facts {
        field(out, "fact", &format!("{name}: {value}"))?;
    }
    Ok(())
}

fn decided(out: &mut dyn Write, decision: &DecisionRow) -> std::io::Result<()> {
    writeln!(out, "\nWhat was decided")?;
    let actions: Vec<Action> = decision.actions.iter().map(without_text).collect();
    for (index, line) in difference::lines(&actions, &actions).iter().enumerate() {
        let title = if index == 0 { "actions" } else { "" };
        // The same on both sides: nothing is marked.
        field(out, title, line.strip_prefix("  ").unwrap_or(line))?;
    }
    field(out, "because", &decision.reason)?;
    field(out, "policy", &format!("{} {}", decision.policy, decision.version))?;
    field(out, "digest", &decision.digest)?;
    field(out, "decided", &shown(decision.at))?;
    cost(out, decision.micros, decision.fuel, &decision.logs)
}

fn not_decided(out: &mut dyn Write, failure: &FailureRow) -> std::io::Result<()> {
    writeln!(out, "\nWhy nothing was decided")?;
    for (index, line) in failure.why.lines().enumerate() {
        field(out, if index == 0 { "error" } else { "" }, line)?;
    }
    field(out, "policy", &format!("{} {}", failure.policy, failure.version))?;
    field(out, "digest", &failure.digest)?;
    field(out, "failed", &shown(failure.at))?;
    if let Some(again) = failure.again {
        field(out, "again", &format!("the policy is asked anew at {}", shown(again)))?;
    }
    cost(out, failure.micros, failure.fuel, &failure.logs)
}

fn cost(out: &mut dyn Write, micros: u64, fuel: u64, logs: &[UntrustedText]) -> std::io::Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds for people")]
    let millis = micros as f64 / 1_000.0;
    field(out, "it took", &format!("{millis:.3} ms, {} units of fuel", grouped(fuel)))?;
    for line in logs {
        field(out, "log", &line.to_string())?;
    }
    Ok(())
}

/// The action with the length of its message in the place of the message.
fn without_text(action: &Action) -> Action {
    let mut action = action.clone();
    if let Action::Tell(message) = &mut action {
        message.text = characters(&message.text);
    }
    action
}

/// How long a text is.
fn characters(text: &str) -> String {
    match text.chars().count() {
        1 => "(1 character)".to_owned(),
        count => format!("({count} characters)"),
    }
}

/// A task in a few words.
fn work(task: &Task) -> String {
    let what = match &task.work {
        Work::Tell { text } => format!("message to the member {}", characters(text)),
        Work::Ask(_) => "question for the e-mail address".to_owned(),
        Work::Refresh(_) => "change of the question's message".to_owned(),
        Work::Audit { .. } => "message into the audit channel".to_owned(),
        Work::Holds => "message into the audit channel: who is held".to_owned(),
        Work::OfferInbox(_) => "button in the prompt channel".to_owned(),
    };
    let state = match task.state {
        TaskState::Waiting => "to be sent",
        TaskState::Sending => "about to be sent",
        TaskState::Done => "sent",
        TaskState::Dropped => "dropped",
        TaskState::Inbox => "waits behind the button: direct messages are closed",
    };
    format!("{what}: {state}")
}

/// An action's name.
pub(super) fn name(action: &Action) -> &'static str {
    match action {
        Action::Invite(_) => "invite",
        Action::RestrictTo(_) => "restrict-to",
        Action::Unrestrict => "unrestrict",
        Action::Remove => "remove",
        Action::SetLibraries(_) => "set-libraries",
        Action::Tell(_) => "tell",
        Action::Quiet => "quiet",
        Action::WakeAt(_) => "wake-at",
        Action::CancelWake(_) => "cancel-wake",
        Action::SetMemo(_) => "set-memo",
        Action::Other(_) => "other",
    }
}

fn field(out: &mut dyn Write, name: &str, value: &str) -> std::io::Result<()> {
    writeln!(out, "  {name:<9} {}", clean(value))
}
