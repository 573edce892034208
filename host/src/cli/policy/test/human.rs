//! A run for people.

use std::io::{self, Write};

use super::event::{Finding, RunEvent, Show, StepReport, Tested, Totals, Verdict};
use crate::{
    cli::policy::{difference, logs},
    files,
};

/// Writes a run for people.
pub(super) struct Human<'a> {
    out: &'a mut dyn Write,
    paint: Paint,
    /// Cases that pass are not shown.
    quiet: bool,
    /// The table of what is covered is shown.
    table: bool,
    last_error: String,
}

impl<'a> Human<'a> {
    pub(super) fn new(out: &'a mut dyn Write, color: bool, quiet: bool, table: bool) -> Self {
        Self { out, paint: Paint { color }, quiet, table, last_error: String::new() }
    }
}

/// Colors, or none.
#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn alarm(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A line of a comparison.
    fn compared(self, line: &str) -> String {
        match line.as_bytes().first() {
            Some(b'-') => self.red(line),
            Some(b'+') => self.green(line),
            _ => line.to_owned(),
        }
    }
}

impl Show for Human<'_> {
    fn show(&mut self, event: &RunEvent<'_>) -> io::Result<()> {
        match event {
            RunEvent::Started { .. } => Ok(()),
            RunEvent::Problem(text) => writeln!(self.out, "{} {text}", self.paint.alarm("ERROR")),
            RunEvent::Tested(tested) => self.tested(tested),
            RunEvent::Updated { file, cases } => {
                let plural = if *cases == 1 { "case" } else { "cases" };
                writeln!(self.out, "updated {}: {cases} {plural}", files::shown(file))
            }
            RunEvent::Ended(totals) => self.ended(totals),
        }
    }
}

impl Human<'_> {
    fn tested(&mut self, tested: &Tested) -> io::Result<()> {
        let title = tested.title();
        match &tested.verdict {
            Verdict::Passed if self.quiet => Ok(()),
            Verdict::Passed => writeln!(self.out, "{}    {title}", self.paint.green("ok")),
            Verdict::Failed => {
                writeln!(self.out, "{}  {title}", self.paint.alarm("FAIL"))?;
                for step in tested.steps.iter().filter(|step| !step.findings.is_empty()) {
                    for line in lines(step, self.paint) {
                        writeln!(self.out, "      {line}")?;
                    }
                }
                Ok(())
            }
            Verdict::Error(problem) => {
                writeln!(self.out, "{} {title}", self.paint.alarm("ERROR"))?;
                // A policy that does not load fails every case with the same words.
                let shown = if *problem == self.last_error { "the same" } else { problem };
                shown.lines().try_for_each(|line| writeln!(self.out, "      {line}"))?;
                self.last_error.clone_from(problem);
                Ok(())
            }
        }
    }

    fn ended(&mut self, totals: &Totals) -> io::Result<()> {
        let Totals { passed, failed, errors, updated, coverage, .. } = totals;
        if self.table {
            writeln!(self.out)?;
            coverage.table().iter().try_for_each(|line| writeln!(self.out, "{line}"))?;
        }
        let passed = format!("{passed} passed");
        let failed_text = format!("{failed} failed");
        write!(
            self.out,
            "\n{}, {}",
            self.paint.green(&passed),
            if *failed > 0 { self.paint.alarm(&failed_text) } else { failed_text }
        )?;
        if *updated > 0 {
            write!(self.out, ", {updated} updated")?;
        }
        let errors = match errors {
            0 => String::new(),
            1 => "1 error".to_owned(),
            n => format!("{n} errors"),
        };
        if !errors.is_empty() {
            write!(self.out, ", {}", self.paint.alarm(&errors))?;
        }
        writeln!(self.out)?;
        match coverage.is_empty() {
            true => Ok(()),
            false => writeln!(self.out, "{}", self.paint.faint(&coverage.line())),
        }
    }
}

/// What is wrong with an event or a step.
fn lines(step: &StepReport, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((number, line)) = step.step {
        lines.push(format!("step {number} (line {line}):"));
    }
    for same in step.happened.chunk_by(|one, other| one == other) {
        match same {
            [one] => lines.push(one.clone()),
            [one, ..] => lines.push(format!("{one} ({} times)", same.len())),
            [] => {}
        }
    }
    let mut reason_shown = false;
    for finding in &step.findings {
        match finding {
            Finding::Undecided(why) => {
                let mut parts = why.lines();
                lines.push(format!("no decision: {}", parts.next().unwrap_or_default()));
                lines.extend(parts.map(str::to_owned));
                reason_shown = true;
            }
            Finding::Actions { expected, decided } => {
                lines.push("actions (- expected, + decided):".to_owned());
                lines.extend(
                    difference::lines(expected, decided)
                        .iter()
                        .map(|line| format!("  {}", paint.compared(line))),
                );
            }
            Finding::Reason { expected, decided } => {
                reason_shown = true;
                lines.push("reason (- expected, + decided):".to_owned());
                lines.push(format!("  {}", paint.red(&format!("- {}", crate::policy::printable(expected)))));
                lines.push(format!("  {}", paint.green(&format!("+ {decided}"))));
            }
            Finding::Over { what, most, found } => {
                lines.push(format!("{what}: {found}, and at most {most} are allowed"));
            }
            Finding::Stands { what, expected, found } => {
                lines.push(format!("{what} afterwards (- expected, + there):"));
                let or_none = |list: &[String]| match list.join(", ") {
                    text if text.is_empty() => "nothing".to_owned(),
                    text => text,
                };
                lines.push(format!("  {}", paint.red(&format!("- {}", or_none(expected)))));
                lines.push(format!("  {}", paint.green(&format!("+ {}", or_none(found)))));
            }
        }
    }
    if !reason_shown && !step.happened.is_empty() {
        lines.push(format!("reason: {}", step.reason));
    }
    let mut logged = Vec::new();
    // Writing to memory does not fail.
    let _ = logs::write(&mut logged, &step.logs);
    lines.extend(String::from_utf8_lossy(&logged).lines().map(|line| line.trim_start().to_owned()));
    lines
}

/// What is wrong with a case, without colors.
pub(super) fn plain(tested: &Tested) -> String {
    let steps = tested.steps.iter().filter(|step| !step.findings.is_empty());
    steps.flat_map(|step| lines(step, Paint { color: false })).collect::<Vec<_>>().join("\n")
}
