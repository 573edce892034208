//! What a script hands to a function of the contract: a text or several, a table of named values. And how a value is
//! shown that does not fit.

use rhai::{Array, Dynamic, EvalAltResult, Map};

use crate::complaint::Complaint;
use crate::event::names;
use crate::vocabulary::{did_you_mean, listed};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A value with its kind, for a message.
pub(crate) fn show(value: &Dynamic) -> String {
    const MOST: usize = 60;
    let short = |text: String| match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    if value.is_string() {
        return format!("the text {}", short(format!("{value:?}")));
    }
    if value.is_int() {
        return format!("the number {value}");
    }
    if value.is_bool() {
        return format!("`{value}`");
    }
    match kind(value) {
        Some(kind) => kind.to_owned(),
        None => format!("a {}", value.type_name()),
    }
}

fn kind(value: &Dynamic) -> Option<&'static str> {
    if value.is_unit() {
        return Some("nothing");
    }
    if value.is_array() {
        return Some("a list");
    }
    if value.is_map() {
        return Some("a table `#{…}`");
    }
    if value.is_fnptr() {
        return Some("a function (without `()`)");
    }
    let name = value.type_name();
    [
        ("FilterValue", "a rule"),
        ("EventView", "the event"),
        ("Time", "a time"),
        ("Span", "a length of time"),
        ("MemberView", "a member"),
    ]
    .into_iter()
    .find(|(end, _)| name.ends_with(end))
    .map(|(_, kind)| kind)
}

/// One text, or a list of texts.
pub(crate) fn one_or_more(value: Dynamic, function: &str) -> Fallible<Vec<String>> {
    if value.is_string() {
        return Ok(vec![value.to_string()]);
    }
    match value.try_cast_result::<Array>() {
        Ok(list) => Ok(names(list, function)?.into_iter().map(Into::into).collect()),
        Err(value) => Err(Complaint::new(format!(
            "`{function}` takes a text or a list of texts, and got {}",
            show(&value)
        ))
        .into()),
    }
}

/// The fields of a table that a script gave, each taken out by its name.
pub(crate) struct Fields<'a> {
    map: Map,
    function: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(map: Map, function: &'a str, known: &[&str]) -> Fallible<Self> {
        for name in map.keys() {
            if !known.contains(&name.as_str()) {
                return Err(Complaint::new(format!(
                    "`{function}` knows no `{name}`{}",
                    match did_you_mean(name, known.iter().copied()) {
                        none if none.is_empty() => format!("; it knows {}", listed(known.iter().copied())),
                        meant => meant,
                    }
                ))
                .into());
            }
        }
        Ok(Self { map, function })
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Dynamic> {
        self.map.remove(name).filter(|value| !value.is_unit())
    }

    pub(crate) fn truth(&mut self, name: &str) -> Fallible<Option<bool>> {
        self.take(name)
            .map(|value| {
                value.as_bool().map_err(|_| {
                    Complaint::new(format!(
                        "`{name}` of `{}` is `true` or `false`, and got {}",
                        self.function,
                        show(&value)
                    ))
                    .into()
                })
            })
            .transpose()
    }

    pub(crate) fn texts(&mut self, name: &str) -> Fallible<Option<Vec<String>>> {
        let place = format!("{name}` of `{}", self.function);
        self.take(name).map(|value| one_or_more(value, &place)).transpose()
    }
}
