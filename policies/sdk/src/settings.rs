//! The operator's settings, and errors that an operator understands.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The operator's settings, as the host passes them: JSON text of an object.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a>(&'a str);

impl<'a> Settings<'a> {
    /// Settings from JSON text. Empty text counts as `{}`.
    #[must_use]
    pub const fn new(json: &'a str) -> Self {
        Self(json)
    }

    /// The JSON text.
    #[must_use]
    pub const fn as_json(&self) -> &'a str {
        self.0
    }

    /// Reads the settings into a type of the policy's own.
    ///
    /// Give the type `#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]`: then what the
    /// operator leaves out has its default, and a name with a typing error is found.
    ///
    /// # Errors
    ///
    /// One line for the operator that names the setting.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let text = if self.0.trim().is_empty() { "{}" } else { self.0 };
        let settings: Map<String, Value> = match serde_json::from_str(text) {
            Ok(Value::Object(settings)) => settings,
            Ok(_) => return Err("the settings are not a table of names and values".to_owned()),
            Err(error) => return Err(format!("the settings are not valid JSON: {error}")),
        };
        read(&settings).map_err(|error| match culprit::<T>(&settings, &error) {
            Some(name) => format!("setting `{name}`: {}", plainly(&error)),
            None => plainly(&error),
        })
    }
}

fn read<T: DeserializeOwned>(settings: &Map<String, Value>) -> Result<T, String> {
    T::deserialize(Value::Object(settings.clone())).map_err(|error| error.to_string())
}

/// Which setting an error is about: the one without which the error is another, or none.
fn culprit<'a, T: DeserializeOwned>(settings: &'a Map<String, Value>, error: &str) -> Option<&'a str> {
    if error.starts_with("unknown field") || error.starts_with("missing field") {
        return None;
    }
    settings.keys().map(String::as_str).find(|name| {
        let mut without = settings.clone();
        without.remove(*name);
        match read::<T>(&without) {
            Ok(_) => true,
            Err(other) => other != error && !other.starts_with("missing field"),
        }
    })
}

/// What serde says, in an operator's words.
fn plainly(error: &str) -> String {
    if let Some(rest) = error.strip_prefix("unknown field ") {
        return match rest.split_once(", ") {
            Some((name, known)) => match known.strip_prefix("expected ") {
                Some(known) => {
                    format!("there is no setting {name}; there is {}", known.trim_start_matches("one of "))
                }
                None => format!("there is no setting {name}; {known}"),
            },
            None => format!("there is no setting {rest}"),
        };
    }
    if let Some(rest) = error.strip_prefix("unknown variant ") {
        return match rest.split_once(", expected ") {
            Some((value, known)) => {
                format!("{value} is not possible, only {}", known.trim_start_matches("one of "))
            }
            None => format!("{rest} is not possible"),
        };
    }
    if let Some(name) = error.strip_prefix("missing field ") {
        return format!("the setting {name} is missing");
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) =
            error.strip_prefix(prefix).and_then(|rest| rest.split_once(", expected "))
        {
            return format!("expected {expected}, found {found}");
        }
    }
    error.to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
    struct Example {
        days: u32,
        on_leave: Mode,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        #[default]
        Keep,
        Remove,
    }

    fn error(json: &str) -> String {
        Settings::new(json).read::<Example>().unwrap_err()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let read: Example = Settings::new(r#"{"days": 3}"#).read().unwrap();
        assert_eq!(read, Example { days: 3, on_leave: Mode::Keep });
        assert_eq!(Settings::new("").read::<Example>().unwrap(), Example::default());
    }

    #[test]
    fn an_error_names_the_setting_and_what_is_possible() {
        assert_eq!(error(r#"{"day": 3}"#), "there is no setting `day`; there is `days` or `on-leave`");
        assert_eq!(
            error(r#"{"days": 3, "on-leave": "kick"}"#),
            "setting `on-leave`: `kick` is not possible, only `keep` or `remove`"
        );
        assert_eq!(
            error(r#"{"on-leave": "keep", "days": "three"}"#),
            "setting `days`: expected u32, found string \"three\""
        );
        assert_eq!(error("[]"), "the settings are not a table of names and values");
        assert!(error("{").starts_with("the settings are not valid JSON"));
    }

    #[test]
    fn a_missing_setting_is_named() {
        #[derive(Debug, Deserialize)]
        struct Needs {
            #[expect(dead_code, reason = "only its absence matters")]
            label: String,
        }
        assert_eq!(Settings::new("{}").read::<Needs>().unwrap_err(), "the setting `label` is missing");
    }
}
