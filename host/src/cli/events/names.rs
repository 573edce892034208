//! Known names and ids in texts that a policy wrote.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use icu_normalizer::ComposingNormalizerBorrowed;

use super::pseudonyms::Pseudonyms;

/// A number of this many digits is an id of Discord's, known or not.
const DIGITS_OF_AN_ID: std::ops::RangeInclusive<usize> = 17..=20;

/// Digits alone are a name only if there are more of them: what a policy counts is no name.
const LONGEST_COUNT: usize = 5;

/// A word that is said of so many others is the policy's own, whoever is called by it.
const SAID_OF: usize = 3;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    /// A person, by id.
    Person(u64),
    /// A tracked role, by the key that takes the place of its name.
    Role(String),
}

/// A name as it is looked for.
struct Name {
    /// In lower case, before the first letter or digit.
    before: Vec<char>,
    /// In lower case, from the first letter or digit to the end.
    rest: Vec<char>,
    owners: BTreeSet<Owner>,
    /// Of whom else it is said; at most [`SAID_OF`].
    said_of: BTreeSet<u64>,
}

impl Name {
    /// Where the name ends that has its first letter or digit here; none if it is not here. Signs in it may be
    /// escaped, as a policy writes a name to Discord: `ada\_lovelace`.
    fn ends_at(&self, letters: &[char], at: usize) -> Option<usize> {
        let plain = at + self.rest.len();
        if letters.get(at..plain) == Some(&self.rest) {
            return Some(plain);
        }
        self.rest.iter().try_fold(at, |at, sign| match letters.get(at..)? {
            ['\\', escaped, ..] if escaped == sign && !sign.is_alphanumeric() => Some(at + 2),
            [same, ..] if same == sign => Some(at + 1),
            _ => None,
        })
    }

    /// Where it begins. What a name begins with may be missing: then the rest of it is still the name.
    fn begins_at(&self, letters: &[char], at: usize) -> usize {
        let begins = self.before.iter().rev().try_fold(at, |at, sign| match letters.get(..at)? {
            [.., '\\', escaped] if escaped == sign => Some(at - 2),
            [.., same] if same == sign => Some(at - 1),
            _ => None,
        });
        begins.unwrap_or(at)
    }
}

/// All names and ids that are known.
#[derive(Default)]
pub(super) struct Names {
    ids: HashSet<u64>,
    /// By name in lower case.
    index: BTreeMap<String, usize>,
    names: Vec<Name>,
    /// By first word, in lower case: places in `names`, longest first once [`Names::ready`].
    by_word: HashMap<String, Vec<usize>>,
}

impl Names {
    pub(super) fn know_id(&mut self, id: u64) {
        self.ids.insert(id);
    }

    pub(super) fn know_person(&mut self, id: u64, name: &str) {
        self.know(name, Owner::Person(id));
    }

    /// A role's name goes where it tells more than the key, which stays.
    pub(super) fn know_role(&mut self, name: &str, key: &str) {
        if !is_key(name, key) {
            self.know(name, Owner::Role(key.to_owned()));
        }
    }

    fn know(&mut self, name: &str, owner: Owner) {
        let name = composed(name.trim());
        let letters = name.chars().filter(|c| c.is_alphanumeric()).count();
        let only_digits = name.chars().all(|c| c.is_ascii_digit());
        // Of a name without letters nothing can be told apart from punctuation.
        if letters == 0 || (only_digits && letters <= LONGEST_COUNT) {
            return;
        }
        let lower: Vec<char> = name.chars().map(lower).collect();
        let text: String = lower.iter().collect();
        if let Some(known) = self.index.get(&text).and_then(|place| self.names.get_mut(*place)) {
            known.owners.insert(owner);
            return;
        }
        let start = lower.iter().position(|c| c.is_alphanumeric()).unwrap_or(0);
        let (before, rest) = lower.split_at(start);
        let word: String = rest.iter().take_while(|c| c.is_alphanumeric()).collect();
        let place = self.names.len();
        self.index.insert(text, place);
        self.by_word.entry(word).or_default().push(place);
        self.names.push(Name {
            before: before.to_vec(),
            rest: rest.to_vec(),
            owners: BTreeSet::from([owner]),
            said_of: BTreeSet::new(),
        });
    }

    /// All names are known: a longer one goes before a shorter one that it begins with.
    pub(super) fn ready(&mut self) {
        for places in self.by_word.values_mut() {
            places.sort_by_key(|place| {
                std::cmp::Reverse(self.names.get(*place).map_or(0, |name| name.rest.len()))
            });
        }
    }

    /// Takes note of the names that are said of a member. Those that are said of several who are not called so
    /// are words.
    pub(super) fn hear(&mut self, text: &str, of: u64) {
        for found in self.found_in(text).1 {
            if let Found::Name { place, .. } = found
                && let Some(name) = self.names.get_mut(place)
                && !name.owners.contains(&Owner::Person(of))
                && name.said_of.len() < SAID_OF
            {
                name.said_of.insert(of);
            }
        }
    }

    /// The text with pseudonyms in the place of names and ids. `of` is whom it is about: of several who are called
    /// the same, they are meant.
    pub(super) fn replace(&self, text: &str, of: u64, pseudonyms: &Pseudonyms) -> String {
        let (text, found) = self.found_in(text);
        if found.is_empty() {
            return text.into_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for one in found {
            let (from, to, instead) = match one {
                Found::Id { from, to, id } => (from, to, pseudonyms.id(id).to_string()),
                Found::Name { from, to, place } => {
                    let Some(instead) = self.instead(place, of, pseudonyms) else { continue };
                    (from, to, instead)
                }
            };
            out.extend(letters.get(at..from).unwrap_or_default());
            out.push_str(&instead);
            at = to;
        }
        out.extend(letters.get(at..).unwrap_or_default());
        out
    }

    /// What takes the place of a name; none if it stays.
    fn instead(&self, place: usize, of: u64, pseudonyms: &Pseudonyms) -> Option<String> {
        let name = self.names.get(place)?;
        let owner = if name.owners.contains(&Owner::Person(of)) {
            Owner::Person(of)
        } else {
            name.owners.first()?.clone()
        };
        match owner {
            Owner::Person(_) if name.said_of.len() >= SAID_OF => None,
            Owner::Person(id) => Some(pseudonyms.name(id)),
            Owner::Role(key) => Some(key),
        }
    }

    /// Whether an id is known.
    pub(super) fn is_id(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    /// What is in a text, and the text in the form in which that was found: as it is, unless names are in it whose
    /// accents are signs of their own.
    fn found_in<'a>(&self, text: &'a str) -> (Cow<'a, str>, Vec<Found>) {
        let found = self.find(text);
        let composed = composed(text);
        if composed != text {
            let more = self.find(&composed);
            if more.len() > found.len() {
                return (composed, more);
            }
        }
        (Cow::Borrowed(text), found)
    }

    /// Names and ids in a text, in order, by positions in characters. They don't overlap.
    fn find(&self, text: &str) -> Vec<Found> {
        let letters: Vec<char> = text.chars().map(lower).collect();
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(c) = letters.get(at) {
            if !c.is_alphanumeric() {
                at += 1;
                continue;
            }
            let end = letters
                .get(at..)
                .and_then(|rest| rest.iter().position(|c| !c.is_alphanumeric()))
                .map_or(letters.len(), |length| at + length);
            let word: String = letters.get(at..end).unwrap_or_default().iter().collect();
            let one = self.name_at(&letters, at, &word).or_else(|| self.id_at(at, end, &word));
            at = match one {
                Some(Found::Id { to, .. } | Found::Name { to, .. }) => to,
                None => end,
            };
            found.extend(one);
        }
        found
    }

    fn name_at(&self, letters: &[char], at: usize, word: &str) -> Option<Found> {
        self.by_word.get(word)?.iter().find_map(|place| {
            let name = self.names.get(*place)?;
            let to = name.ends_at(letters, at)?;
            let ends_here = letters.get(to).is_none_or(|c| !c.is_alphanumeric());
            let from = name.begins_at(letters, at);
            ends_here.then_some(Found::Name { from, to, place: *place })
        })
    }

    fn id_at(&self, from: usize, to: usize, word: &str) -> Option<Found> {
        let id: u64 =
            if word.bytes().all(|byte| byte.is_ascii_digit()) { word.parse().ok()? } else { return None };
        (self.is_id(id) || DIGITS_OF_AN_ID.contains(&word.len())).then_some(Found::Id { from, to, id })
    }
}

/// Something in a text, by positions in characters.
#[derive(Clone, Copy)]
enum Found {
    Id { from: usize, to: usize, id: u64 },
    Name { from: usize, to: usize, place: usize },
}

/// A text with letters and their accents together, as most programs write them.
fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Whether a role's name tells no more than its key.
pub(super) fn is_key(name: &str, key: &str) -> bool {
    name.to_lowercase() == key.to_lowercase()
}

/// One character in lower case, always one character, so that positions stay.
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: u64 = 900_000_021;
    const BEN: u64 = 900_000_022;

    fn names() -> Names {
        let mut names = Names::default();
        names.know_id(ADA);
        names.know_person(ADA, "ada");
        names.know_person(ADA, "Ada Lovelace");
        names.know_person(BEN, "_ben.");
        names.know_person(BEN, "42");
        names.know_person(BEN, "...");
        names.know_role("Plex Plus", "plus");
        names.know_role("Gold", "gold");
        names.ready();
        names
    }

    fn replaced(text: &str) -> String {
        let pseudonyms = Pseudonyms::from_text("key");
        names()
            .replace(text, ADA, &pseudonyms)
            .replace(&pseudonyms.name(ADA), "[ada]")
            .replace(&pseudonyms.name(BEN), "[ben]")
            .replace(&pseudonyms.id(ADA).to_string(), "[id]")
    }

    #[test]
    fn names_and_ids_are_replaced_where_they_are_words() {
        assert_eq!(replaced("ada, ADA and Ada Lovelace"), "[ada], [ada] and [ada]");
        assert_eq!(replaced("_ben. or ben."), "[ben] or [ben]");
        assert_eq!(replaced("<@900000021> is 900000021"), "<@[id]> is [id]");
        assert_eq!(replaced("You lost Plex Plus."), "You lost plus.");
        assert_eq!(replaced("id_ada_1"), "id_[ada]_1");
        let unknown = replaced("<@123456789012345678>");
        assert!(!unknown.contains("123456789012345678"), "{unknown}");
    }

    #[test]
    fn signs_in_a_name_may_be_escaped() {
        let mut names = names();
        names.know_person(BEN, "ben_q*");
        names.know_person(BEN, "a\\b");
        names.ready();
        let pseudonyms = Pseudonyms::from_text("key");
        let replaced =
            |text: &str| names.replace(text, BEN, &pseudonyms).replace(&pseudonyms.name(BEN), "[ben]");
        assert_eq!(replaced(r"ben_q*, ben\_q\*, ben\_q*!"), "[ben], [ben], [ben]!");
        assert_eq!(replaced(r"\_ben\. \*\*ben\_q\*\*\*"), r"[ben] \*\*[ben]\*\*");
        assert_eq!(replaced(r"a\b or a\\b"), "[ben] or [ben]");
        assert_eq!(replaced(r"ben\q*"), r"ben\q*");
    }

    #[test]
    fn accents_may_be_signs_of_their_own_on_either_side() {
        let pseudonyms = Pseudonyms::from_text("key");
        for (known, written) in [("J\u{f6}rg", "jo\u{308}rg"), ("Jo\u{308}rg", "j\u{f6}rg")] {
            let mut names = Names::default();
            names.know_person(BEN, known);
            names.ready();
            assert_eq!(
                names.replace(&format!("{written} left"), ADA, &pseudonyms),
                format!("{} left", pseudonyms.name(BEN))
            );
        }
        let stays = "cafe\u{301}";
        assert_eq!(replaced(stays), stays);
    }

    #[test]
    fn what_only_looks_like_a_name_stays() {
        for text in ["adagio, Canada", "9000000210", "wait 42 days...", "Gold", "", "1790000180000", "日本"]
        {
            assert_eq!(replaced(text), text);
        }
    }

    #[test]
    fn a_word_that_is_said_of_several_others_is_no_name() {
        let mut names = Names::default();
        names.know_person(ADA, "role");
        names.ready();
        let pseudonyms = Pseudonyms::from_text("key");
        let text = "lost the role";
        for (times, other) in [100, 101, 102].into_iter().enumerate() {
            assert_eq!(names.replace(text, ADA, &pseudonyms) != text, times < SAID_OF);
            names.hear(text, ADA);
            names.hear(text, other);
        }
        assert_eq!(names.replace(text, ADA, &pseudonyms), text);
    }
}
