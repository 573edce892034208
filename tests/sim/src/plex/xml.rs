//! Small XML documents, and the two ways in which Plex maps between XML and JSON.

use std::fmt::{Display, Write as _};

use serde_json::{Map, Value};

/// An element with attributes and child elements; Plex puts no text between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    /// An empty element.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: Vec::new(), children: Vec::new(), text: String::new() }
    }

    /// The same with one attribute more.
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.attributes.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same with one child more.
    pub(crate) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// The same with more children.
    pub(crate) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The same with a text in it.
    pub(crate) fn text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// As a document.
    pub(crate) fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String) {
        let _ = write!(out, "<{}", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"{}\"", escape(value));
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        let _ = write!(out, ">{}", escape(&self.text));
        for child in &self.children {
            child.write(out);
        }
        let _ = write!(out, "</{}>", self.name);
    }

    /// As a Plex server puts the same content into JSON: media elements become the list `Metadata`, other
    /// children of the container lists of their name, and what describes one session is a single object.
    pub(crate) fn json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in &self.attributes {
            let number = matches!(name.as_str(), "size").then(|| value.parse::<u64>().ok()).flatten();
            object.insert(name.clone(), number.map_or_else(|| Value::from(value.as_str()), Value::from));
        }
        for child in &self.children {
            let single = matches!(child.name.as_str(), "User" | "Player" | "Session");
            if single {
                object.insert(child.name.clone(), child.json());
                continue;
            }
            let list =
                if matches!(child.name.as_str(), "Video" | "Track") { "Metadata" } else { &child.name };
            let entry = object.entry(list).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(entries) = entry {
                entries.push(child.json());
            }
        }
        Value::Object(object)
    }
}

/// What plex.tv's v2 answers as XML where it would answer this as JSON: scalars are attributes, booleans are
/// 0 and 1, lists are an element with one child per entry, a text in a list is the child's `id`.
pub(crate) fn from_json(name: &str, value: &Value) -> Element {
    let mut element = Element::new(name);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Object(_) | Value::Array(_) => element = element.child(from_json(name, value)),
                    scalar => element = element.with(name, scalar_text(scalar)),
                }
            }
        }
        Value::Array(entries) => {
            let singular = name.strip_suffix("ies").map(|stem| format!("{stem}y"));
            let singular = singular.unwrap_or_else(|| name.strip_suffix('s').unwrap_or(name).to_owned());
            element = element.children(entries.iter().map(|entry| from_json(&singular, entry)));
        }
        scalar => element = element.with("id", scalar_text(scalar)),
    }
    element
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
    }
}

/// Escapes a text for an attribute. Characters that XML can't carry become a question mark.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('?'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hostile_text_stays_inside_its_attribute() {
        let document = Element::new("a").with("b", "\"><c d='\n\u{0}&amp;").document();
        assert!(document.ends_with("<a b=\"&quot;&gt;&lt;c d='&#10;?&amp;amp;\"/>\n"), "{document}");
    }

    #[test]
    fn lists_become_elements_of_the_singular() {
        let value =
            json!({"id": 1, "home": true, "none": null, "roles": ["plexpass"], "entries": [{"x": 2}]});
        assert_eq!(
            from_json("user", &value).document().lines().nth(1),
            Some(
                "<user home=\"1\" id=\"1\" none=\"\"><entries><entry x=\"2\"/></entries>\
                 <roles><role id=\"plexpass\"/></roles></user>"
            )
        );
    }

    #[test]
    fn a_servers_json_groups_children_by_name() {
        let element = Element::new("MediaContainer")
            .with("size", 1)
            .child(Element::new("Video").with("title", "Film").child(Element::new("User").with("id", 1)));
        assert_eq!(element.json(), json!({"size": 1, "Metadata": [{"title": "Film", "User": {"id": "1"}}]}));
    }
}
