//! How the demo looks: a block for each step, narrow enough for any terminal.

use std::io::{self, Write};

use super::{
    facts::{AtPlex, Decided, Facts, Told, action_name},
    story::{Check, Step},
};
use crate::{
    domain::contract::{AccountChange, Action, Cause, Filter, Grant, Restriction, Rule},
    policy::printable,
};

/// How wide lines get.
const WIDTH: usize = 100;

/// Where the text begins, behind the labels.
const INDENT: usize = 13;

/// How far the values of what is true at Plex stand behind their names.
const NAMES: usize = 9;

/// Prints, in colour or not.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    color: bool,
}

#[derive(Clone, Copy)]
enum Tone {
    Strong,
    Faint,
    Good,
    Bad,
}

impl<'a> Screen<'a> {
    pub(super) fn new(out: &'a mut dyn Write, color: bool) -> Self {
        Self { out, color }
    }

    /// What is about to be played.
    pub(super) fn opening(&mut self, policy: &str) -> io::Result<()> {
        let title = self.tint(Tone::Strong, "Rolarr, the whole bot, on this machine only");
        writeln!(self.out, "{title}\n")?;
        self.line("Discord", "simulated: the server \"Example\" with the role `Subscriber`")?;
        self.line("Plex", "simulated: plex.tv, and the server \"Attic\" with four libraries")?;
        self.line("Rolarr", "real: gateway, HTTP, SQLite, and the policy in its sandbox")?;
        self.line("Policy", policy)
    }

    /// A step begins.
    pub(super) fn begin(&mut self, number: usize, step: Step) -> io::Result<()> {
        let title = self.tint(Tone::Strong, step.title());
        writeln!(self.out, "\n{number:>2}  {title}")?;
        let (place, what) = step.happens();
        self.line(place, &format!("» {what}"))?;
        self.out.flush()
    }

    /// A step can't happen.
    pub(super) fn skipped(&mut self, why: &anyhow::Error) -> io::Result<()> {
        self.line("", &format!("does not happen: {why:#}"))
    }

    /// What is true after a step.
    pub(super) fn outcome(&mut self, before: &Facts, now: &Facts) -> io::Result<()> {
        for decided in now.decided.iter().skip(before.decided.len()) {
            self.line("Policy", &decision(decided))?;
        }
        let (first, rest) = at_plex(&now.plex);
        self.line("Plex", first)?;
        for (name, values) in rest {
            for (number, line) in wrapped(&values, WIDTH - INDENT - NAMES).into_iter().enumerate() {
                let name = if number == 0 { name } else { "" };
                self.row("", &format!("{name:<NAMES$}{line}"))?;
            }
        }
        if let Some(why) = now.held.as_ref().filter(|_| now.held != before.held) {
            self.line("Held", &printable(why))?;
        }
        for told in now.told.iter().filter(|told| !before.told.contains(told)) {
            self.line("to Ann", &message(told))?;
        }
        Ok(())
    }

    /// What was checked.
    pub(super) fn checks(&mut self, checks: &[Check]) -> io::Result<()> {
        for check in checks {
            match &check.wrong {
                None => {
                    let mark = self.tint(Tone::Good, "✓");
                    writeln!(self.out, "    {mark} {}", check.what)?;
                }
                Some((wanted, is)) => {
                    let mark = self.tint(Tone::Bad, "✗");
                    let what = self.tint(Tone::Bad, &check.what);
                    writeln!(self.out, "    {mark} {what}")?;
                    writeln!(self.out, "      expected: {}", printable(wanted))?;
                    writeln!(self.out, "      it is:    {}", printable(is))?;
                }
            }
        }
        self.out.flush()
    }

    /// The last lines.
    pub(super) fn closing(&mut self, good: bool, verdict: &str, note: &str) -> io::Result<()> {
        let verdict = self.tint(if good { Tone::Good } else { Tone::Bad }, verdict);
        writeln!(self.out, "\n{verdict}")?;
        for line in wrapped(note, WIDTH) {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    /// A command to copy.
    pub(super) fn example(&mut self, command: &str) -> io::Result<()> {
        let command = self.tint(Tone::Strong, command);
        writeln!(self.out, "\n    {command}")?;
        self.out.flush()
    }

    fn line(&mut self, label: &str, text: &str) -> io::Result<()> {
        let lines = text.lines().flat_map(|line| wrapped(line, WIDTH - INDENT));
        for (number, line) in lines.enumerate() {
            self.row(if number == 0 { label } else { "" }, &line)?;
        }
        Ok(())
    }

    fn row(&mut self, label: &str, text: &str) -> io::Result<()> {
        let label = self.tint(Tone::Faint, &format!("{label:<9}"));
        writeln!(self.out, "{}", format!("    {label}{text}").trim_end())
    }

    fn tint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "1;31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Breaks a text between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn decision(decided: &Decided) -> String {
    let cause = cause(&decided.cause);
    match &decided.decision {
        Ok((actions, reason)) => {
            let actions = match actions.as_slice() {
                [] => "nothing".to_owned(),
                some => some.iter().map(action).collect::<Vec<_>>().join("; "),
            };
            format!("{cause} → {actions} ({})", printable(reason))
        }
        Err(why) => format!("{cause} → no decision: {}", printable(why)),
    }
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::RoleAdded(role) => format!("role `{}` added", role.key),
        Cause::RoleRemoved(role) => format!("role `{}` removed", role.key),
        Cause::MemberLeft => "member left".to_owned(),
        Cause::Wake(tag) => format!("wake `{}`", printable(tag)),
        Cause::Account(change) => match change {
            AccountChange::Identified => "address given",
            AccountChange::AskExpired => "no address given in time",
            AccountChange::Accepted => "invitation accepted",
            AccountChange::Declined => "invitation declined",
            AccountChange::LeftService => "share ended",
            AccountChange::RemovedByAdmin => "removed by an administrator",
        }
        .to_owned(),
        Cause::Review(_) => "review".to_owned(),
        Cause::Other(other) => printable(&other.name),
    }
}

fn action(action: &Action) -> String {
    let name = action_name(action);
    let detail = match action {
        Action::Invite(grant) => granted(grant),
        Action::RestrictTo(restriction) => restricted(restriction),
        Action::SetLibraries(libraries) => libraries.join(", "),
        Action::Tell(message) => format!("\"{}\"", message.text),
        Action::WakeAt(wake) => wake.tag.clone(),
        Action::CancelWake(tag) => tag.clone(),
        Action::SetMemo(memo) => format!("\"{memo}\""),
        Action::Other(other) => other.name.clone(),
        Action::Unrestrict | Action::Remove | Action::Quiet => String::new(),
    };
    printable(format!("{name} {detail}").trim_end())
}

fn granted(grant: &Grant) -> String {
    grant.libraries.as_ref().map(|libraries| format!("[{}]", libraries.join(", "))).unwrap_or_default()
}

fn restricted(restriction: &Restriction) -> String {
    let media = [
        ("movies", &restriction.movies),
        ("television", &restriction.television),
        ("music", &restriction.music),
        ("photos", &restriction.photos),
    ];
    let mut parts: Vec<(Vec<&str>, String)> = Vec::new();
    for (name, filter) in media {
        let becomes = match filter {
            Filter::Keep => continue,
            Filter::Clear => "everything".to_owned(),
            Filter::Only(rule) => ruled(rule),
        };
        match parts.iter_mut().find(|(_, same)| *same == becomes) {
            Some((names, _)) => names.push(name),
            None => parts.push((vec![name], becomes)),
        }
    }
    let mut said: Vec<String> =
        parts.into_iter().map(|(names, becomes)| format!("{}: {becomes}", names.join(", "))).collect();
    let mut switch = |name: &str, on: Option<bool>| {
        if let Some(on) = on {
            said.push(format!("{name}: {}", if on { "yes" } else { "no" }));
        }
    };
    switch("downloads", restriction.downloads);
    switch("live television", restriction.live_tv);
    said.join("; ")
}

fn ruled(rule: &Rule) -> String {
    let lists = [
        ("label", &rule.labels),
        ("not label", &rule.not_labels),
        ("rating", &rule.ratings),
        ("not rating", &rule.not_ratings),
    ];
    let some = lists.iter().filter(|(_, values)| !values.is_empty());
    let said: Vec<String> =
        some.map(|(name, values)| format!("{name} `{}`", values.join("` or `"))).collect();
    if said.is_empty() { "everything".to_owned() } else { format!("only {}", said.join(" and ")) }
}

/// How Ann stands, and more of it: names with their values.
fn at_plex(plex: &AtPlex) -> (&'static str, Vec<(&'static str, String)>) {
    let mut more = Vec::new();
    let first = match &plex.share {
        None if plex.friend => "Ann is a friend, nothing is shared with her",
        None => "Ann is nobody to the owner: no invitation, no share",
        Some((libraries, false)) => {
            more.push(("offers", libraries.join(", ")));
            "Ann is invited and has not accepted"
        }
        Some((_, true)) => {
            let sees = plex.sees.iter().map(|(library, titles)| {
                let titles = if titles.is_empty() { "nothing".to_owned() } else { titles.join(", ") };
                format!("{library}: {titles}")
            });
            more.push(("sees", sees.collect::<Vec<_>>().join(" | ")));
            let filters = plex.filters.iter().map(|(name, filter)| format!("{name} `{filter}`"));
            let filters = filters.collect::<Vec<_>>().join(", ");
            more.push(("filters", if filters.is_empty() { "none".to_owned() } else { filters }));
            "Ann is a friend, the share is accepted"
        }
    };
    if !plex.plays.is_empty() {
        more.push(("plays", plex.plays.join(", ")));
    }
    if !plex.history.is_empty() {
        more.push(("history", plex.history.join(", ")));
    }
    (first, more)
}

fn message(told: &Told) -> String {
    let mut text = String::new();
    if told.edited {
        text.push_str("(edited) ");
    } else if told.private {
        text.push_str("(only for her) ");
    }
    for (number, line) in told.text.lines().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&printable(line));
    }
    for (label, enabled) in &told.buttons {
        let state = if *enabled { "" } else { ", closed" };
        text.push_str(&format!("\n[{}]{state}", printable(label)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_within() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrapped("", 3), [""]);
    }

    #[test]
    fn what_a_policy_says_reaches_no_terminal_as_it_is() {
        let decided = Decided {
            cause: Cause::MemberLeft,
            decision: Ok((vec![Action::SetMemo("\x1b[2J".to_owned())], "\x1b]0;x\x07".to_owned())),
        };
        let shown = decision(&decided);
        assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{shown}");
    }

    #[test]
    fn a_restriction_is_told_in_few_words() {
        let label = || Filter::Only(Rule { labels: vec!["a".to_owned()], ..Rule::default() });
        let restriction = Restriction {
            movies: label(),
            television: label(),
            music: Filter::Clear,
            live_tv: Some(false),
            ..Restriction::default()
        };
        assert_eq!(
            action(&Action::RestrictTo(restriction)),
            "restrict-to movies, television: only label `a`; music: everything; live television: no"
        );
    }
}
