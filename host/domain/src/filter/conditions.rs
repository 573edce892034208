//! A filter as a set of conditions, so that each can have an owner of its own.

use std::collections::BTreeSet;

use super::text::{Filter, Join, PartMeaning};
use crate::FieldValue;

/// A filter whose conditions must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Vec<Condition>);

/// One condition of a filter: the text as it stands in the filter, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    text: String,
    meaning: PartMeaning,
}

impl Condition {
    /// Whether it lets nothing through because no item carries any of its labels.
    fn is_reserved(&self, reserved: &BTreeSet<String>) -> bool {
        self.meaning.0 == "label" && self.meaning.1.is_subset(reserved)
    }
}

impl Conditions {
    /// Takes a filter apart. None if it has alternatives (`|`) or can't be read: then it is only known as a whole.
    #[must_use]
    pub fn of(value: &FieldValue) -> Option<Self> {
        let text = value.0.trim();
        let filter = Filter::parse(text).ok()?;
        let alternatives = filter.parts.iter().flat_map(|part| &part.values).any(|value| value.contains('|'));
        if filter.join != Join::All || alternatives {
            return None;
        }
        let texts = text.split('&').map(|text| text.trim().to_owned());
        let found = texts.zip(&filter.parts).map(|(text, part)| Condition { text, meaning: part.meaning() });
        let mut conditions = Self::default();
        conditions.add(&Self(found.collect()));
        Some(conditions)
    }

    /// The filter that has these conditions, each once.
    #[must_use]
    pub fn value(&self) -> FieldValue {
        let texts: Vec<&str> = self.0.iter().map(|condition| condition.text.as_str()).collect();
        FieldValue(texts.join("&"))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all conditions of the other one are among these.
    #[must_use]
    pub fn contain(&self, other: &Self) -> bool {
        other.0.iter().all(|condition| self.has(condition))
    }

    /// Adds the conditions of another one that are not there yet.
    pub fn add(&mut self, other: &Self) {
        for condition in &other.0 {
            if !self.has(condition) {
                self.0.push(condition.clone());
            }
        }
    }

    /// These conditions without those of another one.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|condition| !other.has(condition)).cloned().collect())
    }

    /// The conditions on a reserved label. `reserved` is in lower case.
    #[must_use]
    pub fn reserved(&self, reserved: &BTreeSet<String>) -> Self {
        Self(self.0.iter().filter(|condition| condition.is_reserved(reserved)).cloned().collect())
    }

    fn has(&self, condition: &Condition) -> bool {
        self.0.iter().any(|own| own.meaning == condition.meaning)
    }
}

/// Whether a filter lets nothing through because of a reserved label, as far as that can be told. A filter that
/// can't be taken apart counts as hiding everything if a reserved label stands anywhere in it.
#[must_use]
pub fn hides_everything(value: &FieldValue, reserved: &BTreeSet<String>) -> bool {
    match Conditions::of(value) {
        Some(conditions) => !conditions.reserved(reserved).is_empty(),
        None => {
            let text = value.0.to_lowercase();
            reserved.iter().any(|label| text.contains(label.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(text: &str) -> Conditions {
        Conditions::of(&FieldValue(text.to_owned())).unwrap()
    }

    fn reserved() -> BTreeSet<String> {
        ["noaccess".to_owned()].into()
    }

    #[test]
    fn conditions_are_compared_by_meaning_and_written_as_they_stood() {
        let both = conditions("label=A%2CB&label!=C+D");
        assert!(both.contain(&conditions("label!=c%20d")));
        assert_eq!(both.without(&conditions("label=b,a")).value().0, "label!=C+D");
    }

    #[test]
    fn a_repeated_condition_is_kept_once() {
        assert_eq!(conditions("label=A&label=a").value().0, "label=A");
    }

    #[test]
    fn a_filter_with_alternatives_is_not_taken_apart() {
        for text in ["label=A|label=B", "label=A|label=B&label=C", "label=A%7CB", "label", "label=%ff"] {
            assert_eq!(Conditions::of(&FieldValue(text.to_owned())), None, "{text}");
        }
    }

    #[test]
    fn a_reserved_label_among_others_hides_nothing() {
        assert!(hides_everything(&FieldValue("label!=X&label=NoAccess".into()), &reserved()));
        assert!(!hides_everything(&FieldValue("label=noAccess,Kids".into()), &reserved()));
        assert!(!hides_everything(&FieldValue("label!=noAccess".into()), &reserved()));
        assert!(!hides_everything(&FieldValue(String::new()), &reserved()));
    }

    #[test]
    fn a_reserved_label_in_a_filter_that_is_not_understood_counts_as_hiding() {
        assert!(hides_everything(&FieldValue("label=noAccess|label=Kids".into()), &reserved()));
        assert!(!hides_everything(&FieldValue("label=A|label=Kids".into()), &reserved()));
    }
}
