//! What is wrong with a script, in words for its author: the place, the line, and what was probably meant.
//!
//! The first line of every message says all by itself; it is what a log or the audit channel shows. The lines after
//! it show the script.

use std::fmt::Write as _;

use rhai::{Dynamic, EvalAltResult, LexError, ParseError, ParseErrorType, Position};

use crate::limits::{self, Stopped};
use crate::trace::Trace;
use crate::vocabulary::{Vocabulary, did_you_mean, listed};

/// A mistake that a function of the contract found.
#[derive(Clone, Debug)]
pub(crate) struct Complaint(String);

impl Complaint {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl From<Complaint> for Box<EvalAltResult> {
    fn from(complaint: Complaint) -> Self {
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(complaint), Position::NONE))
    }
}

/// A script as messages need it.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a> {
    /// The name of the file.
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) vocabulary: &'a Vocabulary,
    /// The functions and variables of the script itself.
    pub(crate) own: &'a [String],
    /// The names in the script's tables, its settings among them.
    pub(crate) keys: &'a [String],
}

/// How many characters of a line are shown.
const WIDTH: usize = 100;

/// How many calls are shown of a long chain.
const CALLS: usize = 4;

impl Page<'_> {
    /// A message about a place in the script.
    pub(crate) fn at(&self, position: Position, what: &str) -> String {
        let mut message = self.place(position);
        message.push_str(what);
        self.excerpt(position, &mut message);
        message
    }

    /// A message about what failed while the script ran.
    pub(crate) fn failed(&self, error: &EvalAltResult) -> String {
        let (inner, calls) = unwrap(error);
        let mut message = self.at(inner.position(), &self.explain(inner));
        self.chain(&calls, &mut message);
        message
    }

    /// A message about what a limit stopped.
    pub(crate) fn stopped(&self, error: &EvalAltResult, trace: &Trace) -> String {
        let mut message = self.at(trace.at, &self.explain(error));
        // The outermost call is the host's.
        let inside = trace.calls.iter().skip(1).rev();
        let calls: Vec<Call<'_>> = inside.map(|(function, from)| Call { function, from: *from }).collect();
        self.chain(&calls, &mut message);
        message
    }

    /// A message about what the script itself refused: its own words come first. None: it is another mistake.
    pub(crate) fn refused(&self, error: &EvalAltResult) -> Option<String> {
        let (inner, calls) = unwrap(error);
        let EvalAltResult::ErrorRuntime(thrown, position) = inner else { return None };
        if thrown.is::<Complaint>() || thrown.is::<Stopped>() {
            return None;
        }
        let mut message = thrown_text(thrown);
        self.excerpt(*position, &mut message);
        self.chain(&calls, &mut message);
        Some(message)
    }

    /// A message about what can't be read as a script at all.
    pub(crate) fn unreadable(&self, error: &ParseError) -> String {
        let position = if error.position().is_none() { self.end() } else { error.position() };
        let what = match error.err_type() {
            ParseErrorType::VariableExpected => match self.word(position) {
                "" => "here stands the name of a variable".to_owned(),
                word => format!("`{word}` is a word of the language: give the variable another name"),
            },
            other => self.explain_syntax(other),
        };
        self.at(position, &what)
    }

    fn place(&self, position: Position) -> String {
        match (position.line(), position.position()) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}: ", self.name),
            (Some(line), None) => format!("{}:{line}: ", self.name),
            _ => format!("{}: ", self.name),
        }
    }

    /// The end of the script, for what is missing there.
    fn end(&self) -> Position {
        let lines = self.text.trim_end().lines().count().max(1);
        let last = self.text.trim_end().lines().last().unwrap_or_default();
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        Position::new(number(lines), number(last.chars().count()))
    }

    /// The line with a mark below the place.
    fn excerpt(&self, position: Position, message: &mut String) {
        let Some((number, line)) = position.line().and_then(|number| Some((number, self.line(number)?)))
        else {
            return;
        };
        let column = position.position().unwrap_or(1).saturating_sub(1);
        // A line may be as long as a script.
        let skipped = if column < WIDTH { 0 } else { column - WIDTH / 2 };
        let part = |length| spaced(line.chars().skip(skipped).take(length));
        let shown = part(WIDTH);
        let under = " ".repeat(part(column - skipped).chars().count());
        let margin = " ".repeat(number.to_string().len());
        let _ = write!(message, "\n {margin} |\n {number} | {}\n {margin} | {under}^", shown.trim_end());
    }

    /// The word at a place, or nothing.
    fn word(&self, position: Position) -> &str {
        let place = position.line().zip(position.position());
        let rest = place.and_then(|(number, column)| {
            let line = self.line(number)?;
            let (start, _) = line.char_indices().nth(column.checked_sub(1)?)?;
            line.get(start..)
        });
        let rest = rest.unwrap_or_default();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn line(&self, number: usize) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)?)
    }

    /// From where the failing function was called.
    fn chain(&self, calls: &[Call<'_>], message: &mut String) {
        for call in calls.iter().take(CALLS) {
            let function = if call.function.starts_with("anon$") {
                "a function without a name".to_owned()
            } else {
                format!("`{}`", call.function)
            };
            let _ = match call.from.line().and_then(|number| Some((number, self.line(number)?))) {
                Some((number, line)) => {
                    let line: String = line.trim().chars().take(WIDTH).collect();
                    write!(message, "\n   in {function}, called in line {number}: {line}")
                }
                None => write!(message, "\n   in {function}"),
            };
        }
        if calls.len() > CALLS {
            let _ = write!(message, "\n   and {} more calls", calls.len() - CALLS);
        }
    }

    fn explain(&self, error: &EvalAltResult) -> String {
        use EvalAltResult as E;
        match error {
            E::ErrorParsing(what, _) => self.explain_syntax(what),
            E::ErrorStackOverflow(_) => {
                "functions call each other too deep: is there one that calls itself without end?".to_owned()
            }
            E::ErrorDataTooLarge(what, _) => match what.as_str() {
                "Length of string" => "a text, or the texts of a list together, are too long".to_owned(),
                "Size of array/BLOB" => "a list has too many elements".to_owned(),
                _ => "a table has too many names".to_owned(),
            },
            E::ErrorTooManyVariables(_) => "there are too many variables".to_owned(),
            E::ErrorTerminated(why, _) => match why.clone().try_cast::<Stopped>() {
                Some(why) => stopped_text(why),
                None => sentence(error),
            },
            E::ErrorFunctionNotFound(signature, _) => self.no_function(signature),
            E::ErrorDotExpr(text, _) => self.no_property(text),
            E::ErrorPropertyNotFound(name, _) => format!(
                "there is no `{name}` in this table{}",
                did_you_mean(name, self.keys.iter().map(String::as_str))
            ),
            E::ErrorVariableNotFound(name, _) => self.no_variable(name),
            E::ErrorMismatchDataType(expected, found, _) | E::ErrorMismatchOutputType(expected, found, _) => {
                format!("expected {}, found {}", plain_type(expected), plain_type(found))
            }
            E::ErrorArrayBounds(0, index, _) => format!("there is no element {index}: the list is empty"),
            E::ErrorArrayBounds(most, index, _) => {
                format!("there is no element {index}: the list has {most}, counted from 0")
            }
            E::ErrorRuntime(thrown, _) => thrown_text(thrown),
            other => sentence(other),
        }
    }

    fn explain_syntax(&self, error: &ParseErrorType) -> String {
        use ParseErrorType as P;
        match error {
            P::Reserved(word) if ["import", "export"].contains(&word.as_str()) => {
                format!("`{word}` can't be used: a policy is one script")
            }
            P::BadInput(LexError::ImproperSymbol(word, _)) if word == "eval" => {
                "`eval` can't be used: a script runs what stands in it, and no texts".to_owned()
            }
            P::Reserved(word) => format!("`{word}` can't be used here"),
            P::VariableUndefined(name) => self.no_variable(name),
            P::UnexpectedEOF => "the script ends too early: is a `}`, `)` or `]` missing?".to_owned(),
            P::ExprTooDeep => "this is nested too deep: use variables or functions for its parts".to_owned(),
            P::WrongSwitchCaseCondition => {
                "`_` can't have a condition in a `switch`: name the case, or use `if`".to_owned()
            }
            P::TooManyFunctions => "there are too many functions".to_owned(),
            other => lower(&other.to_string()),
        }
    }

    fn no_variable(&self, name: &str) -> String {
        if let Some(usage) = self.vocabulary.usage(name) {
            return format!("`{name}` is a function: write {usage}");
        }
        if name == "event" {
            return "there is no `event` here: hand it to the function, as in `fn name(event)`".to_owned();
        }
        let own = self.own.iter().map(String::as_str);
        let known = own.chain(["event", "settings", "true", "false"]).chain(self.vocabulary.contract());
        let meant = did_you_mean(name, known);
        let hint = if meant.is_empty() { ": a text stands in quotes" } else { "" };
        format!("there is no variable `{name}`{meant}{hint}")
    }

    /// `signature` is a name with the types of its arguments in brackets.
    fn no_function(&self, signature: &str) -> String {
        let (name, types) = signature.split_once('(').unwrap_or((signature, ""));
        let name = name.trim();
        let types: Vec<String> = match types.trim_end_matches(')') {
            "" => Vec::new(),
            types => types.split(',').map(plain_type).collect(),
        };
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return match types.as_slice() {
                [a, b] => format!("`{name}` can't be used between {a} and {b}{}", length_hint(&types)),
                _ => format!("`{name}` can't be used with {}", types.join(", ")),
            };
        }
        let got = if types.is_empty() { "nothing".to_owned() } else { types.join(", ") };
        if let Some(usage) = self.vocabulary.usage(name) {
            return format!("`{name}` can't be called with {got}; write {usage}");
        }
        if self.vocabulary.has_function(name) {
            return format!("`{name}` can't be called with {got}");
        }
        if self.own.iter().any(|own| own == name) {
            return format!("`{name}` of this script takes another number of values than {}", types.len());
        }
        self.unknown_function(name)
    }

    /// There is no function of this name at all.
    pub(crate) fn unknown_function(&self, name: &str) -> String {
        if self.vocabulary.has_property(name) {
            return format!("`{name}` is no function: write it without `()`");
        }
        let meant = did_you_mean(name, self.vocabulary.functions(self.own));
        format!("there is no function `{name}`{meant}")
    }

    /// `text` is what the engine says of a property that a type does not have.
    fn no_property(&self, text: &str) -> String {
        let mut quoted = text.split('\'').skip(1).step_by(2);
        let (Some(name), Some(of)) = (quoted.next(), quoted.next()) else { return lower(text) };
        if text.starts_with("No writable") {
            return format!("`{name}` can't be changed: what a script is given stays as it is");
        }
        if self.vocabulary.usage(name).is_some_and(|usage| usage.contains('.')) {
            return format!("`{name}` is a function: write `{name}(…)`");
        }
        let known = self.vocabulary.properties_of(of);
        if known.is_empty() {
            return format!("there is no `{name}` here: before the dot is {}", plain_type(of));
        }
        self.lacks(of, name)
    }

    /// A type has no property of this name.
    pub(crate) fn lacks(&self, of: &str, name: &str) -> String {
        let known = self.vocabulary.properties_of(of);
        let meant = match did_you_mean(name, known.iter().copied()) {
            none if none.is_empty() => format!("; it has {}", listed(known.iter().copied())),
            meant => meant,
        };
        format!("the {of} has no `{name}`{meant}")
    }

    /// No type at all has a property of this name.
    pub(crate) fn unknown_property(&self, name: &str) -> String {
        if self.vocabulary.usage(name).is_some() {
            return format!("`{name}` is a function: write `{name}(…)`");
        }
        let known = self.vocabulary.all_properties().chain(self.keys.iter().map(String::as_str));
        format!("nothing has a property `{name}`{}", did_you_mean(name, known))
    }
}

fn length_hint(types: &[String]) -> &'static str {
    let has = |what: &str| types.iter().any(|name| name == what);
    if has("a number") && (has("a time") || has("a length of time")) {
        "; a length of time is for example `days(7)` or `hours(1)`"
    } else {
        ""
    }
}

/// A call that the failing code stands in.
struct Call<'a> {
    function: &'a str,
    from: Position,
}

/// The error inside, and the calls around it, from the inside to the outside.
fn unwrap(mut error: &EvalAltResult) -> (&EvalAltResult, Vec<Call<'_>>) {
    let mut calls = Vec::new();
    while let EvalAltResult::ErrorInFunctionCall(function, _, inner, from) = error {
        calls.push(Call { function, from: *from });
        error = inner;
    }
    calls.reverse();
    (error, calls)
}

/// Why a limit stopped the script.
fn stopped_text(why: Stopped) -> String {
    match why {
        Stopped::Operations => format!(
            "it takes more than {} operations: is there a loop that does not end?",
            limits::OPERATIONS
        ),
        Stopped::Work => {
            "it does too much with lists, texts and functions that are called for each element: is there a \
                          loop that does not end, or one over a long list within another?"
                .to_owned()
        }
        Stopped::Memory => "it takes too much memory: does a list or a text grow without end?".to_owned(),
    }
}

fn thrown_text(thrown: &Dynamic) -> String {
    if let Some(why) = thrown.read_lock::<Stopped>() {
        return stopped_text(*why);
    }
    if let Some(complaint) = thrown.read_lock::<Complaint>() {
        return complaint.text().to_owned();
    }
    if thrown.is_unit() {
        return "the script gave up, and says no reason".to_owned();
    }
    // The first line of a message stands for itself.
    thrown.to_string().lines().next().unwrap_or_default().to_owned()
}

/// With spaces in place of tabs, which are as wide as the reader likes.
fn spaced(chars: impl Iterator<Item = char>) -> String {
    chars.collect::<String>().replace('\t', "    ")
}

/// What the engine says, without the place.
fn sentence(error: &EvalAltResult) -> String {
    let text = error.to_string();
    match text.rfind(" (line ") {
        Some(end) => lower(text.get(..end).unwrap_or(&text)),
        None => lower(&text),
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The name of a type, as an author knows it.
fn plain_type(name: &str) -> String {
    let name = name.trim();
    match name {
        "i64" => "a number",
        "bool" => "`true` or `false`",
        "()" => "nothing",
        "array" => "a list",
        "map" => "a table",
        "char" => "a character",
        "Fn" => "a function",
        "event" => "the event",
        "decision" => "a decision",
        "action" => "an action",
        "roles held elsewhere" => "the roles that are held elsewhere",
        _ if name.contains("String") || name.contains("str") => "a text",
        other => return format!("a {other}"),
    }
    .to_owned()
}
