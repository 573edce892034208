//! A run as a JUnit report: XML, as build servers read it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

use super::{
    event::{RunEvent, Show, Tested, Verdict},
    human,
};

/// Collects a run and writes it when it has ended: the numbers stand before the cases.
pub(super) struct JUnit<'a> {
    out: &'a mut dyn Write,
    suites: Vec<Suite>,
}

/// The cases of a file.
struct Suite {
    name: PathBuf,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    took: Duration,
    /// `failure` or `error`, with what to say.
    trouble: Option<(&'static str, String)>,
}

impl<'a> JUnit<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, suites: Vec::new() }
    }

    /// Adds a case. Those of a file come one after the other.
    fn add(&mut self, file: &Path, case: Case) {
        match self.suites.last_mut() {
            Some(suite) if suite.name == file => suite.cases.push(case),
            _ => self.suites.push(Suite { name: file.to_owned(), cases: vec![case] }),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut writer = Writer::new_with_indent(&mut self.out, b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let all: Vec<&Case> = self.suites.iter().flat_map(|suite| &suite.cases).collect();
        let mut root = BytesStart::new("testsuites");
        root.push_attribute(("name", "rolarr policy test"));
        numbers(&mut root, &all);
        writer.write_event(Event::Start(root))?;
        for suite in &self.suites {
            let mut start = BytesStart::new("testsuite");
            let name = xml_text(&suite.name.to_string_lossy());
            start.push_attribute(("name", name.as_str()));
            numbers(&mut start, &suite.cases.iter().collect::<Vec<_>>());
            writer.write_event(Event::Start(start))?;
            for case in &suite.cases {
                write_case(&mut writer, &name, case)?;
            }
            writer.write_event(Event::End(BytesEnd::new("testsuite")))?;
        }
        writer.write_event(Event::End(BytesEnd::new("testsuites")))?;
        writeln!(self.out)
    }
}

impl Show for JUnit<'_> {
    fn show(&mut self, event: &RunEvent<'_>) -> io::Result<()> {
        match event {
            RunEvent::Started { .. } | RunEvent::Updated { .. } => {}
            RunEvent::Problem(text) => {
                let trouble = Some(("error", (*text).to_owned()));
                let case = Case { name: "reading".to_owned(), took: Duration::ZERO, trouble };
                self.add(Path::new("rolarr policy test"), case);
            }
            RunEvent::Tested(tested) => {
                let case = Case { name: tested.name.clone(), took: tested.took, trouble: trouble(tested) };
                self.add(&tested.file, case);
            }
            RunEvent::Ended(_) => self.write()?,
        }
        Ok(())
    }
}

fn trouble(tested: &Tested) -> Option<(&'static str, String)> {
    match &tested.verdict {
        Verdict::Passed => None,
        Verdict::Failed => Some(("failure", human::plain(tested))),
        Verdict::Error(problem) => Some(("error", problem.clone())),
    }
}

fn numbers(tag: &mut BytesStart<'_>, cases: &[&Case]) {
    let with = |kind: &str| {
        let has = |case: &&&Case| case.trouble.as_ref().is_some_and(|(trouble, _)| *trouble == kind);
        cases.iter().filter(has).count().to_string()
    };
    let took: Duration = cases.iter().map(|case| case.took).sum();
    tag.push_attribute(("tests", cases.len().to_string().as_str()));
    tag.push_attribute(("failures", with("failure").as_str()));
    tag.push_attribute(("errors", with("error").as_str()));
    tag.push_attribute(("time", seconds(took).as_str()));
}

fn write_case<W: Write>(writer: &mut Writer<W>, suite: &str, case: &Case) -> io::Result<()> {
    let name = xml_text(&case.name);
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("classname", suite));
    start.push_attribute(("name", name.as_str()));
    start.push_attribute(("time", seconds(case.took).as_str()));
    let Some((kind, text)) = &case.trouble else {
        return writer.write_event(Event::Empty(start));
    };
    writer.write_event(Event::Start(start))?;
    let text = xml_text(text);
    let mut trouble = BytesStart::new(*kind);
    trouble.push_attribute(("message", text.lines().next().unwrap_or_default()));
    writer.write_event(Event::Start(trouble))?;
    writer.write_event(Event::Text(BytesText::new(&text)))?;
    writer.write_event(Event::End(BytesEnd::new(*kind)))?;
    writer.write_event(Event::End(BytesEnd::new("testcase")))
}

fn seconds(took: Duration) -> String {
    format!("{:.6}", took.as_secs_f64())
}

/// XML can't hold control characters, not even escaped.
fn xml_text(text: &str) -> String {
    text.lines().map(crate::policy::printable).collect::<Vec<_>>().join("\n")
}
