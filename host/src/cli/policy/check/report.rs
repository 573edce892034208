//! What was found of a policy, for people and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::trial::{Seen, Share, Undecided};
use crate::{
    cli::policy::logs,
    domain::{UntrustedText, printable},
    policy::{CONTRACT, Description, Kind, LogLine, Policy},
};

/// What was found of a policy.
#[derive(Debug)]
pub(super) struct Report {
    /// As it was named, or the file that this stands for.
    pub(super) file: String,
    /// Why there is nothing to look at.
    pub(super) unreadable: Option<String>,
    pub(super) description: Option<Description>,
    /// Why it does not load.
    pub(super) problem: Option<String>,
    /// What there is to say about that in further lines, or empty.
    pub(super) details: String,
    /// How large the script is, in bytes, if it is one.
    pub(super) script: Option<usize>,
    pub(super) policy: Option<Policy>,
    /// What it logged while it was loaded.
    pub(super) logs: Vec<LogLine>,
    pub(super) seen: Option<Seen>,
    /// How large a module may be, in bytes.
    pub(super) size_limit: u64,
    /// What could not be checked.
    pub(super) unchecked: Vec<String>,
}

impl Report {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            unreadable: None,
            description: None,
            problem: None,
            details: String::new(),
            script: None,
            policy: None,
            logs: Vec::new(),
            seen: None,
            size_limit: 0,
            unchecked: Vec::new(),
        }
    }

    /// The exit code.
    pub(super) fn exit(&self) -> u8 {
        let bad = |seen: &Seen| {
            !seen.unstable.is_empty() || !seen.undecided.is_empty() || !seen.impossible.is_empty()
        };
        match &self.seen {
            None => 1,
            Some(seen) if bad(seen) => 1,
            Some(seen) if seen.untested > 0 || seen.events == 0 || !self.unchecked.is_empty() => 2,
            Some(_) => 0,
        }
    }

    /// All limits of which is known how much is used, the size of the module among them.
    fn shares(&self) -> Vec<Share> {
        let mut shares = Vec::new();
        if let (Some(description), true) = (&self.description, self.size_limit > 0) {
            shares.push(Share {
                limit: "module_bytes",
                most: description.size as u64,
                of: self.size_limit,
                event: String::new(),
            });
        }
        shares.extend(self.seen.iter().flat_map(|seen| seen.shares.iter().cloned()));
        shares
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(problem) = &self.unreadable {
            return writeln!(out, "{}", printable(problem));
        }
        writeln!(out, "{}", printable(&self.file))?;
        if let Some(description) = &self.description {
            describe(out, self.script, description)?;
        }
        if let Some(policy) = &self.policy {
            loaded(out, policy)?;
        }
        if let Some(seen) = &self.seen {
            tried(out, seen)?;
        }
        logs::write(out, &self.logs)?;
        for share in self.shares().iter().filter(|share| share.is_near()) {
            writeln!(out, "\nwarning: {}", near(share))?;
        }
        for problem in &self.unchecked {
            writeln!(out, "\nnot checked: {}", printable(problem))?;
        }
        match (&self.problem, &self.seen) {
            (Some(problem), _) if self.details.is_empty() => {
                let end = if problem.ends_with('?') { "" } else { "." };
                writeln!(out, "\nIt does not load: {}{end}", printable(problem))
            }
            (Some(problem), _) => writeln!(out, "\nIt does not load: {problem}\n{}", self.details),
            (None, Some(seen)) => verdict(out, seen),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn json(&self) -> Value {
        let description = self.description.as_ref();
        let metadata = self.policy.as_ref().map(Policy::metadata);
        let seen = self.seen.as_ref();
        json!({
            "format": 1,
            "file": self.file,
            "loads": self.policy.is_some(),
            "problem": self.unreadable.as_ref().or(self.problem.as_ref()),
            "details": (!self.details.is_empty()).then_some(&self.details),
            "form": match self.script {
                Some(_) => Some("script"),
                None => description.map(|description| form(&description.kind)),
            },
            "script-size": self.script,
            "size": description.map(|description| description.size),
            "contract": description.map(|description| &description.contract),
            "imports": description.map(|description| &description.imports),
            "initial-memory": description.map(|description| description.initial_memory),
            "name": metadata.map(|metadata| &metadata.name),
            "version": metadata.map(|metadata| &metadata.version),
            "description": metadata.map(|metadata| &metadata.description),
            "settings-schema": metadata.and_then(|metadata| {
                let schema = metadata.settings_schema.as_ref()?;
                Some(serde_json::from_str(schema).unwrap_or_else(|_| Value::from(schema.as_str())))
            }),
            "digest": self.policy.as_ref().map(Policy::digest),
            "starts-from-a-snapshot": self.policy.as_ref().map(Policy::starts_from_a_snapshot),
            "events": seen.map(|seen| seen.events),
            "unstable": seen.map(|seen| &seen.unstable),
            "undecided": seen.map(|seen| reasons(&seen.undecided)),
            "impossible": seen.map(|seen| reasons(&seen.impossible)),
            "out-of-time": seen.map(|seen| seen.untested),
            "limits": self.shares().iter().map(|share| {
                json!({
                    "limit": share.limit,
                    "most": share.most,
                    "of": share.of,
                    "event": share.event,
                    "near": share.is_near(),
                })
            }).collect::<Vec<_>>(),
            "logs": self.logs.iter().map(|line| &line.text).collect::<Vec<_>>(),
            "logged-by-events": seen.map(|seen| seen.logged),
            "unchecked": self.unchecked,
            "exit-code": self.exit(),
        })
    }
}

fn listed(texts: &[UntrustedText]) -> String {
    texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn reasons(all: &[Undecided]) -> Vec<Value> {
    let each = all.iter().flat_map(|Undecided { why, details, events }| {
        let details = (!details.is_empty()).then_some(details);
        events.iter().map(move |event| json!({ "event": event, "why": why, "details": details }))
    });
    each.collect()
}

fn form(kind: &Kind) -> &'static str {
    match kind {
        Kind::Component => "component",
        Kind::CoreModule => "core module with the contract in it",
    }
}

fn describe(out: &mut dyn Write, script: Option<usize>, description: &Description) -> io::Result<()> {
    let Description { kind, size, contract, imports, initial_memory } = description;
    if let Some(script) = script {
        field(out, "form", "script")?;
        field(out, "size", &format!("{script} bytes, and {size} bytes that run scripts"))?;
        return field(out, "contract", &format!("{contract} (this Rolarr offers {CONTRACT})"));
    }
    field(out, "form", form(kind))?;
    field(out, "size", &format!("{size} bytes"))?;
    field(out, "contract", &format!("{contract} (this Rolarr offers {CONTRACT})"))?;
    field(out, "imports", &if imports.is_empty() { "nothing".to_owned() } else { listed(imports) })?;
    field(out, "memory", &format!("{} KiB at the start", initial_memory / 1024))
}

fn loaded(out: &mut dyn Write, policy: &Policy) -> io::Result<()> {
    let metadata = policy.metadata();
    field(out, "name", &format!("{} {}", metadata.name, metadata.version))?;
    field(out, "description", &metadata.description)?;
    let settings = match &metadata.settings_schema {
        None => "no schema".to_owned(),
        Some(schema) => match serde_json::from_str::<Value>(schema) {
            Err(error) => format!("a schema that is not valid JSON: {error}"),
            Ok(schema) => match schema.get("properties").and_then(Value::as_object) {
                Some(names) if !names.is_empty() => {
                    names.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                }
                _ => "a schema without names".to_owned(),
            },
        },
    };
    field(out, "settings", &settings)?;
    let start = if policy.starts_from_a_snapshot() {
        "from the memory that `configure` left behind"
    } else {
        "`configure` runs for every event: the component is of a kind that can't be snapshotted"
    };
    field(out, "events start", start)?;
    field(out, "digest", policy.digest())
}

fn tried(out: &mut dyn Write, seen: &Seen) -> io::Result<()> {
    field(out, "tried", &format!("{} events, each twice", seen.events))?;
    let most = |limit: &str| seen.shares.iter().find(|share| share.limit == limit);
    for (name, limit) in [("fuel", "fuel"), ("memory used", "memory_bytes"), ("answer", "answer_bytes")] {
        if let Some(share) = most(limit) {
            let text = format!("at most {} of {} ({})", share.most, share.of, percent(share));
            field(out, name, &text)?;
        }
    }
    match seen.logged {
        0 => Ok(()),
        1 => field(out, "logged", "1 line"),
        lines => field(out, "logged", &format!("{lines} lines")),
    }
}

fn percent(share: &Share) -> String {
    let per_mille = share.per_mille();
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

fn near(share: &Share) -> String {
    let Share { limit, most, of, event } = share;
    let event = if event.is_empty() { String::new() } else { format!(", for the event: {event}") };
    format!("it comes near the limit `{limit}`: {most} of {of} ({}){event}", percent(share))
}

/// Of a long list only the beginning is shown.
const SHOWN: usize = 5;

fn verdict(out: &mut dyn Write, seen: &Seen) -> io::Result<()> {
    let more = |out: &mut dyn Write, count: usize| match count.saturating_sub(SHOWN) {
        0 => Ok(()),
        rest => writeln!(out, "  and {rest} more"),
    };
    if !seen.unstable.is_empty() {
        writeln!(out, "\nIt loads, but decides the same event differently, or at another cost:")?;
        seen.unstable.iter().take(SHOWN).try_for_each(|event| writeln!(out, "  {event}"))?;
        more(out, seen.unstable.len())?;
    }
    if !seen.undecided.is_empty() {
        writeln!(out, "\nIt loads, but leaves events undecided, from which nothing would follow:")?;
        seen.undecided.iter().take(SHOWN).try_for_each(|undecided| left_undecided(out, undecided))?;
        match seen.undecided.len().saturating_sub(SHOWN) {
            0 => {}
            rest => writeln!(out, "  and others, for {rest} other reasons")?,
        }
    }
    if !seen.impossible.is_empty() {
        writeln!(out, "\nIt loads, but asks for restrictions that can't be set at Plex:")?;
        seen.impossible.iter().take(SHOWN).try_for_each(|reason| left_undecided(out, reason))?;
        match seen.impossible.len().saturating_sub(SHOWN) {
            0 => {}
            rest => writeln!(out, "  and others, for {rest} other reasons")?,
        }
    }
    if seen.untested > 0 {
        writeln!(
            out,
            "\nThe machine was too busy for {} events: there is no verdict on them.",
            seen.untested
        )?;
    }
    let decides = seen.unstable.is_empty() && seen.undecided.is_empty() && seen.impossible.is_empty();
    if decides && seen.untested == 0 && seen.events > 0 {
        writeln!(out, "\nIt loads, and decides every event, both times the same.")?;
    }
    Ok(())
}

/// Why, in full, and then for which events.
fn left_undecided(out: &mut dyn Write, undecided: &Undecided) -> io::Result<()> {
    let Undecided { why, details, events } = undecided;
    match events.len() {
        1 => writeln!(out, "  1 event: {why}")?,
        many => writeln!(out, "  {many} events: {why}")?,
    }
    details.lines().try_for_each(|line| writeln!(out, "  {line}"))?;
    events.iter().take(SHOWN).try_for_each(|event| writeln!(out, "    {event}"))?;
    match events.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        rest => writeln!(out, "    and {rest} more"),
    }
}

fn field(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "  {name:<13} {}", printable(value))
}
