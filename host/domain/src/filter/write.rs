//! Writing filter strings: our own rules, alone or together with the owner's filter.

use rolarr_policy::contract::{self, Restriction, Rule};

use super::{
    encoding,
    text::{Filter, Join, Part},
};
use crate::FieldValue;

/// The longest filter that is written, in bytes. Plex's own longest, the one of its "teen" profile, has
/// about 1,500.
const LONGEST: usize = 8_000;

/// A rule can't be put into a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotCarry {
    /// It has no label and no rating in it: as a filter it would let everything through.
    #[error("the rule names no label and no content rating, so it would restrict nothing")]
    Nothing,
    /// One of its values can't stand in a filter.
    #[error("`{}` can't stand in a Plex filter: {why}", shown(value))]
    Value {
        /// The label or rating.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is longer than any filter that makes sense.
    #[error("the rule makes a filter of more than {LONGEST} bytes")]
    TooLong,
}

/// A rule can't be joined with the owner's filter so that both hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotNarrow {
    /// The rule itself can't be put into a filter.
    #[error(transparent)]
    Rule(#[from] CannotCarry),
    /// The owner's filter has `|` in it. What is added to it could show more.
    #[error("the owner's filter has alternatives (`|`): what is added to it could show more than before")]
    Alternatives,
    /// The owner's filter can't be read.
    #[error("the owner's filter can't be read")]
    Unreadable,
}

/// Whether a filter can carry a label or rating.
fn check(value: &str) -> Result<(), CannotCarry> {
    let why = if value.is_empty() {
        "it is empty"
    } else if value.trim() != value {
        "there are blanks around it"
    } else if value.chars().any(char::is_control) {
        "it has a control character in it"
    } else if value.contains([',', '|', '&', '=', '%']) {
        "`,`, `|`, `&`, `=` and `%` have a meaning of their own there"
    } else {
        return Ok(());
    };
    Err(CannotCarry::Value { value: value.to_owned(), why })
}

/// A value as it can be shown: the beginning, and nothing that a terminal would act on.
fn shown(value: &str) -> String {
    value.chars().take(60).flat_map(char::escape_debug).collect()
}

/// The rules of a restriction.
pub fn rules(restriction: &Restriction) -> impl Iterator<Item = &Rule> {
    let all = [&restriction.movies, &restriction.television, &restriction.music, &restriction.photos];
    all.into_iter().filter_map(|wanted| match wanted {
        contract::Filter::Only(rule) => Some(rule),
        contract::Filter::Keep | contract::Filter::Clear => None,
    })
}

/// The filter that lets through what the rule lets through, and nothing else. Equal rules give equal texts:
/// values are sorted and each stands once.
///
/// # Errors
/// [`CannotCarry`].
pub fn only(rule: &Rule) -> Result<FieldValue, CannotCarry> {
    let text = join(&parts(rule)?);
    if text.len() > LONGEST { Err(CannotCarry::TooLong) } else { Ok(FieldValue(text)) }
}

fn parts(rule: &Rule) -> Result<Vec<Part>, CannotCarry> {
    let lists = [
        ("label", &rule.labels),
        ("label!", &rule.not_labels),
        ("contentRating", &rule.ratings),
        ("contentRating!", &rule.not_ratings),
    ];
    let mut parts = Vec::new();
    for (key, list) in lists {
        for value in list {
            check(value)?;
        }
        let mut values = list.clone();
        values.sort_unstable();
        values.dedup();
        if !values.is_empty() {
            parts.push(Part { key: key.to_owned(), values });
        }
    }
    if parts.is_empty() { Err(CannotCarry::Nothing) } else { Ok(parts) }
}

fn join(parts: &[Part]) -> String {
    let part = |part: &Part| {
        let values: Vec<_> = part.values.iter().map(|value| encoding::encoded(value)).collect();
        format!("{}={}", part.key, values.join("%2C"))
    };
    parts.iter().map(part).collect::<Vec<_>>().join("&")
}

/// The filter that lets through what both the owner's filter and the rule let through. The owner's text is
/// kept as it stands; parts of the rule that it implies already are not added.
///
/// # Errors
/// [`CannotNarrow`] where the result could show more than the owner's filter does.
pub fn narrow(owner: &FieldValue, ours: &Rule) -> Result<FieldValue, CannotNarrow> {
    let ours_alone = only(ours)?;
    let owner = owner.0.trim();
    let filter = Filter::parse(owner).map_err(|_| CannotNarrow::Unreadable)?;
    if filter.parts.is_empty() {
        return Ok(ours_alone);
    }
    let hidden = filter.parts.iter().flat_map(|part| &part.values).any(|value| value.contains('|'));
    if filter.join != Join::All || hidden {
        return Err(CannotNarrow::Alternatives);
    }
    // A bare `+` is a blank to one reader and a plus to another: then nothing counts as implied.
    let clear = !owner.contains('+');
    let missing: Vec<_> = parts(ours)?
        .into_iter()
        .filter(|part| !(clear && filter.parts.iter().any(|held| implies(held, part))))
        .collect();
    if missing.is_empty() {
        return Ok(FieldValue(owner.to_owned()));
    }
    let text = format!("{owner}&{}", join(&missing));
    if text.len() > LONGEST { Err(CannotCarry::TooLong.into()) } else { Ok(FieldValue(text)) }
}

/// Whether whatever passes the part that is held passes the other one too.
fn implies(held: &Part, other: &Part) -> bool {
    if held.key != other.key {
        return false;
    }
    let (held_values, other_values) = (held.value_set(), other.value_set());
    if held.key.ends_with('!') {
        other_values.is_subset(&held_values)
    } else {
        held_values.is_subset(&other_values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::subsequence};

    use super::*;

    fn text(text: &str) -> FieldValue {
        FieldValue(text.to_owned())
    }

    fn labels(labels: &[&str]) -> Rule {
        Rule { labels: labels.iter().map(|&label| label.to_owned()).collect(), ..Rule::default() }
    }

    #[test]
    fn the_default_label_is_stored_as_everybody_writes_it() {
        assert_eq!(only(&labels(&["noAccess"])).unwrap().0, "label=noAccess");
    }

    #[test]
    fn equal_rules_give_equal_texts() {
        let rule = Rule {
            labels: vec!["Kids".into(), "Family Time".into(), "Kids".into()],
            not_labels: vec!["Horror".into()],
            ratings: vec!["PG".into(), "UK: 12+".into(), "de/12".into()],
            not_ratings: vec!["R".into()],
        };
        assert_eq!(
            only(&rule).unwrap().0,
            "label=Family%20Time%2CKids&label!=Horror&contentRating=PG%2CUK%3A%2012%2B%2Cde%2F12&contentRating!=R"
        );
    }

    #[test]
    fn what_a_filter_cannot_carry_is_refused_by_name() {
        for label in ["", " ", "a,b", "a|b", "a&b", "a=b", "50%", " a", "a\n", "a\u{1b}[0m"] {
            let error = only(&labels(&["good", label])).unwrap_err();
            assert!(matches!(&error, CannotCarry::Value { value, .. } if value == label), "{error:?}");
            assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error}");
        }
        for label in ["noAccess", "No Access", "Größe", "a+b", "Ann's", "a/b", "18+"] {
            assert!(only(&labels(&[label])).is_ok(), "{label:?}");
        }
        assert_eq!(only(&Rule::default()), Err(CannotCarry::Nothing));
        assert_eq!(only(&labels(&["x".repeat(LONGEST).as_str()])), Err(CannotCarry::TooLong));
    }

    #[test]
    fn narrowing_joins_with_and() {
        let ours = labels(&["noAccess"]);
        for (owner, both) in [
            ("", "label=noAccess"),
            ("  ", "label=noAccess"),
            ("label=Kids", "label=Kids&label=noAccess"),
            ("label!=Horror,Gore&contentRating=G", "label!=Horror,Gore&contentRating=G&label=noAccess"),
            ("genre=Comedy", "genre=Comedy&label=noAccess"),
            // Implied already.
            ("label=noaccess", "label=noaccess"),
            ("contentRating=G&label=noAccess", "contentRating=G&label=noAccess"),
            // Allows more, or is not clear.
            ("label=noAccess,Kids", "label=noAccess,Kids&label=noAccess"),
            ("label=a+b", "label=a+b&label=noAccess"),
        ] {
            assert_eq!(narrow(&text(owner), &ours).unwrap().0, both, "{owner}");
        }
        let hide = Rule { not_labels: vec!["Gore".into()], ..Rule::default() };
        assert_eq!(narrow(&text("label!=Horror,Gore"), &hide).unwrap().0, "label!=Horror,Gore");
        assert_eq!(narrow(&text("label!=Horror"), &hide).unwrap().0, "label!=Horror&label!=Gore");
    }

    #[test]
    fn where_narrowing_could_widen_it_is_refused() {
        let ours = labels(&["noAccess"]);
        for owner in ["label=A|contentRating=G", "label=A|label=B&label=C", "label=A%7Clabel=B"] {
            assert_eq!(narrow(&text(owner), &ours), Err(CannotNarrow::Alternatives), "{owner}");
        }
        for owner in ["Kids", "label=", "label=A&", "1", "label=%ff"] {
            assert_eq!(narrow(&text(owner), &ours), Err(CannotNarrow::Unreadable), "{owner}");
        }
        let carry = CannotNarrow::Rule(CannotCarry::Nothing);
        assert_eq!(narrow(&text("label=A"), &Rule::default()), Err(carry));
    }

    /// An item of a library.
    #[derive(Clone, Debug)]
    struct Item {
        labels: Vec<&'static str>,
        rating: Option<&'static str>,
    }

    fn has(item: &Item, key: &str, values: &[String]) -> bool {
        let any = |held: &str, fold: bool| {
            values.iter().any(|value| if fold { value.eq_ignore_ascii_case(held) } else { value == held })
        };
        match key {
            "label" => item.labels.iter().any(|label| any(label, true)),
            "contentRating" => item.rating.is_some_and(|rating| any(rating, false)),
            key => panic!("{key}"),
        }
    }

    /// What Plex shows, as far as it is known.
    fn shows(filter: &str, item: &Item) -> bool {
        let filter = Filter::parse(filter).unwrap();
        let mut parts = filter.parts.iter().map(|part| match part.key.strip_suffix('!') {
            Some(key) => !has(item, key, &part.values),
            None => has(item, &part.key, &part.values),
        });
        match filter.join {
            _ if filter.parts.is_empty() => true,
            Join::All => parts.all(|shown| shown),
            Join::Any => parts.any(|shown| shown),
            Join::Mixed => panic!("{filter:?}"),
        }
    }

    fn lets_through(rule: &Rule, item: &Item) -> bool {
        let ok = |list: &[String], key| list.is_empty() || has(item, key, list);
        ok(&rule.labels, "label")
            && ok(&rule.ratings, "contentRating")
            && !has(item, "label", &rule.not_labels)
            && !has(item, "contentRating", &rule.not_ratings)
    }

    const LABELS: [&str; 4] = ["Kids", "kids", "Family Time", "noAccess"];
    const RATINGS: [&str; 4] = ["G", "UK: 12+", "de/16", "pg"];

    fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        subsequence(of, 0..=of.len()).prop_map(|list| list.into_iter().map(str::to_owned).collect())
    }

    fn rules() -> impl Strategy<Value = Rule> {
        (some(&LABELS), some(&LABELS), some(&RATINGS), some(&RATINGS)).prop_map(
            |(labels, not_labels, ratings, not_ratings)| Rule { labels, not_labels, ratings, not_ratings },
        )
    }

    fn items() -> impl Strategy<Value = Item> {
        (subsequence(&LABELS, 0..=4), proptest::option::of(proptest::sample::select(&RATINGS)))
            .prop_map(|(labels, rating)| Item { labels, rating })
    }

    proptest! {
        #[test]
        fn a_written_rule_lets_through_what_the_rule_does(rule in rules(), item in items()) {
            match only(&rule) {
                Ok(filter) => prop_assert_eq!(shows(&filter.0, &item), lets_through(&rule, &item)),
                Err(error) => prop_assert_eq!(error, CannotCarry::Nothing),
            }
        }

        #[test]
        fn narrowing_never_shows_more(
            owner in rules(), commas in any::<bool>(), any_of in any::<bool>(), ours in rules(), item in items()
        ) {
            let mut owner = only(&owner).map(|filter| filter.0).unwrap_or_default();
            if commas { owner = owner.replace("%2C", ","); }
            if any_of { owner = owner.replace('&', "|"); }
            match narrow(&text(&owner), &ours) {
                Ok(both) => {
                    let expected = shows(&owner, &item) && lets_through(&ours, &item);
                    prop_assert_eq!(shows(&both.0, &item), expected, "{} {}", owner, both.0);
                    prop_assert_eq!(narrow(&both, &ours).map(|again| again.0), Ok(both.0));
                }
                Err(CannotNarrow::Alternatives) => prop_assert!(owner.contains('|')),
                Err(CannotNarrow::Rule(CannotCarry::Nothing)) => {}
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        #[test]
        fn narrowing_garbage_never_panics(owner in "\\PC{0,40}", filter in "[a-z!=&|,%2C+ ]{0,40}", ours in rules()) {
            let _ = (narrow(&text(&owner), &ours), narrow(&text(&filter), &ours));
        }
    }
}
