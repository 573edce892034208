//! The bot's database for commands that read what was decided.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use rolarr_policy::recording::{Expected, Format, RecordedPolicy, Recording};
use serde_json::{Map, Value};

use super::CliError;
use crate::{
    config::{Config, PolicyModule},
    domain::EventId,
    files,
    policy::{Module, Policy},
    store::{DecisionRow, FailureRow, Journal, Span, StoreError},
};

/// So many decisions are read in one go, so that a bot at work never waits long.
const PART: u32 = 1_000;

/// Where the database is.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration file: it says where the database is
    #[arg(long, short, value_name = "FILE", default_value = "config.toml", conflicts_with = "database")]
    pub(super) config: PathBuf,
    /// The database itself, for example a copy that `rolarr backup` made. No configuration is read
    #[arg(long, value_name = "FILE")]
    pub(super) database: Option<PathBuf>,
}

/// The database, and what the configuration says if there is one.
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) path: PathBuf,
    pub(super) config: Option<Config>,
}

impl Place {
    /// Opens the database for reading, and never makes one.
    pub(super) fn open(&self) -> Result<Opened, CliError> {
        let (path, config) = match &self.database {
            Some(path) => (path.clone(), None),
            None => {
                let config = Config::load(&self.config)?;
                (config.store.path.clone(), Some(config))
            }
        };
        if !path.exists() {
            let hint = match config {
                Some(_) => "the bot makes it when it first starts: is this its configuration?",
                None => "check the path",
            };
            return Err(
                CliError::failed(anyhow!("there is no database `{}`", files::shown(&path))).hinted(hint)
            );
        }
        let journal =
            Journal::open(&path).with_context(|| format!("the database `{}`", files::shown(&path)))?;
        Ok(Opened { journal, path, config })
    }
}

impl Opened {
    /// Reads from the database, and names it if that fails.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&crate::store::Tx<'_>) -> Result<T, StoreError>,
    ) -> anyhow::Result<T> {
        self.journal.read(work).with_context(|| format!("the database `{}`", files::shown(&self.path)))
    }

    /// The decisions within a span, up to the newest event of this moment.
    pub(super) fn decisions(&self, span: Span) -> anyhow::Result<Decisions<'_>> {
        let newest = self.read(|tx| tx.newest_event())?.unwrap_or(EventId(0));
        Ok(Decisions { opened: self, span, newest, after: EventId(0), part: Vec::new().into_iter() })
    }

    /// The events within a span that stayed undecided.
    pub(super) fn failures(&self, span: &Span) -> anyhow::Result<Vec<FailureRow>> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(EventId(0), |row: &FailureRow| row.event);
            let part = self.read(|tx| tx.failures_after(after, span, PART))?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(part);
        }
    }

    /// How many decisions there are within a span.
    pub(super) fn count(&self, span: &Span) -> anyhow::Result<u64> {
        self.read(|tx| tx.count_decisions(span))
    }

    /// The settings of the configured policy, with the digest of what they decide: whoever finds the digest at a
    /// decision knows the settings that it was made with.
    pub(super) fn settings(&self) -> Option<KnownSettings> {
        let policy = &self.config.as_ref()?.policy;
        let module = Module::open(&module_name(&policy.module.value)).ok()?;
        let settings = policy.settings.json.clone();
        let digest = Policy::digest_of(&module, &Value::Object(settings.clone()));
        Some(KnownSettings { digest, settings })
    }
}

/// How a policy is named where [`Module::open`] takes it.
pub(super) fn module_name(module: &PolicyModule) -> String {
    match module {
        PolicyModule::Builtin(name) => format!("builtin:{name}"),
        PolicyModule::File(path) => path.to_string_lossy().into_owned(),
    }
}

/// Settings, and the digest of the policy that has them.
pub(super) struct KnownSettings {
    digest: String,
    settings: Map<String, Value>,
}

/// Reads decisions in parts, in the order of their events.
pub(super) struct Decisions<'a> {
    opened: &'a Opened,
    span: Span,
    newest: EventId,
    after: EventId,
    part: std::vec::IntoIter<DecisionRow>,
}

impl Iterator for Decisions<'_> {
    type Item = anyhow::Result<DecisionRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.part.as_slice().is_empty() {
            let (after, span) = (self.after, self.span);
            match self.opened.read(|tx| tx.decisions_after(after, &span, PART)) {
                Ok(part) => self.part = part.into_iter(),
                Err(error) => {
                    // Nothing more comes after an error.
                    self.after = EventId(i64::MAX);
                    return (after != self.after).then_some(Err(error));
                }
            }
        }
        let row = self.part.next().filter(|row| row.event <= self.newest)?;
        self.after = row.event;
        Some(Ok(row))
    }
}

/// What is known of an event that stayed undecided as a recording without a decision, with names and ids as they are.
pub(super) fn unanswered(
    row: FailureRow,
    known: Option<&KnownSettings>,
    database: &Path,
) -> anyhow::Result<Recording> {
    let policy = RecordedPolicy { name: row.policy, version: row.version, digest: row.digest };
    told(row.event, &row.input, policy, known, database)
}

/// What a policy was told of an event, as a recording without a decision.
fn told(
    id: EventId,
    input: &str,
    policy: RecordedPolicy,
    known: Option<&KnownSettings>,
    database: &Path,
) -> anyhow::Result<Recording> {
    let event = serde_json::from_str(input).with_context(|| {
        format!(
            "the database `{}`: what was known at event {id} can't be read; a later version of Rolarr may have \
             written it",
            files::shown(database),
        )
    })?;
    Ok(Recording {
        format: Format,
        name: Some(format!("event {}", id.padded())),
        settings: known.filter(|known| known.digest == policy.digest).map(|known| known.settings.clone()),
        event,
        policy: Some(policy),
        decision: None,
    })
}

/// A decision as a recording, with names and ids as they are.
pub(super) fn recording(
    row: DecisionRow,
    known: Option<&KnownSettings>,
    database: &Path,
) -> anyhow::Result<Recording> {
    let policy = RecordedPolicy { name: row.policy, version: row.version, digest: row.digest };
    let recording = told(row.event, &row.input, policy, known, database)?;
    Ok(Recording { decision: Some(Expected { actions: row.actions, reason: row.reason }), ..recording })
}
