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

/// The JSON Schema of the settings that a script declares.
pub(crate) fn schema(defaults: Option<&Map>) -> String {
    let of = |value: &Dynamic| {
        let default = to_json(value);
        let kind = match &default {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Null => return json!({}),
        };
        json!({ "type": kind, "default": default })
    };
    let properties: serde_json::Map<String, Value> = defaults
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().replace('_', "-"), of(value)))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
    .to_string()
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
