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
        || is_picture(c)
        || "<>()[]{}\"`|\\,;:".contains(c)
        || "“”„«»‹›「」【】（），、；：—―•".contains(c)
}

/// Pictures, arrows and signs. What is a letter or a number to people is none of them.
fn is_picture(c: char) -> bool {
    !c.is_alphanumeric()
        && matches!(
            c,
            '\u{a9}'
                | '\u{ae}'
                | '\u{20e3}'
                | '\u{2122}'
                | '\u{2190}'..='\u{21ff}'
                | '\u{2300}'..='\u{23ff}'
                | '\u{25a0}'..='\u{27bf}'
                | '\u{2900}'..='\u{297f}'
                | '\u{2b00}'..='\u{2bff}'
                | '\u{3030}'
                // How the picture before it is shown.
                | '\u{fe0e}'..='\u{fe0f}'
                | '\u{1f000}'..='\u{1faff}'
        )
}

/// What marks a word in markdown, or quotes it.
const MARKS: [char; 4] = ['*', '_', '~', '\''];

/// What stands before an address and is neither part of it nor a letter.
const LEADING: [char; 7] = ['‘', '’', '–', '‐', '‑', '¿', '¡'];

/// What people and forms call an address, with an equals sign before it.
const FIELDS: [&str; 12] = [
    "email", "e-mail", "e_mail", "mail", "mailto", "address", "addr", "adresse", "to", "plex", "user",
    "username",
];

/// The address in a word, without the punctuation after it, the marks around it, and the name of a field before it.
fn address_in(word: &str) -> Option<Email> {
    let (local, rest) = word.split_once('@')?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && !"-.。．｡".contains(c)).unwrap_or(rest.len());
    let (domain, after) = rest.split_at_checked(end)?;
    // Anything else is part of what was meant: without it, it would be another address.
    let ends = |c: char| MARKS.contains(&c) || ".!?/&…‘’！？–".contains(c);
    if !after.is_empty() && !after.starts_with(ends) {
        return None;
    }
    // Some keyboards make it of the hyphen in a domain.
    if after.starts_with('–') && after.trim_end_matches(['.', '!', '?']).contains('.') {
        return None;
    }
    // A mark that stands before and after it is none of it.
    let marked = after.starts_with(MARKS);
    let bare = |local| trimmed(local, marked);
    let local = bare(without_field(bare(local)));
    Email::parse(&format!("{local}@{}", domain.trim_end_matches(['.', '。', '-']))).ok()
}

fn trimmed(local: &str, marked: bool) -> &str {
    let local = if marked { local.trim_start_matches(MARKS) } else { local };
    local.trim_start_matches(LEADING)
}

/// What stands before the `@`, without the name of a field: `ann` of `email=ann`.
fn without_field(local: &str) -> &str {
    let names_a_field = |before: &str| {
        let field = before.trim_end_matches('=').rsplit(['=', '?', '&', '/']).next().unwrap_or_default();
        let field = field.trim_start_matches(MARKS);
        FIELDS.iter().any(|known| known.eq_ignore_ascii_case(field))
    };
    let mut signs = local.rmatch_indices('=').map(|(at, _)| at);
    let after = signs.find_map(|at| {
        let (before, rest) = local.split_at_checked(at)?;
        names_a_field(before).then(|| rest.strip_prefix('=').unwrap_or(rest))
    });
    after.unwrap_or(local)
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
            "ann@example.org🙂",
            "ann@example.org ❤\u{fe0f}",
            "📧ann@example.org",
            "✉\u{fe0f}ann@example.org👍🏽",
            "→ann@example.org←",
            "•ann@example.org",
            "ann@example.org—",
            "–ann@example.org–",
            "(ann@example.org),",
            "<ann@example.org>;",
            "¿ann@example.org?",
            "email=ann@example.org",
            "E-Mail=ann@example.org.",
            "email==ann@example.org",
            "email='ann@example.org'",
            "*email=ann@example.org*",
            "mailto=ann@example.org",
            "?email=ann@example.org",
            "email=to=ann@example.org",
        ] {
            assert_eq!(Typed::read(text), address("ann@example.org", true), "{text:?}");
        }
        for text in ["ann@exämple.org", "*ann@exämple.org*"] {
            assert_eq!(Typed::read(text), address("ann@exämple.org", true), "{text}");
        }
        for text in [
            "ann+plex.x@mail.example.org",
            "_ann@example.org",
            "'ann@example.org",
            "a*b@example.org",
            "tag=ann@example.org",
        ] {
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
            "ann@example.org—thanks",
            "thanks—ann@example.org",
            "ann@example.org🙂thanks",
            "mail:ann@example.org",
            "E-mail：ann@example.org",
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
            "a\u{308}nn@example.org",
            "o’neill@example.org",
            "ann–marie@example.org",
            "ann@exam–ple.org",
            "ann@example.co–op.org",
            "ann@i❤.example",
            "email=@example.org",
            "ann @ example.org",
            &long,
        ] {
            assert_eq!(Typed::read(text), Typed::Nothing, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_found_in_any_text_is_a_valid_address_that_is_read_as_itself(
            parts in proptest::collection::vec(proptest::sample::select(&PARTS), 0..8)
        ) {
            if let Typed::Address { email, .. } = Typed::read(&parts.concat()) {
                let found = email.expose().to_owned();
                proptest::prop_assert_eq!(Email::parse(&found), Ok(email.clone()));
                proptest::prop_assert!(!found.to_lowercase().starts_with("email="), "{}", found);
                proptest::prop_assert_eq!(Typed::read(&found), Typed::Address { email, alone: true });
            }
        }
    }

    /// What texts with an address are made of.
    const PARTS: [&str; 30] = [
        "ann@example.org",
        "ann@example.org",
        "ann",
        "@",
        "example.org",
        ".org",
        "email=",
        "mail:",
        "mailto:",
        "?to=",
        "=",
        "—",
        "–",
        "🙂",
        "📧",
        "\u{fe0f}",
        " ",
        "<",
        ">",
        "(",
        ")",
        ",",
        ".",
        "'",
        "*",
        "’",
        "é",
        "\u{308}",
        "-",
        "/",
    ];
}
