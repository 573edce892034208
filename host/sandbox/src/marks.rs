//! Settings whose meaning a policy's schema marks, so that the host can hold them against what there is.
//!
//! A schema says with `"x-rolarr"` what a text stands for. Where it stands beside a list, each text of the list is
//! meant; beside `propertyNames`, each name of a table.

use std::collections::{BTreeMap, BTreeSet};

use rolarr_policy::contract::Rule;
use serde_json::{Map, Value};

use super::error::Failure;

use rolarr_domain::{UntrustedText, filter};

/// The word by which a schema marks a setting.
const MARK: &str = "x-rolarr";

/// The number of marked texts that are kept. Nobody writes so many by hand.
const MOST: usize = 1_000;

/// The number of values that are looked at. Schema and settings come from others, and this runs in the bot.
const STEPS: usize = 20_000;

/// The characters that are kept of the name of a setting.
const NAME: usize = 100;

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
    /// The setting, like `tiers.plus`. The policy may have named it.
    pub setting: UntrustedText,
    /// The text.
    pub text: String,
}

/// The marked texts of settings, and of the defaults of those that are not set. `settings` and the schema are texts of
/// JSON; what can't be read has none.
pub(super) fn of(schema: Option<&str>, settings: &str) -> Vec<Marked> {
    let Some(Ok(schema)) = schema.map(serde_json::from_str::<Value>) else { return Vec::new() };
    let Ok(settings) = serde_json::from_str::<Value>(settings) else { return Vec::new() };
    let mut search = Search { found: BTreeSet::new(), steps: STEPS };
    search.walk(&schema, &settings, "");
    search.found.into_iter().collect()
}

/// Why no filter can carry one of the marked labels, for people.
pub(super) fn check_labels(marked: &[Marked]) -> Result<(), Failure> {
    for Marked { setting, text, .. } in marked.iter().filter(|marked| marked.mark == Mark::Label) {
        if let Err(error) = filter::only(&Rule::label(text.clone())) {
            return Err(Failure::Refused(format!("setting `{setting}`: {error}").into()));
        }
    }
    Ok(())
}

/// A search for marked texts.
struct Search {
    found: BTreeSet<Marked>,
    /// The number of values that may still be looked at.
    steps: usize,
}

impl Search {
    fn walk(&mut self, schema: &Value, value: &Value, setting: &str) {
        let Value::Object(schema) = schema else { return };
        if !self.step() {
            return;
        }
        if let Some(mark) = Mark::of(schema) {
            let texts = match value {
                Value::String(_) => std::slice::from_ref(value),
                Value::Array(list) => list,
                _ => &[],
            };
            for text in texts.iter().filter_map(Value::as_str).take(MOST) {
                if self.found.len() < MOST {
                    let setting = UntrustedText::short(setting, NAME);
                    self.found.insert(Marked { mark, setting, text: text.to_owned() });
                }
            }
        }
        for several in ["oneOf", "anyOf", "allOf"] {
            for one in schema.get(several).and_then(Value::as_array).into_iter().flatten() {
                self.walk(one, value, setting);
            }
        }
        match value {
            Value::Array(list) => {
                let Some(items) = schema.get("items") else { return };
                for item in list {
                    self.walk(items, item, setting);
                }
            }
            Value::Object(table) => self.walk_table(schema, table, setting),
            _ => {}
        }
    }

    fn walk_table(&mut self, schema: &Map<String, Value>, table: &Map<String, Value>, setting: &str) {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let known: BTreeMap<String, &Value> =
            properties.iter().map(|(name, schema)| (plain(name), schema)).collect();
        let set: BTreeSet<String> = table.keys().map(|name| plain(name)).collect();
        for (name, value) in table {
            if !self.step() {
                return;
            }
            if let Some(names) = schema.get("propertyNames") {
                self.walk(names, &Value::from(name.as_str()), setting);
            }
            if let Some(schema) =
                known.get(&plain(name)).copied().or_else(|| schema.get("additionalProperties"))
            {
                self.walk(schema, value, &within(setting, name));
            }
        }
        for (name, schema) in properties {
            if !self.step() {
                return;
            }
            if let Some(default) = schema.get("default").filter(|_| !set.contains(&plain(name))) {
                self.walk(schema, default, &within(setting, name));
            }
        }
    }

    fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }
}

/// The name of a setting within another one, as far as it is kept.
fn within(setting: &str, name: &str) -> String {
    let name: String = name.chars().take(NAME).collect();
    match setting {
        "" => name,
        // What is longer than this is not shown.
        setting if setting.len() > NAME * 4 => setting.to_owned(),
        setting => format!("{setting}.{name}"),
    }
}

/// Scripts take `-` and `_` in the names of settings for the same.
fn plain(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: &Value, settings: &Value) -> Vec<(Mark, String, String)> {
        let marked = of(Some(&schema.to_string()), &settings.to_string());
        marked.into_iter().map(|one| (one.mark, one.setting.to_string(), one.text)).collect()
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
    fn a_hostile_schema_costs_little_time_and_memory() {
        let name = "x".repeat(128 << 10);
        let texts: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let long = json!({"properties": {name: {"x-rolarr": "library", "default": texts}}});
        let marked = of(Some(&long.to_string()), "{}");
        assert_eq!(marked.len(), MOST);
        assert!(marked.iter().all(|one| one.setting.raw().len() < 2 * NAME));
        // Every property is held against every setting.
        let names = |letter: char| (0..15_000).map(move |number| (format!("{letter}{number}"), json!(1)));
        let settings: Map<String, Value> = names('a').collect();
        let properties: Map<String, Value> = names('b').collect();
        let wide = json!({"properties": properties, "additionalProperties": {"x-rolarr": "library"}});
        assert_eq!(of(Some(&wide.to_string()), &Value::Object(settings).to_string()), []);
        // Alternatives of alternatives, of which each is looked at for each item.
        let mut deep = json!({"x-rolarr": "library"});
        for _ in 0..60 {
            deep = json!({"anyOf": [deep, deep]});
            if deep.to_string().len() > 200_000 {
                break;
            }
        }
        let items = json!({"items": deep});
        let search = of(Some(&items.to_string()), &json!(vec!["Movies"; 10_000]).to_string());
        assert!(search.len() <= 1);
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
