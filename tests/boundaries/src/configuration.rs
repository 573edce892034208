use std::{ffi::OsString, path::Path};

use rolarr::config::Config;

/// What the environment holds, and no error may.
const SECRET: &str = "secret-of-the-environment";

fn environment(name: &str) -> Option<OsString> {
    match name {
        "DISCORD_TOKEN" | "PLEX_TOKEN" | "TOKEN" => Some(SECRET.into()),
        _ => None,
    }
}

/// A configuration file is read, or its error says what to do and holds no secret.
pub fn configuration(bytes: &[u8]) -> bool {
    match Config::parse(Path::new("config.toml"), bytes, &environment) {
        Ok(config) => {
            assert!(!format!("{config:?}").contains(SECRET));
            true
        }
        Err(error) => {
            super::is_fit_for_people(&error.to_string());
            assert!(!error.hint().is_empty());
            assert!(!format!("{error} {error:?}").contains(SECRET));
            false
        }
    }
}
