//! The result on a terminal.

use std::io::{self, Write};

use super::{
    report::{Difference, Mode, Report},
    side::About,
    tally::{Example, Kind, Told},
};
use crate::{
    cli::{
        moment::{grouped, shown},
        policy::difference,
    },
    domain::{Timestamp, without_addresses},
    policy::printable,
};

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "old  {}", about(&report.old))?;
    writeln!(out, "new  {}", about(&report.new))?;
    writeln!(out, "\n{}", summary(report))?;
    for (kind, title) in titles(report) {
        let mut differences = report.of(kind).peekable();
        if differences.peek().is_none() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        for difference in differences {
            writeln!(out, "\n  {}: {}", clean(&difference.what), counts(difference))?;
            if kind == Kind::Reason {
                continue;
            }
            for example in &difference.examples {
                one(out, example)?;
            }
        }
    }
    for note in notes(report) {
        writeln!(out, "\n{note}")?;
    }
    if report.not_compared > 0 {
        writeln!(out, "\nNot compared: {}", grouped(report.not_compared))?;
        for problem in &report.problems {
            let times = if problem.times == 1 {
                String::new()
            } else {
                format!("{} times: ", grouped(problem.times))
            };
            writeln!(out, "  {times}{}", clean(&problem.what))?;
        }
    }
    Ok(())
}

/// A side in one line.
pub(super) fn about(about: &About) -> String {
    let named = match (&about.name, &about.version) {
        (Some(name), Some(version)) => format!(" ({name} {version})"),
        _ => String::new(),
    };
    clean(&format!("{}{named}", about.given))
}

/// What was compared, and whose access differs.
pub(super) fn summary(report: &Report) -> String {
    if report.events == 0 {
        return "Nothing was compared.".to_owned();
    }
    let span = match (report.first, report.last) {
        (Some(first), Some(last)) => {
            format!(", {} to {}", shown(Timestamp(first)), shown(Timestamp(last)))
        }
        _ => String::new(),
    };
    let compared = format!(
        "{} of {} compared{span}.",
        count(report.events, "event"),
        count(report.members as u64, "member")
    );
    let affected = report.members_whose_access_differs as u64;
    let when = match report.mode {
        Mode::Step => "",
        Mode::Carry => " at some time",
    };
    let whose = match affected {
        0 => "Nobody's access would differ.".to_owned(),
        1 => format!("The access of 1 member would differ{when}."),
        many => format!("The access of {} members would differ{when}.", grouped(many)),
    };
    format!("{compared} {whose}")
}

/// The kinds of difference with their titles, in the order in which they are shown.
pub(super) fn titles(report: &Report) -> [(Kind, &'static str); 4] {
    let access = match report.mode {
        Mode::Step => "Other access",
        Mode::Carry => "Other access, for as long as it lasts",
    };
    [
        (Kind::Access, access),
        (Kind::Undecided, "Decided by one of them only: access stays as it was, and the operator is told"),
        (Kind::Actions, "The same access, other actions"),
        (Kind::Reason, "Only the reason differs (this counts as no difference)"),
    ]
}

/// How often, of whom, and for how long.
pub(super) fn counts(difference: &Difference) -> String {
    let whose = count(difference.members as u64, "member");
    match (difference.days, difference.lasting) {
        (Some(days), Some(lasting)) => {
            let days = match grouped_tenths(days).as_str() {
                "1" => "1 day".to_owned(),
                days => format!("{days} days"),
            };
            let times = count(difference.times, "time");
            format!("{whose}, {times}, {days} together, {} lasting to the end", grouped(lasting))
        }
        _ => format!("{} of {whose}", count(difference.times, "event")),
    }
}

/// A number with one digit behind the point, if there is one.
fn grouped_tenths(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days, for people")]
    let tenths = (number * 10.0).round().max(0.0) as u64;
    match tenths % 10 {
        0 => grouped(tenths / 10),
        tenth => format!("{}.{tenth}", grouped(tenths / 10)),
    }
}

/// What else there is to know.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.undecided_by_both > 0 {
        notes.push(format!("Neither decided {}.", count(report.undecided_by_both, "event")));
    }
    if report.stories > 0 {
        let (stories, are) = match report.stories {
            1 => ("1 story".to_owned(), "is"),
            many => (format!("{} stories", grouped(many)), "are"),
        };
        notes.push(format!("{stories} {are} left out: how one goes on depends on what is decided."));
    }
    if report.taken_up > 0 {
        notes.push(format!(
            "{} both took up the recorded access: it had changed otherwise than by what was decided (an administrator \
             removed the member, or events are missing).",
            if report.taken_up == 1 { "Once".to_owned() } else { format!("{} times", grouped(report.taken_up)) }
        ));
    }
    notes
}

/// What an example is about, in one line.
pub(super) fn headline(example: &Example) -> String {
    let name = if example.username.is_empty() { String::new() } else { format!(" ({})", example.username) };
    let event =
        if example.event.is_empty() { "an event".to_owned() } else { format!("event {}", example.event) };
    clean(&format!(
        "{event}, {}: member {}{name} {}; access was {}",
        shown(Timestamp(example.at)),
        example.member,
        example.cause,
        example.before
    ))
}

/// What both said, line by line: `-` only the old one, `+` only the new one.
pub(super) fn sides(example: &Example) -> Vec<String> {
    let Example { old, new, .. } = example;
    let mut lines = match (&old.undecided, &new.undecided) {
        (None, None) => difference::lines(&old.actions, &new.actions),
        _ => {
            let told = |sign: char, told: &Told| match &told.undecided {
                Some(why) => vec![format!("{sign} undecided: {why}")],
                None => difference::lines(&told.actions, &told.actions)
                    .iter()
                    .map(|line| format!("{sign} {}", line.strip_prefix("  ").unwrap_or(line)))
                    .collect(),
            };
            [told('-', old), told('+', new)].concat()
        }
    };
    if old.reason == new.reason {
        if !old.reason.is_empty() {
            lines.push(format!("  because: {}", old.reason));
        }
    } else {
        for (sign, told) in [('-', old), ('+', new)] {
            if !told.reason.is_empty() {
                lines.push(format!("{sign} because: {}", told.reason));
            }
        }
    }
    lines.iter().map(|line| clean(line)).collect()
}

fn one(out: &mut dyn Write, example: &Example) -> io::Result<()> {
    writeln!(out, "    {}", headline(example))?;
    sides(example).iter().try_for_each(|line| writeln!(out, "      {line}"))
}

/// A number of things.
pub(super) fn count(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {thing}{s}", grouped(number))
}

/// On one line, without an address, and without what a terminal would obey.
pub(super) fn clean(text: &str) -> String {
    printable(&without_addresses(text))
}
