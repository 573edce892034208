//! `rolarr events export`.

use std::{
    collections::HashSet,
    io::{BufWriter, Write},
    path::PathBuf,
};

use anyhow::{Context, anyhow};
use clap::Args;
use rolarr_policy::recording::Recording;

use super::{
    names::Names,
    pseudonyms::{Kept, Pseudonyms},
    redact,
    which::Which,
};
use crate::{
    cli::{
        CliError, Exit,
        journal::{Opened, Place, recording, unanswered},
        moment::grouped,
        whole_file::WholeFile,
    },
    domain::{Timestamp, contract::Event, json},
    files,
    store::{FailureRow, Span},
};

/// Write what was decided as recorded events
///
/// One recording on each line, oldest first: what happened, all that was known, and what the policy decided. That
/// is what `rolarr policy test`, `diff` and `bench` read. Without `--output` it goes to the standard output.
///
/// Names and ids of people, guilds and roles are replaced by others (`--no-redact` leaves them): the same for the
/// same, in every export of this installation, by a key that stays in its database. Nobody can tell without the key
/// who it was. They are replaced in all texts too that the policy wrote: reasons, messages, memos, wakes.
///
/// What stays, because rules go by it: the keys of roles and guilds, the names of libraries, labels and ratings, the
/// texts apart from names and ids in them, event numbers, and all times. Whoever was there may recognize an event by
/// its time. A name stays in texts where it is a word that the policy says of several others. An e-mail address is
/// never written.
///
/// The settings are part of a recording if the configured policy made the decision with the present ones.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    which: Which,
    /// Write the events instead on which the policy failed: what it was told, without a decision
    #[arg(long)]
    undecided: bool,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there already
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    privacy: Privacy,
}

/// Whether people can be recognized.
#[derive(Debug, Args)]
pub(super) struct Privacy {
    /// Replace names and ids by pseudonyms; this is the default
    #[arg(long, overrides_with = "no_redact")]
    redact: bool,
    /// Leave names and ids as they are
    #[arg(long)]
    no_redact: bool,
}

impl Export {
    pub(super) fn run(
        self,
        out: &mut dyn Write,
        notes: &mut dyn Write,
        now: Timestamp,
    ) -> Result<Exit, CliError> {
        let span = self.which.span(now);
        if let Some(file) = self.output.as_deref().filter(|file| file.exists() && !self.force) {
            return Err(CliError::failed(anyhow!("`{}` is there already", files::shown(file)))
                .hinted("name another file, or replace it with `--force`"));
        }
        let opened = self.place.open()?;
        let failures = if self.undecided { Some(opened.failures(&span)?) } else { None };
        let nothing = match &failures {
            Some(failures) if failures.is_empty() => Some("no such event stayed undecided"),
            None if opened.count(&span)? == 0 => Some("nothing was decided on such an event"),
            _ => None,
        };
        if let Some(nothing) = nothing {
            return Err(CliError::failed(anyhow!(nothing)).hinted("`rolarr events list` shows what there is"));
        }
        let redactor = self.privacy.redactor(&opened, &span, notes)?;
        let write = |out: &mut dyn Write| match &failures {
            Some(failures) => write(recordings_of(&opened, failures), redactor.as_ref(), out),
            None => {
                let settings = opened.settings();
                let decisions = opened.decisions(span)?;
                let recordings = decisions.map(|row| recording(row?, settings.as_ref(), &opened.path));
                write(recordings, redactor.as_ref(), out)
            }
        };
        let Some(file) = &self.output else {
            write(&mut BufWriter::new(out))?;
            return Ok(Exit::Done);
        };
        let mut whole = WholeFile::begin(file)?;
        let Written { events, members } =
            write(&mut whole).with_context(|| format!("`{}` was not written", files::shown(file)))?;
        whole.finish()?;
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let events = format!("{} event{}", grouped(events as u64), s(events));
        let members = format!("{} member{}", grouped(members as u64), s(members));
        let names = match redactor {
            Some(_) => {
                "Names and ids are pseudonyms; times and the policy's texts stay: look before you share it."
            }
            None => "It has the members' names and ids: keep it to yourself.",
        };
        writeln!(out, "{events} of {members} written to `{}`. {names}", files::shown(file))
            .map_err(anyhow::Error::from)?;
        Ok(Exit::Done)
    }
}

impl Privacy {
    /// What replaces names and ids; none if they stay. All names that the database knows are looked for in the
    /// texts of the span.
    pub(super) fn redactor(
        &self,
        opened: &Opened,
        span: &Span,
        notes: &mut dyn Write,
    ) -> anyhow::Result<Option<Redactor>> {
        if self.no_redact && !self.redact {
            return Ok(None);
        }
        let Kept { pseudonyms, problem } = Pseudonyms::of(&opened.path, |fact| opened.read(|tx| fact(tx)))?;
        if let Some(problem) = problem {
            writeln!(
                notes,
                "note: the key for pseudonyms can't be kept in `{}` ({problem}): another export has other ones",
                files::shown(&opened.path)
            )?;
        }
        let names = known(opened, span)?;
        Ok(Some(Redactor { names, pseudonyms }))
    }
}

/// Takes people out of recordings.
pub(super) struct Redactor {
    names: Names,
    pseudonyms: Pseudonyms,
}

/// A recording as one line of text.
pub(super) fn line(mut recording: Recording, redactor: Option<&Redactor>) -> anyhow::Result<String> {
    if let Some(Redactor { names, pseudonyms }) = redactor {
        redact::redact(&mut recording, names, pseudonyms);
    }
    let text = json::to_string(&recording)?;
    // Only then there may be an address in it.
    if !text.contains(['@', '\u{ff20}', '\u{fe6b}']) {
        return Ok(text);
    }
    let clean: Recording = serde_json::from_value(redact::without_addresses(&recording)?)?;
    Ok(json::to_string(&clean)?)
}

/// Everybody and everything that the database knows by name.
fn known(opened: &Opened, span: &Span) -> anyhow::Result<Names> {
    let mut names = Names::default();
    let (people, guilds, roles) =
        opened.read(|tx| Ok((tx.names()?, tx.known_guilds()?, tx.known_roles()?)))?;
    for (user, name) in people {
        names.know_id(user.0);
        names.know_person(user.0, &name);
    }
    guilds.iter().for_each(|guild| names.know_id(guild.0));
    roles.iter().for_each(|role| names.know_id(role.0));
    for row in opened.decisions(Span::default())? {
        // One that can't be read is said when it is to be written.
        if let Ok(event) = serde_json::from_str::<Event>(&row?.input) {
            redact::learn(&event, &mut names);
        }
    }
    let failures = opened.failures(span)?;
    for row in &failures {
        if let Ok(event) = serde_json::from_str::<Event>(&row.input) {
            redact::learn(&event, &mut names);
        }
    }
    names.ready();
    for row in opened.decisions(*span)? {
        redact::hear(&mut recording(row?, None, &opened.path)?, &mut names);
    }
    for recording in recordings_of(opened, &failures) {
        redact::hear(&mut recording?, &mut names);
    }
    Ok(names)
}

/// How much was written.
struct Written {
    events: usize,
    members: usize,
}

/// Events that stayed undecided, as recordings.
fn recordings_of(
    opened: &Opened,
    failures: &[FailureRow],
) -> impl Iterator<Item = anyhow::Result<Recording>> {
    let settings = opened.settings();
    failures.iter().map(move |row| unanswered(row.clone(), settings.as_ref(), &opened.path))
}

fn write(
    recordings: impl Iterator<Item = anyhow::Result<Recording>>,
    redactor: Option<&Redactor>,
    out: &mut dyn Write,
) -> anyhow::Result<Written> {
    let mut events = 0;
    let mut members = HashSet::new();
    for recording in recordings {
        let recording = recording?;
        members.insert(recording.event.member.id.clone());
        writeln!(out, "{}", line(recording, redactor)?)?;
        events += 1;
    }
    out.flush()?;
    Ok(Written { events, members: members.len() })
}
