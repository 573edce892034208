//! The actions, as a script writes them.

use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map};
use rolarr_policy::contract::{
    Action, Combine, Filter, Grant, Message, Moment, Restriction, Rule, Timestamp, Wake,
};

use crate::complaint::Complaint;
use crate::event::names;
use crate::limits::Meter;
use crate::moment::{Now, Time};
use crate::vocabulary::{Vocabulary, did_you_mean, listed};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// One action.
#[derive(Clone)]
pub(crate) struct ActionValue(pub(crate) Action);

/// Actions with a reason.
#[derive(Clone)]
pub(crate) struct DecisionValue {
    pub(crate) actions: Vec<Action>,
    pub(crate) reason: Option<String>,
}

/// What becomes of the filter of one type of media.
#[derive(Clone)]
struct FilterValue(Filter);

/// What it costs to make a rule or what holds four of them, in units of fuel.
const FILTERS: u64 = 12_000;

/// Names of the types, as messages show them.
pub(crate) const ACTION: &str = "action";
pub(crate) const DECISION: &str = "decision";
pub(crate) const RULE: &str = "rule";

/// The label that no item should carry.
const NO_ACCESS: &str = "noAccess";

/// The actions in what a script gave: one, a list of them, or nothing.
pub(crate) fn collect(value: Dynamic, function: &str) -> Fallible<Vec<Action>> {
    let mut actions = Vec::new();
    gather(value, function, &mut actions)?;
    Ok(actions)
}

fn gather(value: Dynamic, place: &str, into: &mut Vec<Action>) -> Fallible<()> {
    if value.is_unit() {
        return Ok(());
    }
    let value = match value.try_cast_result::<ActionValue>() {
        Ok(ActionValue(action)) => {
            into.push(action);
            return Ok(());
        }
        Err(value) => value,
    };
    let value = match value.try_cast_result::<DecisionValue>() {
        Ok(decision) => {
            into.extend(decision.actions);
            return Ok(());
        }
        Err(value) => value,
    };
    match value.try_cast_result::<Array>() {
        Ok(list) => list.into_iter().try_for_each(|value| gather(value, place, into)),
        Err(value) => Err(Complaint::new(no_action(&value, place)).into()),
    }
}

/// What is wrong with a value that is no action.
pub(crate) fn no_action(value: &Dynamic, place: &str) -> String {
    let shown = show(value);
    let hint = match value.clone().into_string() {
        Ok(text) if is_name_of_an_action(&text) => {
            format!("; write `{}()` without quotes", text.replace('-', "_"))
        }
        _ if value.type_name().contains("FilterValue") => "; write `restrict_to(…)` around it".to_owned(),
        _ => "; an action is for example `invite()`, and several are `[invite(), tell(\"…\")]`".to_owned(),
    };
    format!("`{place}` got {shown}, which is no action{hint}")
}

fn is_name_of_an_action(text: &str) -> bool {
    ["invite", "unrestrict", "remove", "quiet", "restrict-to", "set-libraries", "tell"]
        .contains(&text.replace('_', "-").as_str())
}

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
fn one_or_more(value: Dynamic, function: &str) -> Fallible<Vec<String>> {
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
struct Fields<'a> {
    map: Map,
    function: &'a str,
}

impl<'a> Fields<'a> {
    fn new(map: Map, function: &'a str, known: &[&str]) -> Fallible<Self> {
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

    fn take(&mut self, name: &str) -> Option<Dynamic> {
        self.map.remove(name).filter(|value| !value.is_unit())
    }

    fn truth(&mut self, name: &str) -> Fallible<Option<bool>> {
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

    fn texts(&mut self, name: &str) -> Fallible<Option<Vec<String>>> {
        let place = format!("{name}` of `{}", self.function);
        self.take(name).map(|value| one_or_more(value, &place)).transpose()
    }

    fn filter(&mut self, name: &str) -> Fallible<Filter> {
        match self.take(name).map(Dynamic::try_cast_result::<FilterValue>) {
            None => Ok(Filter::Keep),
            Some(Ok(FilterValue(filter))) => Ok(filter),
            Some(Err(value)) => Err(Complaint::new(format!(
                "`{name}` of `{}` is a rule, for example `only_labels(\"…\")`, and got {}",
                self.function,
                show(&value)
            ))
            .into()),
        }
    }
}

fn grant(map: Map) -> Fallible<Grant> {
    let mut fields = Fields::new(map, "invite", &["libraries", "downloads", "live_tv"])?;
    Ok(Grant {
        libraries: fields.texts("libraries")?.map(|names| libraries(names, "invite")).transpose()?,
        downloads: fields.truth("downloads")?,
        live_tv: fields.truth("live_tv")?,
    })
}

const MEDIA: [&str; 4] = ["movies", "television", "music", "photos"];

fn restriction(map: Map) -> Fallible<Restriction> {
    let known = ["movies", "television", "music", "photos", "combine", "downloads", "live_tv", "end_streams"];
    let mut fields = Fields::new(map, "restrict_to", &known)?;
    let combine = match fields.take("combine") {
        None => Combine::Replace,
        Some(word) if word.is_string() && word.to_string() == "replace" => Combine::Replace,
        Some(word) if word.is_string() && word.to_string() == "narrow" => Combine::Narrow,
        Some(other) => {
            return Err(Complaint::new(format!(
                "`combine` of `restrict_to` is \"replace\" or \"narrow\", and got {}",
                show(&other)
            ))
            .into());
        }
    };
    Ok(Restriction {
        movies: fields.filter("movies")?,
        television: fields.filter("television")?,
        music: fields.filter("music")?,
        photos: fields.filter("photos")?,
        combine,
        downloads: fields.truth("downloads")?,
        live_tv: fields.truth("live_tv")?,
        // A filter alone leaves what is playing on.
        end_streams: fields.truth("end_streams")?.unwrap_or(true),
    })
}

/// A rule for movies and television, for some types of media, or for everything.
fn restrict(FilterValue(filter): FilterValue, media: Option<Dynamic>) -> Fallible<ActionValue> {
    let media = match media {
        None => vec!["movies".to_owned(), "television".to_owned()],
        Some(media) => one_or_more(media, "restrict_to")?,
    };
    let everything = media == ["everything"];
    let media = if everything { MEDIA.map(str::to_owned).to_vec() } else { media };
    if media.is_empty() {
        return Err(Complaint::new("`restrict_to` got an empty list of types of media").into());
    }
    let mut restriction = Restriction { end_streams: true, ..Restriction::default() };
    if everything {
        restriction.downloads = Some(false);
        restriction.live_tv = Some(false);
    }
    for name in media {
        let place = match name.as_str() {
            "movies" => &mut restriction.movies,
            "television" => &mut restriction.television,
            "music" => &mut restriction.music,
            "photos" => &mut restriction.photos,
            other => {
                return Err(Complaint::new(format!(
                    "there is no type of media `{other}`; there are {}, and \"everything\" alone",
                    listed(MEDIA)
                ))
                .into());
            }
        };
        *place = filter.clone();
    }
    Ok(ActionValue(Action::RestrictTo(restriction)))
}

fn both(FilterValue(a): &mut FilterValue, FilterValue(b): FilterValue) -> Fallible<FilterValue> {
    let (Filter::Only(a), Filter::Only(b)) = (&*a, b) else {
        return Err(Complaint::new("only rules with labels or ratings can be joined with `and`").into());
    };
    let mut rule = a.clone();
    let lists = [
        (&mut rule.labels, b.labels),
        (&mut rule.not_labels, b.not_labels),
        (&mut rule.ratings, b.ratings),
        (&mut rule.not_ratings, b.not_ratings),
    ];
    for (list, more) in lists {
        if !list.is_empty() && !more.is_empty() {
            // The values of one list are alternatives: joined they would show more, not less.
            return Err(Complaint::new(
                "two rules of the same kind can't be joined with `and`: give one of them all the names",
            )
            .into());
        }
        list.extend(more);
    }
    Ok(FilterValue(Filter::Only(rule)))
}

fn action(action: Action) -> ActionValue {
    ActionValue(action)
}

/// How long a reason and a memo may be, in bytes.
const LONGEST_TEXT: usize = 4 << 10;

/// How long a message may be, in characters.
const LONGEST_MESSAGE: usize = 1_800;

/// How many names one list may have.
const LONGEST_LIST: usize = 256;

fn no_longer(text: String, function: &str) -> Fallible<String> {
    if text.len() > LONGEST_TEXT {
        let what = format!("`{function}` takes {LONGEST_TEXT} bytes of text at most, and got {}", text.len());
        return Err(Complaint::new(what).into());
    }
    Ok(text)
}

fn message(text: &str, moment: Moment, function: &str) -> Fallible<ActionValue> {
    if text.trim().is_empty() {
        return Err(Complaint::new(format!("`{function}` got an empty text")).into());
    }
    let length = text.chars().count();
    if length > LONGEST_MESSAGE {
        let what = format!("`{function}` takes {LONGEST_MESSAGE} characters at most, and got {length}");
        return Err(Complaint::new(what).into());
    }
    Ok(action(Action::Tell(Message { text: text.to_owned(), moment })))
}

fn libraries(names: Vec<String>, function: &str) -> Fallible<Vec<String>> {
    if names.is_empty() {
        let what = format!("`{function}` got an empty list of libraries: to share nothing, use `remove()`");
        return Err(Complaint::new(what).into());
    }
    if names.len() > LONGEST_LIST {
        let what = format!("`{function}` takes {LONGEST_LIST} libraries at most, and got {}", names.len());
        return Err(Complaint::new(what).into());
    }
    Ok(names)
}

fn memo(text: String) -> Fallible<ActionValue> {
    Ok(action(Action::SetMemo(no_longer(text, "set_memo")?)))
}

fn reason(text: Dynamic) -> Fallible<Option<String>> {
    if text.is_string() || text.is_int() {
        return no_longer(text.to_string(), "because").map(Some);
    }
    if let Some(complaint) = text.read_lock::<Complaint>() {
        return Ok(Some(complaint.text().to_owned()));
    }
    Err(Complaint::new(format!("a reason is a text, and here it is {}", show(&text))).into())
}

/// Teaches the engine all actions and rules.
pub(crate) fn register(engine: &mut Engine, vocabulary: &mut Vocabulary, now: &Now, meter: &Meter) {
    engine
        .register_type_with_name::<ActionValue>(ACTION)
        .register_type_with_name::<DecisionValue>(DECISION)
        .register_type_with_name::<FilterValue>(RULE);
    actions(engine, vocabulary, now.clone(), meter);
    rules(engine, vocabulary, meter);
    decisions(engine, vocabulary);
}

fn actions(engine: &mut Engine, vocabulary: &mut Vocabulary, now: Now, meter: &Meter) {
    for (name, usage) in [
        (
            "invite",
            "invite(), invite([\"library\", …]) or invite(#{ libraries: […], downloads: true, live_tv: false })",
        ),
        (
            "restrict_to",
            "restrict_to(rule), restrict_to(rule, [\"movies\", …]), restrict_to(rule, \"everything\") or restrict_to(#{ movies: rule, … })",
        ),
        ("unrestrict", "unrestrict()"),
        ("remove", "remove()"),
        ("set_libraries", "set_libraries([\"library\", …])"),
        ("tell", "tell(\"text\")"),
        ("tell_once_done", "tell_once_done(\"text\")"),
        ("quiet", "quiet()"),
        ("wake_at", "wake_at(\"tag\", event.at + days(7))"),
        ("cancel_wake", "cancel_wake(\"tag\")"),
        ("set_memo", "set_memo(\"text\")"),
    ] {
        vocabulary.function(name, usage);
    }
    engine
        .register_fn("invite", || action(Action::Invite(Grant::default())))
        .register_fn("invite", |map: Map| Ok::<_, Box<EvalAltResult>>(action(Action::Invite(grant(map)?))))
        .register_fn("invite", |names: Array| {
            let libraries = Some(libraries(one_or_more(Dynamic::from(names), "invite")?, "invite")?);
            Ok::<_, Box<EvalAltResult>>(action(Action::Invite(Grant { libraries, ..Grant::default() })))
        })
        .register_fn("restrict_to", {
            let meter = meter.clone();
            move |map: Map| -> Fallible<ActionValue> {
                meter.add(FILTERS)?;
                Ok(action(Action::RestrictTo(restriction(map)?)))
            }
        })
        .register_fn("restrict_to", {
            let meter = meter.clone();
            move |rule: FilterValue| {
                meter.add(FILTERS)?;
                restrict(rule, None)
            }
        })
        .register_fn("restrict_to", {
            let meter = meter.clone();
            move |rule: FilterValue, media: Dynamic| {
                meter.add(FILTERS)?;
                restrict(rule, Some(media))
            }
        })
        .register_fn("unrestrict", || action(Action::Unrestrict))
        .register_fn("remove", || action(Action::Remove))
        .register_fn("set_libraries", |names: Dynamic| {
            let names = libraries(one_or_more(names, "set_libraries")?, "set_libraries")?;
            Ok::<_, Box<EvalAltResult>>(action(Action::SetLibraries(names)))
        })
        .register_fn("tell", |text: &str| message(text, Moment::Now, "tell"))
        .register_fn("tell_once_done", |text: &str| message(text, Moment::OnceDone, "tell_once_done"))
        .register_fn("quiet", || action(Action::Quiet))
        .register_fn("wake_at", move |tag: &str, due: Time| -> Fallible<ActionValue> {
            match now.refuses(due) {
                Some(what) => Err(Complaint::new(what).into()),
                None => {
                    Ok(action(Action::WakeAt(Wake { tag: tag.to_owned(), due: Timestamp(due.millis()) })))
                }
            }
        })
        .register_fn("cancel_wake", |tag: &str| action(Action::CancelWake(tag.to_owned())))
        .register_fn("set_memo", |text: &str| memo(text.to_owned()))
        .register_fn("set_memo", |number: INT| memo(number.to_string()));
}

fn rules(engine: &mut Engine, vocabulary: &mut Vocabulary, meter: &Meter) {
    for (name, usage) in [
        ("no_access", "no_access() or no_access(\"label\")"),
        ("only_labels", "only_labels(\"label\") or only_labels([\"label\", …])"),
        ("not_labels", "not_labels(\"label\") or not_labels([\"label\", …])"),
        ("only_ratings", "only_ratings([\"PG\", …])"),
        ("not_ratings", "not_ratings([\"R\", …])"),
        ("keep", "keep()"),
        ("clear_filter", "clear_filter()"),
        ("and", "rule.and(rule)"),
    ] {
        vocabulary.function(name, usage);
    }
    let label = |label: &str| FilterValue(Filter::Only(Rule::label(label)));
    engine
        .register_fn("no_access", move || label(NO_ACCESS))
        .register_fn("no_access", label)
        .register_fn("keep", || FilterValue(Filter::Keep))
        .register_fn("clear_filter", || FilterValue(Filter::Clear))
        .register_fn("and", {
            let meter = meter.clone();
            move |a: &mut FilterValue, b: FilterValue| {
                meter.add(FILTERS)?;
                both(a, b)
            }
        });
    let mut list = |name: &'static str, rule: fn(Vec<String>) -> Rule| {
        let meter = meter.clone();
        engine.register_fn(name, move |names: Dynamic| -> Fallible<FilterValue> {
            meter.add(FILTERS)?;
            let names = one_or_more(names, name)?;
            if names.is_empty() {
                return Err(Complaint::new(format!("`{name}` got an empty list")).into());
            }
            Ok(FilterValue(Filter::Only(rule(names))))
        });
    };
    list("only_labels", |labels| Rule { labels, ..Rule::default() });
    list("not_labels", |not_labels| Rule { not_labels, ..Rule::default() });
    list("only_ratings", |ratings| Rule { ratings, ..Rule::default() });
    list("not_ratings", |not_ratings| Rule { not_ratings, ..Rule::default() });
}

fn decisions(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    vocabulary.function("nothing", "nothing() or nothing(\"reason\")");
    vocabulary.function("because", "actions.because(\"reason\")");
    engine
        .register_fn("nothing", || DecisionValue { actions: Vec::new(), reason: None })
        .register_fn("nothing", |text: Dynamic| -> Fallible<DecisionValue> {
            Ok(DecisionValue { actions: Vec::new(), reason: reason(text)? })
        })
        .register_fn(
            "because",
            |ActionValue(action): &mut ActionValue, text: Dynamic| -> Fallible<DecisionValue> {
                Ok(DecisionValue { actions: vec![action.clone()], reason: reason(text)? })
            },
        )
        .register_fn("because", |decision: &mut DecisionValue, text: Dynamic| -> Fallible<DecisionValue> {
            Ok(DecisionValue { actions: decision.actions.clone(), reason: reason(text)? })
        })
        .register_fn("because", |list: &mut Array, text: Dynamic| -> Fallible<DecisionValue> {
            let actions = collect(Dynamic::from(list.clone()), "because")?;
            Ok(DecisionValue { actions, reason: reason(text)? })
        });
    engine.register_fn("to_string", |ActionValue(action): &mut ActionValue| shown(action));
    engine.register_fn("to_debug", |ActionValue(action): &mut ActionValue| shown(action));
}

/// An action in the log.
fn shown(action: &Action) -> ImmutableString {
    serde_json::to_string(action).unwrap_or_default().into()
}
