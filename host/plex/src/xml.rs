//! XML answers as a tree of elements with their attributes. Text between elements has no meaning in Plex's
//! answers and is dropped.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// Deeper answers make no sense: Plex's have three levels.
const DEEPEST: usize = 32;

/// More elements make no sense: a hundred friends with a hundred libraries each.
const MOST_ELEMENTS: usize = 500_000;

/// An answer that can't be read. It says nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is no XML, or it stops in the middle.
    #[error("the answer is no complete XML")]
    Broken,
    /// It is something else, for example the page of a proxy.
    #[error("the answer is not of the kind that was asked for")]
    Unexpected,
    /// The list says that it has more or fewer entries than are there.
    #[error("the list in the answer is not complete")]
    Incomplete,
    /// An entry has no id or another thing without which it can't be told from others.
    #[error("an entry of the list in the answer has no `{0}`")]
    Missing(&'static str),
}

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// Reads a whole document.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut reader = Reader::from_str(text);
        // The elements that are open, the document itself first.
        let mut open = vec![Self::default()];
        let mut elements = 0_usize;
        loop {
            match reader.read_event().map_err(|_| Unreadable::Broken)? {
                Event::Start(start) => {
                    if open.len() > DEEPEST {
                        return Err(Unreadable::Broken);
                    }
                    open.push(Self::start(&start)?);
                    elements += 1;
                }
                Event::Empty(start) => {
                    let element = Self::start(&start)?;
                    open.last_mut().ok_or(Unreadable::Broken)?.children.push(element);
                    elements += 1;
                }
                Event::End(_) => {
                    let element = open.pop().ok_or(Unreadable::Broken)?;
                    open.last_mut().ok_or(Unreadable::Broken)?.children.push(element);
                }
                Event::Eof => break,
                _ => {}
            }
            if elements > MOST_ELEMENTS {
                return Err(Unreadable::Broken);
            }
        }
        let (Some(document), true) = (open.pop(), open.is_empty()) else {
            return Err(Unreadable::Broken);
        };
        let mut roots = document.children.into_iter();
        match (roots.next(), roots.next()) {
            (Some(root), None) => Ok(root),
            _ => Err(Unreadable::Broken),
        }
    }

    fn start(start: &BytesStart<'_>) -> Result<Self, Unreadable> {
        let mut attributes = Vec::new();
        // A name that stands twice does no harm: the first counts.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| Unreadable::Broken)?;
            // What stands for no character stays as it is written: one odd name must not hide a whole list.
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => value.into_owned(),
                Err(_) => attribute.value.to_string(),
            };
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Ok(Self { name: start.name().as_ref().to_owned(), attributes, children: Vec::new() })
    }

    /// Reads a list: a `MediaContainer` that has as many entries as its `size` says, if it says so.
    pub(super) fn list(text: &str) -> Result<Self, Unreadable> {
        let root = Self::parse(text)?;
        if root.name != "MediaContainer" {
            return Err(Unreadable::Unexpected);
        }
        for name in ["size", "totalSize"] {
            if let Some(size) = root.get(name)
                && size.trim().parse() != Ok(root.children.len())
            {
                return Err(Unreadable::Incomplete);
            }
        }
        Ok(root)
    }

    /// An attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An attribute, empty if it is absent.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// An attribute that says yes: `1` or `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "true"))
    }

    /// A number without which the entry can't be understood.
    pub(super) fn number(&self, name: &'static str) -> Result<u64, Unreadable> {
        self.get(name).and_then(|text| text.trim().parse().ok()).ok_or(Unreadable::Missing(name))
    }

    /// A text without which the entry can't be understood.
    pub(super) fn needed(&self, name: &'static str) -> Result<String, Unreadable> {
        self.get(name).filter(|text| !text.is_empty()).map(str::to_owned).ok_or(Unreadable::Missing(name))
    }

    /// The children of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USERS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <!-- a comment -->
        <MediaContainer friendlyName="myPlex" size="2">
          text &amp; more
          <User id="123" title="A &amp; B" email=""><Server id="777" owned="1"/></User>
          <User id='124' title="&#x41;"/>
        </MediaContainer>"#;

    #[test]
    fn a_list_is_read() {
        let list = Element::list(USERS).unwrap();
        let users: Vec<_> = list.all("User").collect();
        assert_eq!(users.len(), 2);
        assert_eq!(users[0].number("id"), Ok(123));
        assert_eq!(users[0].get("title"), Some("A & B"));
        assert_eq!(users[0].needed("email"), Err(Unreadable::Missing("email")));
        assert!(users[0].children[0].flag("owned"));
        assert_eq!(users[1].text("title"), "A");
        assert!(!users[1].flag("owned"));
    }

    #[test]
    fn every_truncation_is_noticed() {
        for end in 0..USERS.len() {
            assert!(Element::list(&USERS[..end]).is_err(), "{}", &USERS[..end]);
        }
    }

    #[test]
    fn a_list_that_misses_entries_is_noticed() {
        for text in [
            r#"<MediaContainer size="2"><User id="1"/></MediaContainer>"#,
            r#"<MediaContainer size="0"><User id="1"/></MediaContainer>"#,
            r#"<MediaContainer size="many"><User id="1"/></MediaContainer>"#,
            r#"<MediaContainer size="1" totalSize="2"><User id="1"/></MediaContainer>"#,
        ] {
            assert_eq!(Element::list(text), Err(Unreadable::Incomplete), "{text}");
        }
        assert!(Element::list("<MediaContainer/>").unwrap().children.is_empty());
        assert!(Element::list(r#"<MediaContainer size="0"></MediaContainer>"#).is_ok());
    }

    #[test]
    fn what_is_no_list_is_not_taken_for_an_empty_one() {
        assert_eq!(Element::list("<html><body/></html>"), Err(Unreadable::Unexpected));
        assert_eq!(Element::list(r#"<Response code="200" status="fine"/>"#), Err(Unreadable::Unexpected));
        for text in [
            "",
            " ",
            "null",
            "{}",
            "[]",
            "<",
            "<a",
            "<a><b></a></b>",
            "<a><MediaContainer/>",
            "<a/><b/>",
            "</a>",
            "<a x=1/>",
            "\u{0}",
        ] {
            assert_eq!(Element::list(text), Err(Unreadable::Broken), "{text:?}");
        }
        assert_eq!(Element::parse(&"<a>".repeat(100_000)), Err(Unreadable::Broken));
    }

    #[test]
    fn a_name_that_can_not_be_resolved_hides_no_list() {
        for odd in [
            "&unknown;",
            "&#0;",
            "&#x1b;",
            "&#xffff;",
            "&#xd800;",
            "&#99999999;",
            "Tom & Jerry",
            "a&b;c&",
            "\u{ffff}\u{1}",
        ] {
            let text =
                format!(r#"<MediaContainer size="2"><Video title="{odd}"/><Video id="7"/></MediaContainer>"#);
            let list = Element::list(&text).unwrap();
            assert!(!list.children[0].text("title").is_empty(), "{odd}");
            assert_eq!(list.children[1].number("id"), Ok(7), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_survived(text in "\\PC{0,100}", markup in "[<>/a=\"'&;#x1 !-]{0,60}") {
            let _ = (Element::parse(&text), Element::parse(&markup));
        }
    }
}
