//! E-mail addresses: the first key to a person's Plex account, and nobody else's business.

use std::{borrow::Cow, fmt};

use email_address::{EmailAddress, Options};

/// An e-mail address. `Debug` shows a placeholder and there is no `Display`, so that it can't end up in a
/// log, a metric, an error or a recording.
#[derive(Clone)]
pub struct Email(String);

/// What a person typed is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct NotAnAddress;

impl Email {
    /// Reads an address. Blanks around it, angle brackets and a `mailto:` are forgiven. An international domain is kept
    /// in the form that the mail's servers use for it (`xn--…`). What else people write around an address,
    /// [`Typed`](super::Typed) reads.
    ///
    /// # Errors
    /// [`NotAnAddress`], which does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        // The longest address that can be mailed to has 254 bytes (RFC 5321, with its erratum 1690).
        const LONGEST: usize = 254;
        let text = text.trim();
        let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let text = text.trim();
        let text = text.strip_prefix("mailto:").unwrap_or(text);
        // The conversion of a domain takes the longer the longer it is.
        if text.len() > LONGEST {
            return Err(NotAnAddress);
        }
        let text = with_plain_domain(text).ok_or(NotAnAddress)?;
        // What stands in quotes or brackets the parser would take for more than an address.
        let foreign = |letter: char| !letter.is_ascii_graphic() || matches!(letter, '"' | '<' | '>');
        if text.len() > LONGEST || text.contains(foreign) {
            return Err(NotAnAddress);
        }
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        EmailAddress::parse_with_options(&text, options).map_err(|_| NotAnAddress)?;
        Ok(Self(text.into_owned()))
    }

    /// The address itself, for the place that sends or stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The form in which two spellings of one address are equal. plex.tv does not tell upper from lower
    /// case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether a text from elsewhere is this address.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        with_plain_domain(text.trim()).is_some_and(|text| self.0.eq_ignore_ascii_case(&text))
    }
}

/// The text with its domain, if there is one, in the form that stands in ASCII. None: there is no such form.
fn with_plain_domain(text: &str) -> Option<Cow<'_, str>> {
    match text.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => {
            let plain = idna::domain_to_ascii_strict(domain).ok()?;
            Some(Cow::Owned(format!("{local}@{plain}")))
        }
        _ => Some(Cow::Borrowed(text)),
    }
}

/// What stands in the place of an address.
const PLACEHOLDER: &str = "(address)";

/// The text without anything in it that could be an e-mail address. A mention such as `<@900000001>` is none.
#[must_use]
pub fn without_addresses(text: &str) -> String {
    let is_at = |c: char| matches!(c, '@' | '\u{ff20}' | '\u{fe6b}');
    let is_local = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_at) {
        let (before, after) = rest.split_at(at);
        let mut after = after.chars();
        let sign = after.next().unwrap_or('@');
        let after = after.as_str();
        let local = before.trim_end_matches(is_local);
        let domain = after.trim_start_matches(is_domain);
        if local.len() < before.len() && domain.len() < after.len() {
            out.push_str(local);
            out.push_str(PLACEHOLDER);
            rest = domain;
        } else {
            out.push_str(before);
            out.push(sign);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Email {}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_what_people_put_around_them() {
        for text in ["ann@example.org", "  ann@example.org\n", "<ann@example.org>", "mailto:ann@example.org"]
        {
            assert_eq!(Email::parse(text).unwrap().expose(), "ann@example.org");
        }
        assert!(Email::parse("ann+plex.x@mail.example.org").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(300));
        for text in [
            "",
            "ann",
            "ann@",
            "@example.org",
            "ann@example",
            "a b@example.org",
            "ann@example.org, bob@example.org",
            "ann@@example.org",
            "ann@[127.0.0.1]",
            "Ann <ann@example.org>",
            "<  <ann@example.org>\n>",
            "<<ann@example.org>>",
            "ann@example.org\n>",
            "änn@example.org",
            "ann@ex ämple.org",
            "ann@-ä.org",
            "ann@exämple",
            "ann@exämple_.org",
            "\"a b\"@example.org",
            "ann@example.org\u{0}",
            &long,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_international_domain_is_the_same_in_each_of_its_forms() {
        for text in ["ann@exämple.org", "ann@EXÄMPLE.org", "ann@exa\u{308}mple.org", "ann@xn--exmple-cua.org"]
        {
            let ann = Email::parse(text).unwrap();
            assert_eq!(ann.key(), "ann@xn--exmple-cua.org");
            assert!(ann.is("Ann@exämple.ORG") && ann.is("ann@xn--exmple-cua.org"), "{text}");
            assert!(!ann.is("ann@example.org"));
        }
        assert_eq!(Email::parse("ann@例え。テスト").unwrap().expose(), "ann@xn--r8jz45g.xn--zckzah");
        let long = format!("ann@{}.org", "ä".repeat(70));
        assert!(Email::parse(&long).is_err(), "no part of a domain has more than 63 letters");
    }

    #[test]
    fn case_makes_no_other_address() {
        let ann = Email::parse("Ann@Example.org").unwrap();
        assert_eq!(ann, Email::parse("ann@example.org").unwrap());
        assert_eq!(ann.key(), "ann@example.org");
        assert!(ann.is(" ANN@example.ORG "));
    }

    #[test]
    fn an_address_is_not_shown() {
        assert_eq!(format!("{:?}", Email::parse("ann@example.org").unwrap()), "Email(…)");
    }

    #[test]
    fn what_could_be_an_address_is_taken_out_of_a_text() {
        for (text, left) in [
            ("ask ann@example.org, or ben+x@mail.example.org.", "ask (address), or (address)"),
            ("\"ann@example.org\"", "\"(address)\""),
            ("ann\u{ff20}example.org", "(address)"),
            ("a@b@c", "(address)@c"),
            ("<@900000001>: remove (left)", "<@900000001>: remove (left)"),
            ("@ann, 5 @ 3, x@ y", "@ann, 5 @ 3, x@ y"),
        ] {
            assert_eq!(without_addresses(text), left);
        }
    }
}
