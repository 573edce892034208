//! The operator's settings, held against those that the script declares.

use rhai::{Dynamic, INT, Map};
use serde_json::{Value, json};

use crate::vocabulary::{did_you_mean, listed};

/// Puts the operator's settings over the script's defaults.
///
/// A name may be written with `-` or `_`. A value has the type of its default; a default of `()` takes any, and
/// where a list is wanted, one text is a list of one.
///
/// # Errors
///
/// One line that names the setting.
pub(crate) fn merge(defaults: Option<&Map>, settings: &str) -> Result<Map, String> {
    let text = if settings.trim().is_empty() { "{}" } else { settings };
    let given = match serde_json::from_str(text) {
        Ok(Value::Object(given)) => given,
        Ok(_) => return Err("the settings are not a table of names and values".to_owned()),
        Err(error) => return Err(format!("the settings are not valid JSON: {error}")),
    };
    let mut merged = defaults.cloned().unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in given {
        let key = if merged.contains_key(name.as_str()) { name.clone() } else { name.replace('-', "_") };
        let Some(default) = merged.get(key.as_str()) else {
            return Err(unknown(&name, defaults));
        };
        if seen.contains(&key) {
            return Err(format!("setting `{name}`: it is given twice"));
        }
        let mut value = to_script(&value).map_err(|what| format!("setting `{name}`: {what}"))?;
        if default.is_array() && value.is_string() {
            // A list of one.
            value = vec![value].into();
        }
        if !default.is_unit() && default.type_id() != value.type_id() {
            return Err(format!("setting `{name}`: expected {}, found {}", kind(default), kind(&value)));
        }
        merged.insert(key.as_str().into(), value);
        seen.push(key);
    }
    Ok(merged)
}

fn unknown(name: &str, defaults: Option<&Map>) -> String {
    let known: Vec<String> =
        defaults.into_iter().flat_map(Map::keys).map(|key| key.as_str().replace('_', "-")).collect();
    if known.is_empty() {
        return format!("there is no setting `{name}`: the script takes no settings");
    }
    let known = || known.iter().map(String::as_str);
    match did_you_mean(name, known()) {
        none if none.is_empty() => format!("there is no setting `{name}`; there is {}", listed(known())),
        meant => format!("there is no setting `{name}`{meant}"),
    }
}

fn to_script(value: &Value) -> Result<Dynamic, String> {
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number
            .as_i64()
            .map(|number: INT| Dynamic::from(number))
            .ok_or_else(|| format!("scripts know whole numbers only, and {number} is none"))?,
        Value::String(text) => text.clone().into(),
        Value::Array(list) => list.iter().map(to_script).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Object(table) => {
            let fields = table.iter().map(|(name, value)| Ok((name.as_str().into(), to_script(value)?)));
            fields.collect::<Result<Map, String>>()?.into()
        }
    })
}

fn to_json(value: &Dynamic) -> Value {
    if let Ok(truth) = value.as_bool() {
        return truth.into();
    }
    if let Ok(number) = value.as_int() {
        return number.into();
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return text.as_str().into();
    }
    if let Ok(list) = value.as_array_ref() {
        return list.iter().map(to_json).collect();
    }
    if let Ok(table) = value.as_map_ref() {
        return table.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect();
    }
    Value::Null
}

fn kind(value: &Dynamic) -> String {
    if value.is_bool() {
        "`true` or `false`".to_owned()
    } else if value.is_int() {
        "a whole number".to_owned()
    } else if value.is_string() {
        "a text".to_owned()
    } else if value.is_array() {
        "a list".to_owned()
    } else if value.is_map() {
        "a table".to_owned()
    } else {
        "nothing".to_owned()
    }
}

/// What a setting can stand for.
const MARKS: [&str; 4] = ["role-key", "guild-key", "library", "label"];

/// The JSON Schema of the settings that a script declares. `marks` says what they stand for, as far as the script does.
///
/// # Errors
///
/// What is wrong with the marks.
pub(crate) fn schema(defaults: Option<&Map>, marks: Option<&Dynamic>) -> Result<String, String> {
    let of = |value: &Dynamic| {
        let default = to_json(value);
        let kind = match &default {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Null => return serde_json::Map::new(),
        };
        [("type".to_owned(), Value::from(kind)), ("default".to_owned(), default)].into_iter().collect()
    };
    let mut properties: serde_json::Map<String, Value> = serde_json::Map::new();
    for (name, value) in defaults.into_iter().flatten() {
        properties.insert(name.as_str().replace('_', "-"), Value::Object(of(value)));
    }
    mark(&mut properties, marks)?;
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    Ok(schema.to_string())
}

/// Marks what settings stand for: a text or the texts of a list, or the names and the values of a table.
fn mark(properties: &mut serde_json::Map<String, Value>, marks: Option<&Dynamic>) -> Result<(), String> {
    let Some(marks) = marks else { return Ok(()) };
    let Value::Object(marks) = to_json(marks) else {
        return Err("it must be a table of settings and what they stand for".to_owned());
    };
    for (name, stands_for) in marks {
        let Some(Value::Object(property)) = properties.get_mut(&name.replace('_', "-")) else {
            return Err(format!("there is no setting `{name}`"));
        };
        match stands_for {
            Value::Object(parts) => {
                for (part, mark) in parts {
                    let place = match part.as_str() {
                        "names" => "propertyNames",
                        "values" => "additionalProperties",
                        _ => return Err(format!("`{name}` has `names` and `values`, and no `{part}`")),
                    };
                    property.insert(place.to_owned(), json!({ "x-rolarr": known(&name, &mark)? }));
                }
            }
            mark => {
                property.insert("x-rolarr".to_owned(), known(&name, &mark)?.into());
            }
        }
    }
    Ok(())
}

fn known(name: &str, mark: &Value) -> Result<&'static str, String> {
    MARKS
        .into_iter()
        .find(|known| mark == known)
        .ok_or_else(|| format!("`{name}` can stand for {}, each in quotes", listed(MARKS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Map {
        let mut map = Map::new();
        map.insert("grace_days".into(), Dynamic::from(7_i64));
        map.insert("label".into(), "noAccess".into());
        map.insert("block".into(), Dynamic::UNIT);
        map
    }

    fn refused(settings: &str) -> String {
        merge(Some(&defaults()), settings).unwrap_err()
    }

    #[test]
    fn what_is_left_out_has_its_default_and_names_may_have_a_dash() {
        let merged = merge(Some(&defaults()), r#"{"grace-days": 3, "block": ["music"]}"#).unwrap();
        assert_eq!(merged["grace_days"].as_int(), Ok(3));
        assert_eq!(merged["label"].to_string(), "noAccess");
        assert!(merged["block"].is_array());
        assert_eq!(merge(None, "").unwrap().len(), 0);
    }

    #[test]
    fn what_settings_stand_for_is_marked_in_the_schema() {
        let mut defaults = defaults();
        defaults.insert("tiers".into(), Map::new().into());
        let of = |marks: &str| {
            let marks = to_script(&serde_json::from_str(marks).unwrap()).unwrap();
            schema(Some(&defaults), Some(&marks))
                .map(|schema| serde_json::from_str::<Value>(&schema).unwrap()["properties"].clone())
        };
        let properties =
            of(r#"{"label": "label", "tiers": {"names": "role-key", "values": "library"}}"#).unwrap();
        assert_eq!(properties["label"]["x-rolarr"], "label");
        assert_eq!(properties["tiers"]["propertyNames"], json!({"x-rolarr": "role-key"}));
        assert_eq!(properties["tiers"]["additionalProperties"], json!({"x-rolarr": "library"}));
        assert_eq!(of(r#"{"grace_days": "guild-key"}"#).unwrap()["grace-days"]["x-rolarr"], "guild-key");
        assert_eq!(of(r#"{"colour": "label"}"#).unwrap_err(), "there is no setting `colour`");
        assert_eq!(
            of(r#"{"label": "colour"}"#).unwrap_err(),
            "`label` can stand for `role-key`, `guild-key`, `library` and `label`, each in quotes"
        );
        assert!(of(r#"{"tiers": {"keys": "role-key"}}"#).unwrap_err().contains("no `keys`"));
        assert!(of("[]").unwrap_err().contains("must be a table"));
    }

    #[test]
    fn a_mistake_names_the_setting() {
        assert_eq!(
            refused(r#"{"grace-day": 3}"#),
            "there is no setting `grace-day`; did you mean `grace-days`?"
        );
        assert_eq!(
            refused(r#"{"colour": 3}"#),
            "there is no setting `colour`; there is `block`, `grace-days` and `label`"
        );
        assert_eq!(refused(r#"{"label": 3}"#), "setting `label`: expected a text, found a whole number");
        assert_eq!(
            refused(r#"{"grace-days": 1.5}"#),
            "setting `grace-days`: scripts know whole numbers only, and 1.5 is none"
        );
        assert_eq!(
            refused(r#"{"grace-days": 1, "grace_days": 2}"#),
            "setting `grace_days`: it is given twice"
        );
        assert_eq!(
            merge(None, r#"{"label": "x"}"#).unwrap_err(),
            "there is no setting `label`: the script takes no settings"
        );
        assert_eq!(refused("[]"), "the settings are not a table of names and values");
        assert!(refused("{").starts_with("the settings are not valid JSON"));
    }
}
