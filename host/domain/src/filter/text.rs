//! Reading filter strings, whoever wrote them.
//!
//! plex.tv stores a filter verbatim, so it has the shape that its last writer gave it: `label=A%2CB&label!=C`
//! (Plex Web; a blank as `+` or `%20`), `label=A%2CB|label!=C` (python-plexapi) or with plain commas. `&`
//! means that both parts must hold, `|` that one is enough.

use std::collections::BTreeSet;

use super::encoding;

/// A filter, taken apart. Without a part it lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The parts, in the order in which they stand.
    pub parts: Vec<Part>,
    /// How they go together.
    pub join: Join,
}

/// One condition: `key=value,value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `label`, `label!`, `contentRating`, `contentRating!`, or a key that we don't know.
    pub key: String,
    /// The values, decoded, never none. For a key without `!` one of them is enough.
    pub values: Vec<String>,
}

/// How the parts of a filter go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// With `&`, or there is only one part: all must hold.
    All,
    /// With `|`: one is enough.
    Any,
    /// Both separators stand in it. Which one binds closer is not known.
    Mixed,
}

/// A text that is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no filter")]
pub struct NotAFilter;

impl Filter {
    /// Takes a filter apart. Blanks around it are ignored, an empty text is the filter without parts.
    ///
    /// # Errors
    /// [`NotAFilter`] if a part has no key, no `=` or no value, or isn't UTF-8 once decoded.
    pub fn parse(text: &str) -> Result<Self, NotAFilter> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self { parts: Vec::new(), join: Join::All });
        }
        let join = match (text.contains('&'), text.contains('|')) {
            (_, false) => Join::All,
            (false, true) => Join::Any,
            (true, true) => Join::Mixed,
        };
        let parts = text.split(['&', '|']).map(Part::parse).collect::<Result<_, _>>()?;
        Ok(Self { parts, join })
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, NotAFilter> {
        let (key, values) = text.split_once('=').ok_or(NotAFilter)?;
        let key = key.trim();
        let values = values.replace("%2C", ",").replace("%2c", ",");
        let values = values
            .split(',')
            .filter(|value| !value.is_empty())
            .map(|value| encoding::decoded(&value.replace('+', " ")).ok_or(NotAFilter))
            .collect::<Result<Vec<_>, _>>()?;
        if key.is_empty() || values.is_empty() {
            return Err(NotAFilter);
        }
        Ok(Self { key: key.to_owned(), values })
    }

    /// Whether Plex compares the values without regard to case: it does so with labels.
    fn folds_case(&self) -> bool {
        matches!(self.key.as_str(), "label" | "label!")
    }

    /// The values in a form in which equal ones are equal.
    pub(super) fn value_set(&self) -> BTreeSet<String> {
        let fold = self.folds_case();
        self.values.iter().map(|value| if fold { value.to_lowercase() } else { value.clone() }).collect()
    }

    pub(super) fn meaning(&self) -> PartMeaning {
        (self.key.clone(), self.value_set())
    }
}

/// A key and its values.
pub(super) type PartMeaning = (String, BTreeSet<String>);

/// What a stored value says: two texts with the same meaning restrict the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing is set.
    Nothing,
    /// A number, as the flags have it.
    Number(u64),
    /// All parts must hold.
    All(BTreeSet<PartMeaning>),
    /// One of the parts is enough.
    Any(BTreeSet<PartMeaning>),
    /// Both separators: each part with the separator before it, in order.
    Mixed(Vec<(Option<char>, PartMeaning)>),
    /// Something else, as it stands.
    Text(String),
}

impl Meaning {
    /// Reads a stored value.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        if text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            return Self::Number(number);
        }
        let Ok(filter) = Filter::parse(text) else {
            return Self::Text(text.to_owned());
        };
        match filter.join {
            Join::Mixed => {
                let separators = text.chars().filter(|&c| c == '&' || c == '|').map(Some);
                let separators = std::iter::once(None).chain(separators);
                Self::Mixed(separators.zip(filter.parts.iter().map(Part::meaning)).collect())
            }
            join => {
                let parts: BTreeSet<_> = filter.parts.iter().map(Part::meaning).collect();
                if join == Join::Any && parts.len() > 1 { Self::Any(parts) } else { Self::All(parts) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::FieldValue;

    fn same(left: &str, right: &str) -> bool {
        FieldValue(left.to_owned()) == FieldValue(right.to_owned())
    }

    #[test]
    fn every_writer_is_understood() {
        for text in [
            "label=A%2CB&label!=C",
            "label=B,A&label!=c",
            "label!=C&label=a%2cb",
            "  label!=C&label=A,B,A ",
            "label=A,B&label!=C&label!=C",
        ] {
            assert!(same(text, "label=A,B&label!=C"), "{text}");
        }
        assert!(same("contentRating=UK%3A+12,12%2B", "contentRating=12%2B,UK%3A%2012"));
    }

    #[test]
    fn the_separators_mean_different_things() {
        assert!(!same("label=A|label!=C", "label=A&label!=C"));
        assert!(same("label=A|label!=C", "label!=C|label=A"));
        assert!(!same("label=A|label=B&label=C", "label=A&label=B|label=C"));
        assert!(same("label=A|label=B&label=C", "label=a|label=b&label=c"));
        // With one part there is nothing to separate.
        assert!(same("label=A|label=A", "label=A"));
    }

    #[test]
    fn what_restricts_differently_differs() {
        for (left, right) in [
            ("label=A", "label!=A"),
            ("label=A", "label=A,B"),
            ("label=A,B", "label=A&label=B"),
            ("label=A", "contentRating=A"),
            ("contentRating=g", "contentRating=G"),
            ("label=A", ""),
            ("label=", ""),
            ("genre=A", "genre=a"),
        ] {
            assert!(!same(left, right), "{left} {right}");
        }
        assert!(same("label=NOACCESS", "label=noAccess"));
    }

    #[test]
    fn nothing_is_nothing_and_numbers_are_numbers() {
        assert!(same("", " "));
        assert!(same("1", "01"));
        assert!(!same("1", "0"));
        assert!(!same("0", ""));
        assert!(same("anything", "anything"));
        assert!(!same("anything", "Anything"));
        assert!(same("99999999999999999999999", "99999999999999999999999"));
    }

    #[test]
    fn what_is_no_filter_is_said_to_be_none() {
        for text in
            ["label", "label=", "=A", "label=A&", "|label=A", "label=A||label=B", "label=%ff", "label=,"]
        {
            assert_eq!(Filter::parse(text), Err(NotAFilter), "{text}");
        }
        assert!(Filter::parse("").unwrap().parts.is_empty());
    }

    #[test]
    fn keys_that_are_not_known_are_kept() {
        let filter = Filter::parse("genre=Horror&year>>=2000").unwrap();
        assert_eq!(filter.parts[0], Part { key: "genre".into(), values: vec!["Horror".into()] });
        assert_eq!(filter.parts[1].key, "year>>");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,60}", filter in "[a-z!=&|,%2C+ ]{0,40}") {
            let _ = (Filter::parse(&text), Filter::parse(&filter), Meaning::of(&text), Meaning::of(&filter));
        }

        #[test]
        fn a_text_equals_itself(text in "[a-z!=&|,%2C+ ]{0,40}") {
            prop_assert!(same(&text, &text));
        }
    }
}
