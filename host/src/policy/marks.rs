//! Settings whose meaning a policy's schema marks, so that the host can hold them against what there is.
//!
//! A schema says with `"x-rolarr"` what a text stands for. Where it stands beside a list, each text of the list is
//! meant; beside `propertyNames`, each name of a table.

use std::collections::BTreeSet;

use rolarr_policy::contract::Rule;
use serde_json::{Map, Value};

use super::error::Failure;

use crate::domain::{filter, printable};

/// The word by which a schema marks a setting.
const MARK: &str = "x-rolarr";

/// So many marked texts are kept. Nobody writes so many by hand.
const MOST: usize = 1_000;

/// What a marked text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The key of a tracked role (`role-key`).
    RoleKey,
    /// The key of a Discord server (`guild-key`).
    GuildKey,
    /// The name of a library (`library`).
    Library,
    /// A label that no item carries, so that a filter on it shows nothing (`label`).
    Label,
}

impl Mark {
    fn of(schema: &Map<String, Value>) -> Option<Self> {
        match schema.get(MARK)?.as_str()? {
            "role-key" => Some(Self::RoleKey),
            "guild-key" => Some(Self::GuildKey),
            "library" => Some(Self::Library),
            "label" => Some(Self::Label),
            // A later version may know more.
            _ => None,
        }
    }
}

/// A text in the settings that a schema marks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// What it stands for.
    pub mark: Mark,
    /// The setting, like `tiers.plus`.
    pub setting: String,
    /// The text.
    pub text: String,
}

/// The marked texts of settings, and of the defaults of those that are not set. `settings` and the schema are texts of
/// JSON; what can't be read has none.
pub(super) fn of(schema: Option<&str>, settings: &str) -> Vec<Marked> {
    let Some(Ok(schema)) = schema.map(serde_json::from_str::<Value>) else { return Vec::new() };
    let Ok(settings) = serde_json::from_str::<Value>(settings) else { return Vec::new() };
    let mut found = BTreeSet::new();
    walk(&schema, &settings, "", &mut found);
    found.into_iter().collect()
}

/// Why no filter can carry one of the marked labels, for people.
pub(super) fn check_labels(marked: &[Marked]) -> Result<(), Failure> {
    for Marked { setting, text, .. } in marked.iter().filter(|marked| marked.mark == Mark::Label) {
        if let Err(error) = filter::only(&Rule::label(text.clone())) {
            return Err(Failure::Refused(format!("setting `{}`: {error}", printable(setting)).into()));
        }
    }
    Ok(())
}

fn walk(schema: &Value, value: &Value, setting: &str, found: &mut BTreeSet<Marked>) {
    let Value::Object(schema) = schema else { return };
    if let Some(mark) = Mark::of(schema) {
        let texts = match value {
            Value::String(_) => std::slice::from_ref(value),
            Value::Array(list) => list,
            _ => &[],
        };
        for text in texts.iter().filter_map(Value::as_str) {
            if found.len() < MOST {
                found.insert(Marked { mark, setting: setting.to_owned(), text: text.to_owned() });
            }
        }
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        for one in schema.get(several).and_then(Value::as_array).into_iter().flatten() {
            walk(one, value, setting, found);
        }
    }
    match value {
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            for item in list {
                walk(items, item, setting, found);
            }
        }
        Value::Object(table) => walk_table(schema, table, setting, found),
        _ => {}
    }
}

fn walk_table(
    schema: &Map<String, Value>,
    table: &Map<String, Value>,
    setting: &str,
    found: &mut BTreeSet<Marked>,
) {
    let within = |name: &str| if setting.is_empty() { name.to_owned() } else { format!("{setting}.{name}") };
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, value) in table {
        if let Some(names) = schema.get("propertyNames") {
            walk(names, &Value::from(name.as_str()), setting, found);
        }
        let named = properties.iter().find(|(known, _)| same(known, name)).map(|(_, schema)| schema);
        if let Some(schema) = named.or_else(|| schema.get("additionalProperties")) {
            walk(schema, value, &within(name), found);
        }
    }
    for (name, schema) in properties {
        if table.keys().all(|set| !same(set, name))
            && let Some(default) = schema.get("default")
        {
            walk(schema, default, &within(name), found);
        }
    }
}

/// Scripts take `-` and `_` in the names of settings for the same.
fn same(left: &str, right: &str) -> bool {
    left.replace('_', "-") == right.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: &Value, settings: &Value) -> Vec<(Mark, String, String)> {
        let marked = of(Some(&schema.to_string()), &settings.to_string());
        marked.into_iter().map(|one| (one.mark, one.setting, one.text)).collect()
    }

    fn one(mark: Mark, setting: &str, text: &str) -> (Mark, String, String) {
        (mark, setting.to_owned(), text.to_owned())
    }

    #[test]
    fn texts_lists_and_tables_are_found_by_their_marks() {
        let schema = json!({"properties": {
            "label": {"type": "string", "x-rolarr": "label", "default": "noAccess"},
            "needs-role": {"x-rolarr": "role-key"},
            "servers": {"items": {"x-rolarr": "guild-key"}},
            "tiers": {
                "propertyNames": {"x-rolarr": "role-key"},
                "additionalProperties": {"x-rolarr": "library"},
            },
            "one": {"oneOf": [{"const": "all"}, {"type": "string", "x-rolarr": "library"}]},
            "plain": {"type": "string"},
        }});
        let settings = json!({
            "needs_role": "plus", "servers": ["home"], "tiers": {"gold": ["Movies", 3, "Shows"]},
            "one": "Music", "plain": "x",
        });
        assert_eq!(
            found(&schema, &settings),
            [
                one(Mark::RoleKey, "needs_role", "plus"),
                one(Mark::RoleKey, "tiers", "gold"),
                one(Mark::GuildKey, "servers", "home"),
                one(Mark::Library, "one", "Music"),
                one(Mark::Library, "tiers.gold", "Movies"),
                one(Mark::Library, "tiers.gold", "Shows"),
                one(Mark::Label, "label", "noAccess"),
            ]
        );
    }

    #[test]
    fn what_has_no_marks_or_can_not_be_read_has_none() {
        assert_eq!(of(None, "{}"), []);
        assert_eq!(of(Some("{"), "{}"), []);
        assert_eq!(of(Some("[]"), "{}"), []);
        assert_eq!(of(Some(r#"{"properties": 3, "x-rolarr": 4}"#), r#"{"a": "b"}"#), []);
        assert_eq!(found(&json!({"properties": {"a": {"x-rolarr": "colour"}}}), &json!({"a": "b"})), []);
    }

    #[test]
    fn more_than_anybody_writes_is_left_out() {
        let many: Vec<String> = (0..MOST + 100).map(|number| number.to_string()).collect();
        let schema = json!({"properties": {"libraries": {"x-rolarr": "library"}}});
        assert_eq!(found(&schema, &json!({"libraries": many})).len(), MOST);
    }

    #[test]
    fn a_label_that_breaks_a_filter_is_refused_with_its_setting() {
        let schema = json!({"properties": {"hide-by": {"x-rolarr": "label"}}}).to_string();
        for bad in ["", " x", "a,b", "a|b", "a&b", "a=b", "100%", "a\u{7}b", &"x".repeat(9_000)] {
            let marked = of(Some(&schema), &json!({"hide-by": bad}).to_string());
            let error = check_labels(&marked).unwrap_err().to_string();
            assert!(error.contains("setting `hide-by`: ") && error.len() < 500, "{bad:?}: {error}");
        }
        for good in ["noAccess", "it's mine", "„gesperrt“", "a;b", "\"quoted\""] {
            let marked = of(Some(&schema), &json!({"hide-by": good}).to_string());
            assert_eq!(check_labels(&marked), Ok(()), "{good}");
        }
    }
}
