//! Recorded events below a path, for commands that only replay them. Cases that were written by hand count too.

use std::path::{Path, PathBuf};

use rolarr_policy::recording::{self, Expected, Format, Recording};

use super::cases::{self, Kind};
use crate::{files, policy::printable};

/// All files with recordings and cases that a path stands for, sorted as `rolarr policy test` finds them.
///
/// # Errors
///
/// One line that says what can't be read, or that there is none.
pub(super) fn recordings_in(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    Ok(cases::find(path)?.into_iter().flat_map(|found| found.files).collect())
}

/// What stands in a file.
pub(super) struct Recordings {
    pub(super) recordings: Vec<Recording>,
    /// How many stories there are. They are no recorded events: how one goes on depends on what was decided.
    pub(super) stories: u64,
}

/// Reads a file as a whole.
///
/// # Errors
///
/// What can't be read or understood, and where.
pub(super) fn read(path: &Path) -> Result<Recordings, String> {
    if !is_written(path) {
        let recordings = {
            let text = files::read_text(path, cases::LONGEST)
                .map_err(|error| printable(&format!("{}: can't be read: {error}", files::shown(path))))?;
            recording::parse(&text, path).map_err(|error| printable(&error.to_string()))?
        };
        return Ok(Recordings { recordings, stories: 0 });
    }
    let file = cases::read(path).map_err(|error| error.to_string())?;
    let mut all = Recordings { recordings: Vec::new(), stories: 0 };
    for test in file.tests {
        let test = test.map_err(|broken| broken.mistake.in_file(path))?;
        match test.kind {
            Kind::Story(_) => all.stories += 1,
            Kind::Case(case) => {
                let actions = case.expect.actions.iter().map(|wanted| wanted.of(case.event.at)).collect();
                all.recordings.push(Recording {
                    format: Format,
                    name: Some(test.name),
                    policy: None,
                    settings: test.settings.map(|settings| (*settings).clone()),
                    event: case.event,
                    decision: Some(Expected { actions, reason: case.expect.reason.unwrap_or_default() }),
                });
            }
        }
    }
    Ok(all)
}

/// Whether a file holds cases that were written by hand.
pub(super) fn is_written(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}
