//! Recordings in JSON as cases, and where their decisions stand in the text.

use std::{ops::Range, path::Path, sync::Arc};

use rolarr_policy::recording::{self, Recording};

use super::{
    super::node::{Mistake, Place},
    model::{Broken, Case, Expect, Kind, Test},
    words::Wanted,
};
use crate::{cli::policy::situation, policy::printable};

/// Reads a text. `path` is for messages.
pub(super) fn parse(text: &str, path: &Path) -> Result<Vec<Result<Test, Broken>>, recording::ReadError> {
    let recordings = recording::parse(text, path)?;
    let several = recordings.len() > 1;
    Ok(recordings.into_iter().enumerate().map(|(index, recording)| test(recording, index, several)).collect())
}

fn test(recording: Recording, index: usize, several: bool) -> Result<Test, Broken> {
    let Recording { name, settings, event, decision, .. } = recording;
    let name = name.map_or_else(|| situation::short(&event), |name| printable(&name));
    // Recordings of a long file may well have the same name, or none.
    let name = if several { format!("#{} {name}", index + 1) } else { name };
    let Some(decision) = decision else {
        let what = "the recording has no decision, so there is nothing to compare".to_owned();
        return Err(Broken { name, mistake: Mistake { place: None, what } });
    };
    let expect = Expect {
        actions: decision.actions.into_iter().map(|action| Wanted::Action(Box::new(action))).collect(),
        reason: Some(decision.reason).filter(|reason| !reason.is_empty()),
        ..Expect::default()
    };
    Ok(Test {
        name,
        place: Place { line: 1, column: 1 },
        settings: settings.map(Arc::new),
        kind: Kind::Case(Box::new(Case { event, expect })),
    })
}

/// Where the decision of the recording of this index stands, in a text that was read before, and how far the
/// line that it begins in is indented; no indentation if the whole recording stands on one line.
pub(in crate::cli::policy) fn decision_at(text: &str, index: usize) -> Option<(Range<usize>, Option<usize>)> {
    let bytes = text.as_bytes();
    let mut at = skip_blank(bytes, 0);
    if bytes.get(at) == Some(&b'[') {
        at += 1;
    }
    for _ in 0..index {
        at = end_of_value(bytes, skip_between(bytes, at))?;
    }
    let begin = skip_between(bytes, at);
    let end = end_of_value(bytes, begin)?;
    let mut at = begin + 1;
    loop {
        let key = skip_between(bytes, at);
        if bytes.get(key)? != &b'"' {
            return None;
        }
        let key_end = end_of_value(bytes, key)?;
        let colon = skip_blank(bytes, key_end);
        let value = skip_blank(bytes, colon + 1);
        let value_end = end_of_value(bytes, value)?;
        if text.get(key..key_end) == Some("\"decision\"") {
            let recording = text.get(begin..end)?;
            let line = text.get(..key)?.rfind('\n').map_or(0, |newline| newline + 1);
            let indent = text.get(line..key)?.len() - text.get(line..key)?.trim_start().len();
            return Some((value..value_end, recording.contains('\n').then_some(indent)));
        }
        at = value_end;
    }
}

fn skip_blank(bytes: &[u8], at: usize) -> usize {
    at + bytes.iter().skip(at).take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn skip_between(bytes: &[u8], at: usize) -> usize {
    at + bytes.iter().skip(at).take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count()
}

/// The end of the JSON value that begins here. The text is known to be valid.
fn end_of_value(bytes: &[u8], begin: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = begin;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += 1;
                loop {
                    match bytes.get(at)? {
                        b'\\' => at += 2,
                        b'"' => break,
                        _ => at += 1,
                    }
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            byte if depth == 0 && !byte.is_ascii_whitespace() => {
                // A number or a word.
                let plain = |byte: &&u8| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace();
                return Some(at + bytes.iter().skip(at).take_while(plain).count());
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decision_of_each_recording_is_found() {
        let text = r#"[
  {"format": 1, "name": "a \"decision\": }", "decision" : {"actions": ["x"]} , "n": 3},
  {
    "n": [1, {"decision": 2}], "t": true,
    "decision": null
  }
]"#;
        let (range, indent) = decision_at(text, 0).unwrap();
        assert_eq!((&text[range], indent), (r#"{"actions": ["x"]}"#, None));
        let (range, indent) = decision_at(text, 1).unwrap();
        assert_eq!((&text[range], indent), ("null", Some(4)));
        assert_eq!(decision_at(text, 2), None);
        let lines = "{\"decision\":1}\n{\"decision\":22}\n";
        assert_eq!(&lines[decision_at(lines, 1).unwrap().0], "22");
    }

    #[test]
    fn garbage_has_no_decision() {
        for text in ["", "[", "{", "{\"decision\"", "{\"decision\":", "{\"a\\", "}", "[[", "{\"a\":1}"] {
            assert_eq!(decision_at(text, 0), None, "{text}");
            assert_eq!(decision_at(text, 3), None, "{text}");
        }
    }
}
