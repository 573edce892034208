//! Tokens: written in the file, or better, in the environment or in a file of their own.

use std::path::Path;

use toml::de::DeValue;

use crate::{
    domain::Secret,
    files::{self, FileError},
};

use super::{
    ConfigError,
    document::Entry,
    error::{quoted, shown},
};

/// Tokens have some hundred characters. A file that is longer is the wrong file.
const LONGEST: u64 = 16 * 1024;

/// Reads a token. What it is never stands in an error, and neither does a name where people put the token
/// itself.
pub(super) fn secret(entry: &Entry<'_>) -> Result<Secret, ConfigError> {
    let text = match entry.value() {
        DeValue::String(text) => {
            let document = entry.document();
            if document.readable_by_others {
                document.warn(format!(
                    "{} holds {} and can be read by every user of this machine: run `chmod 600` on it, or \
                     take the token from the environment or from a file",
                    shown(&document.file.display().to_string()),
                    quoted(entry.path()),
                ));
            }
            text.to_string()
        }
        DeValue::Table(_) => from_elsewhere(entry)?,
        _ => return Err(entry.unexpected("a token", HOW)),
    };
    let Peeled { token, around } = Peeled::of(&text);
    if token.is_empty() {
        return Err(match entry.value() {
            DeValue::Table(_) => entry.error(
                "is to come from an environment variable or a file that is empty",
                "put the token there",
            ),
            _ => entry.error("is empty", HOW),
        });
    }
    if token.contains(is_quote) {
        return Err(entry.error("is no token: it has a quote in it", "remove the quotes from the token"));
    }
    if !token.chars().all(|char| char.is_ascii_graphic()) {
        return Err(entry.error(
            "is no token: it has blanks, line breaks or letters in it that no token has",
            "copy the token again, without anything around it",
        ));
    }
    for what in around {
        let path = quoted(entry.path());
        entry.document().warn(format!("the token that {path} names has {what}: it is read without"));
    }
    Ok(Secret::new(token))
}

/// A token, and what stood around it.
struct Peeled<'a> {
    token: &'a str,
    around: Vec<&'static str>,
}

impl<'a> Peeled<'a> {
    /// Takes off what people copy along with a token, and what programs that read files with variables leave.
    fn of(text: &'a str) -> Self {
        let mut peeled = Peeled { token: trimmed(text), around: Vec::new() };
        while let Some((token, what)) = peel(peeled.token) {
            peeled.token = trimmed(token);
            if !peeled.around.contains(&what) {
                peeled.around.push(what);
            }
        }
        peeled
    }
}

/// Without the blanks around it, and the mark that some editors put at the beginning of a file.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || char == '\u{feff}')
}

fn peel(text: &str) -> Option<(&str, &'static str)> {
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    if text.chars().nth(1).is_some() {
        let inner = text.strip_prefix(first).and_then(|text| text.strip_suffix(last));
        match (first, last) {
            ('<', '>') => return inner.map(|inner| (inner, "angle brackets around it")),
            ('“' | '”' | '„', '“' | '”') | ('‘' | '’', '‘' | '’') => {
                return inner.map(|inner| (inner, "quotes around it"));
            }
            (first, last) if first == last && is_quote(first) => {
                return inner.map(|inner| (inner, "quotes around it"));
            }
            _ => {}
        }
    }
    if let Some(text) = text.strip_suffix([',', ';']) {
        return Some((text, "a comma or semicolon after it"));
    }
    // `DISCORD_TOKEN=…`, `X-Plex-Token=…`: a name, which no token has in it.
    if let Some((name, token)) = text.split_once('=')
        && name.to_ascii_lowercase().ends_with("token")
    {
        return Some((token, "the name of a variable before it"));
    }
    let (word, rest) = text.split_once([' ', '\t'])?;
    let is_scheme = word.eq_ignore_ascii_case("bot") || word.eq_ignore_ascii_case("bearer");
    is_scheme.then_some((rest, "the word `Bot` or `Bearer` before it"))
}

fn is_quote(char: char) -> bool {
    matches!(char, '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’')
}

const HOW: &str = "write `{ env = \"NAME\" }` with the name of an environment variable that holds the token, \
                   `{ file = \"PATH\" }` with a file that holds it, or the token itself in quotes";

fn from_elsewhere(entry: &Entry<'_>) -> Result<String, ConfigError> {
    let table = entry.table(&["env", "file"])?;
    match (table.get("env"), table.get("file")) {
        (Some(env), None) => from_environment(&env, entry),
        (None, Some(file)) => from_file(&file, entry),
        _ => Err(entry.error("should have either `env` or `file`", HOW)),
    }
}

fn from_environment(env: &Entry<'_>, token: &Entry<'_>) -> Result<String, ConfigError> {
    let name = env.name("write the name of an environment variable in quotes")?;
    if name.contains(['=', '\0']) {
        return Err(token.error("names no environment variable", HOW));
    }
    let value = (env.document().environment)(name).ok_or_else(|| {
        // A name in capitals is a name. Anything else may be the token itself.
        let plain = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
        let name = if name.chars().all(plain) { format!(" {}", quoted(name)) } else { String::new() };
        token.error(
            &format!("is to come from the environment variable{name}, which is not set"),
            "set the variable where Rolarr is started, or correct its name in this line",
        )
    })?;
    value.into_string().map_err(|_| {
        token.error("comes from an environment variable that holds no text", "set the variable to the token")
    })
}

fn from_file(file: &Entry<'_>, token: &Entry<'_>) -> Result<String, ConfigError> {
    let name = file.name("write the path of a file in quotes")?;
    let path = file.document().resolve(name);
    let fail = |why: &str| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        token.error(
            &format!(
                "is to come from a file in the folder {}, and {why}",
                quoted(&folder.display().to_string())
            ),
            "correct the path (it is relative to this configuration file's folder, and `~` is not \
             understood), or put the token into that file",
        )
    };
    let (bytes, about) = files::read_with_metadata(&path, LONGEST).map_err(|error| match error {
        FileError::TooLarge { .. } => fail("it is too long to be a token"),
        FileError::Io(error) if error.kind() == std::io::ErrorKind::IsADirectory => {
            fail("it is a folder itself")
        }
        error => fail(&error.to_string()),
    })?;
    let text = files::text(bytes).map_err(|_| fail("it is not text"))?;
    if readable_by_others(&about) {
        token.document().warn(format!(
            "the file that holds {} can be read by every user of this machine: run `chmod 600` on it",
            quoted(token.path()),
        ));
    }
    Ok(text)
}

/// Whether other users of this machine may read a file.
#[cfg(unix)]
pub(super) fn readable_by_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.is_file() && about.permissions().mode() & 0o004 != 0
}

/// Whether other users of this machine may read a file. Not known here.
#[cfg(not(unix))]
pub(super) fn readable_by_others(_: &std::fs::Metadata) -> bool {
    false
}
