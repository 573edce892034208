//! The rules for filters, as a script writes them, and the action that sets them.

use rhai::{Dynamic, Engine, EvalAltResult, Map};
use rolarr_policy::contract::{Action, Combine, Filter, Restriction, Rule};

use crate::action::ActionValue;
use crate::complaint::Complaint;
use crate::given::{Fields, one_or_more, show};
use crate::limits::Meter;
use crate::vocabulary::{Vocabulary, listed};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// What becomes of the filter of one type of media.
#[derive(Clone)]
pub(crate) struct FilterValue(Filter);

/// What it costs to make a rule or what holds four of them, in units of fuel.
const FILTERS: u64 = 12_000;

/// Its name, as messages show it.
const RULE: &str = "rule";

/// The label that no item should carry.
const NO_ACCESS: &str = "noAccess";

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
        movies: filter(&mut fields, "movies")?,
        television: filter(&mut fields, "television")?,
        music: filter(&mut fields, "music")?,
        photos: filter(&mut fields, "photos")?,
        combine,
        downloads: fields.truth("downloads")?,
        live_tv: fields.truth("live_tv")?,
        // A filter alone leaves what is playing on.
        end_streams: fields.truth("end_streams")?.unwrap_or(true),
    })
}

fn filter(fields: &mut Fields<'_>, name: &str) -> Fallible<Filter> {
    match fields.take(name).map(Dynamic::try_cast_result::<FilterValue>) {
        None => Ok(Filter::Keep),
        Some(Ok(FilterValue(filter))) => Ok(filter),
        Some(Err(value)) => Err(Complaint::new(format!(
            "`{name}` of `restrict_to` is a rule, for example `only_labels(\"…\")`, and got {}",
            show(&value)
        ))
        .into()),
    }
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

/// Teaches the engine the rules, and what restricts with them.
pub(crate) fn register(engine: &mut Engine, vocabulary: &mut Vocabulary, meter: &Meter) {
    engine.register_type_with_name::<FilterValue>(RULE);
    for (name, usage) in [
        (
            "restrict_to",
            "restrict_to(rule), restrict_to(rule, [\"movies\", …]), restrict_to(rule, \"everything\") or restrict_to(#{ movies: rule, … })",
        ),
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
    engine
        .register_fn("restrict_to", {
            let meter = meter.clone();
            move |map: Map| -> Fallible<ActionValue> {
                meter.add(FILTERS)?;
                Ok(ActionValue(Action::RestrictTo(restriction(map)?)))
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
        });
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
