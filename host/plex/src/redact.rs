//! Taking people out of what plex.tv says.
//!
//! plex.tv's own words name people ("already sharing this server with NAME"). What is not known to be
//! harmless goes: the names of everybody whom the account knows, whatever stands where the known sentences
//! put a name, and all that could be an e-mail address.

use rolarr_domain::is_unseen;

use super::{Redacted, percent};

/// The longest text that is shown, in characters. plex.tv's sentences have less than 100.
const LONGEST: usize = 200;

/// How much of a text is looked at, in characters.
const LONGEST_READ: usize = 4_000;

/// What stands in the place of what was taken out.
const PLACEHOLDER: &str = "(someone)";

/// What comes before a name in sentences of plex.tv's, in lower case. What follows, up to the end of the
/// sentence, goes.
const BEFORE_A_NAME: [&str; 9] = [
    "sharing this server with ",
    "sharing with ",
    "shared with ",
    "the settings for ",
    "invite for ",
    "invite to ",
    "invited ",
    "friends with ",
    "the user ",
];

/// What comes after a name in those sentences, in lower case.
const AFTER_A_NAME: [&str; 2] = [". please ", " already "];

/// Takes people out of texts.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The known names, in lower case, longest first, so that "Ann" does not spoil "Ann Smith".
    names: Vec<Vec<char>>,
}

impl Redactor {
    /// Knows these addresses, usernames and titles. Empty ones are ignored.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut names: Vec<Vec<char>> = names
            .into_iter()
            .map(|name| name.as_ref().trim().chars().filter(|c| !is_unseen(*c)).map(lower).collect())
            .filter(|name: &Vec<char>| !name.is_empty())
            .collect();
        names.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        names.dedup();
        Self { names }
    }

    /// The text on one line of at most 200 characters, without control characters and without people.
    #[must_use]
    pub fn redact(&self, text: &str) -> Redacted {
        let text = plain(text);
        let text = without_sentences(&text);
        let text = without_quotes(&text);
        let text = without_addresses(&text);
        let text = self.without_names(&text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Redacted(match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        })
    }

    fn without_names(&self, text: &str) -> String {
        let mut text: Vec<char> = text.chars().collect();
        for name in &self.names {
            text = without_name(&text, name);
        }
        text.into_iter().collect()
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(…)")
    }
}

/// One character of a text in lower case, always one character.
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

/// Undoes percent-encoding and character references, however often they were applied, and drops what can't
/// be seen.
fn plain(text: &str) -> String {
    let mut text: String = match text.char_indices().nth(LONGEST_READ) {
        // The last word may be half a name.
        Some((end, _)) => {
            let read = text.get(..end).unwrap_or_default();
            read.rsplit_once(char::is_whitespace).map(|(read, _)| read).unwrap_or_default().to_owned()
        }
        None => text.to_owned(),
    };
    for _ in 0..4 {
        let next = without_references(&percent::decoded_lossy(&text));
        if next == text {
            break;
        }
        text = next;
    }
    text.chars()
        .filter_map(|c| match c {
            c if c.is_whitespace() => Some(' '),
            c if is_unseen(c) => None,
            // The look-alikes of `@`.
            '\u{ff20}' | '\u{fe6b}' => Some('@'),
            c => Some(c),
        })
        .collect()
}

/// Replaces `&amp;`, `&#64;`, `&#x40;` and the like.
fn without_references(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = after.split_once(';').and_then(|(name, after)| Some((referred(name)?, after)));
        match reference {
            Some((c, after)) => {
                plain.push(c);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn referred(name: &str) -> Option<char> {
    let number = |digits, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "commat" => Some('@'),
        _ => match name.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(hex.get(1..)?, 16),
            digits => number(digits, 10),
        },
    }
}

/// Takes out what stands where a known sentence has a name.
fn without_sentences(text: &str) -> String {
    let lower: String = text.chars().map(lower_ascii).collect();
    let found = BEFORE_A_NAME.iter().filter_map(|before| Some((lower.find(before)?, before.len()))).min();
    let Some(start) = found.map(|(at, length)| at + length) else {
        return text.to_owned();
    };
    let rest = lower.get(start..).unwrap_or_default();
    // The last one: a name may have a full stop in it.
    let end = AFTER_A_NAME.iter().filter_map(|after| rest.rfind(after)).max();
    let tail = end.and_then(|end| text.get(start + end..)).unwrap_or(".");
    format!("{}{PLACEHOLDER}{tail}", text.get(..start).unwrap_or_default())
}

/// In lower case, and as long as before in bytes, so that positions stay.
fn lower_ascii(c: char) -> char {
    c.to_ascii_lowercase()
}

/// Takes out what stands in double quotes: where a sentence quotes something, it is what somebody typed.
fn without_quotes(text: &str) -> String {
    let is_quote = |c| matches!(c, '"' | '“' | '”' | '„' | '«' | '»' | '`');
    let mut parts = text.split(is_quote);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    while parts.next().is_some() {
        plain.push_str(PLACEHOLDER);
        plain.push_str(parts.next().unwrap_or_default());
    }
    plain
}

/// Takes out every word with an `@` in it.
fn without_addresses(text: &str) -> String {
    let word = |word: &str| if word.contains('@') { PLACEHOLDER.to_owned() } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Takes out a name where it stands as words of its own.
fn without_name(text: &[char], name: &[char]) -> Vec<char> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    let ends_word = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
    while let Some(&c) = text.get(at) {
        let end = at + name.len();
        let here =
            text.get(at..end).is_some_and(|here| here.iter().map(|&c| lower(c)).eq(name.iter().copied()))
                && ends_word(at.checked_sub(1).and_then(|before| text.get(before)))
                && ends_word(text.get(end));
        if here {
            plain.extend(PLACEHOLDER.chars());
            at = end;
        } else {
            plain.push(c);
            at += 1;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(names: &[&str], text: &str) -> String {
        Redactor::new(names).redact(text).to_string()
    }

    #[test]
    fn a_name_goes_though_nobody_told_it() {
        assert_eq!(
            shown(&[], "You're already sharing this server with Ann Smith. Please edit your existing share."),
            "You're already sharing this server with (someone). Please edit your existing share."
        );
        assert_eq!(
            shown(&[], "An error occurred updating the settings for J. Doe Jr."),
            "An error occurred updating the settings for (someone)."
        );
        let nasty =
            "You're already sharing this server with A. Please don't. Please edit your existing share.";
        assert!(!shown(&[], nasty).contains("don't"));
    }

    #[test]
    fn harmless_words_stay() {
        for text in [
            "The username or email entered appears to be invalid.",
            "Invite a user requires a Plex Pass",
            "This endpoint was deprecated and removed",
            "X-Plex-Client-Identifier is missing",
        ] {
            assert_eq!(shown(&["ann@example.org", "ann", "Ann Smith", ""], text), text);
        }
    }

    #[test]
    fn known_names_go_in_every_spelling() {
        let names = ["ann@example.org", "ann_smith", "Ann Smith", "Ünal", "joe"];
        for text in [
            "no ann_smith here",
            "no ANN_SMITH, here",
            "no Ann Smith.",
            "no ann%5Fsmith",
            "no ann%255Fsmith",
            "no \u{200b}an\u{200b}n_smith",
            "no ünal",
            "no ÜNAL's",
            "/api/invites/requested/joe?friend=1",
            "no &#106;oe",
            "no &amp;#x6a;oe",
        ] {
            let shown = shown(&names, text).to_lowercase();
            for name in ["smith", "ünal", "joe"] {
                assert!(!shown.contains(name), "{text:?} gives {shown:?}");
            }
        }
        assert_eq!(shown(&["ann"], "annual plan"), "annual plan");
        assert_eq!(shown(&["Ann", "Ann Smith"], "Ann Smith"), "(someone)");
    }

    #[test]
    fn addresses_go_in_every_spelling() {
        for text in [
            "no zoe@example.org here",
            "no zoe%40example.org",
            "no zoe%2540example.org",
            "no zoe&#64;example.org",
            "no zoe&#x40;example.org!",
            "no (ZOE@EXAMPLE.ORG)",
            "no mailto:zoe@example.org,",
            "no zoe＠example.org",
            "no z\u{200b}oe@example.org",
            "<error id=\"zoe@example.org\"/>",
            "nothing called \"zoe of example\" is known",
            "nothing called “zoe of example” is known",
            "open \"zoe of example",
        ] {
            let shown = shown(&[], text).to_lowercase();
            assert!(!shown.contains("zoe") && !shown.contains("example"), "{text:?} gives {shown:?}");
        }
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_comes_through() {
        assert_eq!(shown(&[], "a\u{1b}[31m\r\nb\u{202e}c\u{0}"), "a[31m bc");
    }

    #[test]
    fn long_texts_are_cut() {
        let text = shown(&[], &"word ".repeat(100_000));
        assert!(text.chars().count() <= LONGEST + 1 && text.ends_with('…'));
        // A name at the place of the cut is not half shown.
        let text = format!("{}zoe@example.org", "x".repeat(LONGEST_READ - 5));
        assert!(!shown(&[], &text).contains("zoe"));
    }

    #[test]
    fn its_debug_form_names_nobody() {
        assert_eq!(format!("{:?}", Redactor::new(["joe"])), "Redactor(…)");
    }

    proptest! {
        #[test]
        fn whatever_stands_around_a_known_name_it_goes(
            before in "[ -~]{0,30}", after in "[ -~]{0,30}", encoded in any::<bool>()
        ) {
            let name = "quxwibble";
            let inner = format!("{before} {name} {after}");
            let text = if encoded { percent::strict(&inner) } else { inner };
            let shown = shown(&[name], &text);
            prop_assert!(!shown.contains(name), "{}", shown);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,300}", name in "\\PC{0,5}") {
            let shown = shown(&[&name], &text);
            prop_assert!(!shown.contains('@') && !shown.chars().any(char::is_control));
            prop_assert!(shown.chars().count() <= LONGEST + 1);
        }
    }
}
