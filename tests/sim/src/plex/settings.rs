//! What an owner sets for a person: filters and permissions, on all of the owner's servers at once.

use serde::Serialize;
use serde_json::{Value, json};

/// The settings of one person. Filters are stored verbatim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// `filterAll`: mostly null.
    pub filter_all: Option<String>,
    /// `filterMovies`.
    pub filter_movies: Option<String>,
    /// `filterTelevision`.
    pub filter_television: Option<String>,
    /// `filterMusic`.
    pub filter_music: Option<String>,
    /// `filterPhotos`: null until somebody sets it.
    pub filter_photos: Option<String>,
    /// `allowSync`: may download.
    pub allow_sync: bool,
    /// `allowCameraUpload`.
    pub allow_camera_upload: bool,
    /// `allowChannels`.
    pub allow_channels: bool,
    /// `allowSubtitleAdmin`.
    pub allow_subtitle_admin: bool,
    /// `allowTuners`: live television; 0 no, 1 yes, 2 with recording.
    pub allow_tuners: u8,
}

/// A value that the field can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongValue;

/// The names of the filters.
pub const FILTERS: [&str; 5] =
    ["filterAll", "filterMovies", "filterTelevision", "filterMusic", "filterPhotos"];

impl Settings {
    /// What a person has before anything was set: plex.tv shows three filters as empty and two as null.
    #[must_use]
    pub fn initial() -> Self {
        Self {
            filter_movies: Some(String::new()),
            filter_television: Some(String::new()),
            filter_music: Some(String::new()),
            ..Self::default()
        }
    }

    /// Sets a field by its name. A name that is no field is ignored, as plex.tv does.
    ///
    /// # Errors
    /// If the field can't hold the value.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), WrongValue> {
        match name {
            "filterAll" => self.filter_all = text(value)?,
            "filterMovies" => self.filter_movies = text(value)?,
            "filterTelevision" => self.filter_television = text(value)?,
            "filterMusic" => self.filter_music = text(value)?,
            "filterPhotos" => self.filter_photos = text(value)?,
            "allowSync" => self.allow_sync = flag(value)?,
            "allowCameraUpload" => self.allow_camera_upload = flag(value)?,
            "allowChannels" => self.allow_channels = flag(value)?,
            "allowSubtitleAdmin" => self.allow_subtitle_admin = flag(value)?,
            "allowTuners" => self.allow_tuners = level(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Sets every field of a JSON object.
    ///
    /// # Errors
    /// If it is no object, or a field can't hold its value; nothing is set then.
    pub fn merge(&mut self, object: &Value) -> Result<(), WrongValue> {
        let mut merged = self.clone();
        for (name, value) in object.as_object().ok_or(WrongValue)? {
            merged.set(name, value)?;
        }
        *self = merged;
        Ok(())
    }

    /// A filter by its name; empty if there is none.
    #[must_use]
    pub fn filter(&self, name: &str) -> &str {
        let filter = match name {
            "filterAll" => &self.filter_all,
            "filterMovies" => &self.filter_movies,
            "filterTelevision" => &self.filter_television,
            "filterMusic" => &self.filter_music,
            "filterPhotos" => &self.filter_photos,
            _ => &None,
        };
        filter.as_deref().unwrap_or_default()
    }

    /// As v2 shows it.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "allowChannels": self.allow_channels,
            "filterMovies": self.filter_movies,
            "filterMusic": self.filter_music,
            "filterPhotos": self.filter_photos,
            "filterTelevision": self.filter_television,
            "filterAll": self.filter_all,
            "allowSync": self.allow_sync,
            "allowCameraUpload": self.allow_camera_upload,
            "allowSubtitleAdmin": self.allow_subtitle_admin,
            "allowTuners": self.allow_tuners,
        })
    }

    /// As v1 shows it: attributes, all texts.
    #[must_use]
    pub fn attributes(&self) -> [(&'static str, String); 10] {
        let text = |filter: &Option<String>| filter.clone().unwrap_or_default();
        let bit = |flag: bool| u8::from(flag).to_string();
        [
            ("allowSync", bit(self.allow_sync)),
            ("allowCameraUpload", bit(self.allow_camera_upload)),
            ("allowChannels", bit(self.allow_channels)),
            ("allowTuners", self.allow_tuners.to_string()),
            ("allowSubtitleAdmin", bit(self.allow_subtitle_admin)),
            ("filterAll", text(&self.filter_all)),
            ("filterMovies", text(&self.filter_movies)),
            ("filterMusic", text(&self.filter_music)),
            ("filterPhotos", text(&self.filter_photos)),
            ("filterTelevision", text(&self.filter_television)),
        ]
    }
}

fn text(value: &Value) -> Result<Option<String>, WrongValue> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(WrongValue),
    }
}

fn flag(value: &Value) -> Result<bool, WrongValue> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) => Ok(number.as_u64() == Some(1)),
        Value::String(text) => match text.as_str() {
            "" | "0" | "false" => Ok(false),
            "1" | "true" => Ok(true),
            _ => Err(WrongValue),
        },
        _ => Err(WrongValue),
    }
}

fn level(value: &Value) -> Result<u8, WrongValue> {
    let level = match value {
        Value::Null => Some(0),
        Value::Bool(flag) => Some(u64::from(*flag)),
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    level.and_then(|level| u8::try_from(level).ok()).filter(|level| *level <= 2).ok_or(WrongValue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_kept_verbatim() {
        let mut settings = Settings::initial();
        for filter in ["label=a%2Cb|contentRating!=R", "label=a&label!=b", " label = x ", "\u{1f600}", ""] {
            settings.set("filterMovies", &json!(filter)).unwrap();
            assert_eq!(settings.filter("filterMovies"), filter);
        }
    }

    #[test]
    fn one_wrong_value_leaves_all_fields_as_they_were() {
        let mut settings = Settings::initial();
        let before = settings.clone();
        let wrong = [
            json!({"filterMovies": "label=x", "filterMusic": 3}),
            json!({"filterMovies": "label=x", "allowSync": "perhaps"}),
            json!({"filterMovies": "label=x", "allowTuners": 3}),
            json!({"filterMovies": "label=x", "allowTuners": -1}),
            json!(["filterMovies"]),
            json!(null),
        ];
        for wrong in wrong {
            assert_eq!(settings.merge(&wrong), Err(WrongValue), "{wrong}");
            assert_eq!(settings, before);
        }
    }

    #[test]
    fn flags_come_as_texts_and_as_booleans() {
        let mut settings = Settings::initial();
        settings.merge(&json!({"allowSync": "1", "allowChannels": true, "allowTuners": "2"})).unwrap();
        assert!(settings.allow_sync && settings.allow_channels);
        assert_eq!(settings.allow_tuners, 2);
    }
}
