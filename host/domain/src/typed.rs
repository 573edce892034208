//! What people type where an e-mail address is asked for: an address, one in a sentence, or something else.

use super::{Email, is_unseen};

/// What a person typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// One address.
    Address {
        /// The address.
        email: Email,
        /// Nothing else stands beside it, but for what is written around an address.
        alone: bool,
    },
    /// Several addresses: which one is meant can't be told.
    Several,
    /// One word that could be a user name.
    Name,
    /// Nothing of the kind.
    Nothing,
}

impl Typed {
    /// Reads it. Blanks, brackets, quotes, punctuation, the marks of markdown and a `mailto:` around an address are
    /// no part of it.
    #[must_use]
    pub fn read(text: &str) -> Self {
        // Full-width, as Japanese and Chinese keyboards type it.
        let text = text.replace('\u{ff20}', "@");
        // A link to mail can say more than the address.
        let links = |word: &&str| word.eq_ignore_ascii_case("mailto");
        let words: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
        let (mut found, mut others): (Option<Email>, usize) = (None, 0);
        for word in words.iter().filter(|word| !links(word)) {
            match address_in(word) {
                Some(email) if found.as_ref().is_some_and(|found| *found != email) => return Self::Several,
                Some(email) => found = Some(email),
                None if word.contains(char::is_alphanumeric) => others += 1,
                None => {}
            }
        }
        match found {
            Some(email) => Self::Address { email, alone: others == 0 },
            None if others == 1 && is_name(text.trim()) => Self::Name,
            None => Self::Nothing,
        }
    }
}

/// What never stands in an address as people have them. Quotes could, and nobody has any.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || is_unseen(c)
        || "<>()[]{}\"`|\\,;:".contains(c)
        || "“”„«»‹›「」【】（），、；：".contains(c)
}

/// What marks a word in markdown, or quotes it.
const MARKS: [char; 4] = ['*', '_', '~', '\''];

/// The address in a word, without the punctuation after it and the marks around it.
fn address_in(word: &str) -> Option<Email> {
    let (local, rest) = word.split_once('@')?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && !"-.。．｡".contains(c)).unwrap_or(rest.len());
    let (domain, after) = rest.split_at_checked(end)?;
    // Anything else is part of what was meant: without it, it would be another address.
    let ends = |c: char| MARKS.contains(&c) || ".!?/&…‘’！？".contains(c);
    if !after.is_empty() && !after.starts_with(ends) {
        return None;
    }
    // A mark that stands before and after it is none of it.
    let marked = after.starts_with(MARKS);
    let local = if marked { local.trim_start_matches(MARKS) } else { local };
    let local = local.trim_start_matches(['‘', '’']);
    Email::parse(&format!("{local}@{}", domain.trim_end_matches(['.', '。', '-']))).ok()
}

/// Whether a word could be somebody's name at Plex.
fn is_name(word: &str) -> bool {
    let word = word.strip_prefix('@').unwrap_or(word);
    let plain = |c: char| c.is_alphanumeric() || "-_.'".contains(c);
    (2..=64).contains(&word.chars().count()) && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, alone: bool) -> Typed {
        Typed::Address { email: Email::parse(text).unwrap(), alone }
    }

    #[test]
    fn read_of_an_address_leaves_what_is_written_around_it() {
        for text in [
            "ann@example.org",
            " ann@example.org\n",
            "ann@example.org.",
            "ann@example.org!",
            "ann@example.org,",
            "ann@example.org…",
            "<ann@example.org>",
            "(ann@example.org)",
            "\"ann@example.org\".",
            "“ann@example.org”",
            "'ann@example.org'",
            "’ann@example.org’",
            "«ann@example.org»",
            "`ann@example.org`",
            "```\nann@example.org\n```",
            "**ann@example.org**",
            "*ann@example.org*.",
            "__ann@example.org__,",
            "***ann@example.org***",
            "~~ann@example.org~~",
            "||ann@example.org||",
            "> ann@example.org",
            "- ann@example.org",
            "mailto:ann@example.org",
            "MAILTO:ann@example.org?subject=Plex",
            "<mailto:ann@example.org>",
            "[ann@example.org](mailto:ann@example.org)",
            "Ann@example.org ann@example.org",
            "ann\u{ff20}example.org",
            "\u{feff}ann@example.org\u{200b}",
            "\u{a0}ann@example.org\u{202c}",
            "ann@example.org\u{3002}",
        ] {
            assert_eq!(Typed::read(text), address("ann@example.org", true), "{text:?}");
        }
        for text in ["ann@exämple.org", "*ann@exämple.org*"] {
            assert_eq!(Typed::read(text), address("ann@exämple.org", true), "{text}");
        }
        for text in ["ann+plex.x@mail.example.org", "_ann@example.org", "'ann@example.org", "a*b@example.org"]
        {
            assert_eq!(Typed::read(text), address(text, true), "{text}");
        }
    }

    #[test]
    fn read_of_an_address_in_a_sentence_finds_it_and_says_that_it_is_not_alone() {
        for text in [
            "my address is ann@example.org",
            "Hi! It's ann@example.org, thanks :)",
            "ann@example.org is mine",
            "E-Mail: ann@example.org",
            "email=ann ann@example.org?",
            "Ann <ann@example.org>",
            "use \"ann@example.org\" please",
            "<@900000001> mine is **ann@example.org**",
            "メールは ann@example.org です",
        ] {
            assert_eq!(Typed::read(text), address("ann@example.org", false), "{text:?}");
        }
    }

    #[test]
    fn read_of_several_addresses_takes_none_of_them() {
        for text in
            ["ann@example.org, ben@example.org", "not ann@example.org but ann@example.net", "a@b.org;a@c.org"]
        {
            assert_eq!(Typed::read(text), Typed::Several, "{text}");
        }
    }

    #[test]
    fn read_of_one_word_takes_it_for_a_user_name() {
        for text in ["ann", "Ann_1988", " @ann ", "ann.example", "ann-marie", "example.org", "Jürgen"] {
            assert_eq!(Typed::read(text), Typed::Name, "{text}");
        }
    }

    #[test]
    fn read_of_anything_else_finds_nothing() {
        let long = "a".repeat(70);
        for text in [
            "",
            " \n",
            "a",
            "?",
            "😀",
            "what is this for?",
            "ann@",
            "@example.org is it",
            "ann@example",
            "ann@plex",
            "ann@@example.org",
            "ann@example.org@example.net",
            "ann@[127.0.0.1]",
            "ann@exam_ple.org",
            "ann@example.or#g",
            "ann@example.org=x",
            "änn@example.org",
            "ann @ example.org",
            &long,
        ] {
            assert_eq!(Typed::read(text), Typed::Nothing, "{text:?}");
        }
    }
}
