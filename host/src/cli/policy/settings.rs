//! Settings on the command line.

use serde_json::{Map, Value};

/// Settings as they stand on the command line: a JSON object.
pub(in crate::cli) fn parse_settings(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(settings)) => Ok(settings),
        Ok(_) => Err("settings are a JSON object, for example '{\"label\": \"noAccess\"}'".to_owned()),
        Err(error) => Err(format!("not valid JSON: {error}")),
    }
}
