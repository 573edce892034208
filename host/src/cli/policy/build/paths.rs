//! No path of the machine that builds a policy gets into it: a path tells who built it, and makes two builds
//! of the same sources different.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::super::language::Language;
use crate::cli::error::CliError;
use crate::files;

/// A path as short as this may stand in a file by chance.
const TELLING: usize = 6;

/// The folders whose names must not stand in what was built.
pub(super) fn private(folder: &Path, language: Language) -> Vec<PathBuf> {
    let mut private = vec![folder.to_owned()];
    match language {
        Language::Rust | Language::C => private.extend([home(), cargo_home()].into_iter().flatten()),
        // These carry an engine that somebody else built, with the paths of their machine in it: some of them
        // are in everybody's home folder.
        Language::Js | Language::Python | Language::Rhai => {}
    }
    private
}

/// The home folder of whoever builds.
pub(super) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// Where cargo keeps the sources of crates.
pub(super) fn cargo_home() -> Option<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(folder) if !folder.is_empty() => Some(folder.into()),
        _ => home().map(|home| home.join(".cargo")),
    }
}

/// Fails if one of the folders is named in the file.
pub(super) fn refuse_private(file: &[u8], private: &[PathBuf]) -> Result<(), CliError> {
    for folder in private {
        let mut needle = folder.as_os_str().as_encoded_bytes().to_vec();
        while needle.last().is_some_and(|last| std::path::is_separator(char::from(*last))) {
            needle.pop();
        }
        needle.push(std::path::MAIN_SEPARATOR as u8);
        if needle.len() >= TELLING && contains(file, &needle) {
            let error = anyhow!("the path `{}` stands in what was built", files::shown(folder));
            return Err(CliError::failed(error)
                .hinted("take out what puts it there: a macro for the file's name, or a compiler's flag"));
        }
    }
    Ok(())
}

fn contains(file: &[u8], needle: &[u8]) -> bool {
    file.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn refused(file: &str, folder: &str) -> bool {
        refuse_private(file.as_bytes(), &[folder.into()]).is_err()
    }

    #[test]
    fn a_path_in_the_file_is_found() {
        assert!(refused("\0/home/ada/tiers/src/lib.rs\0", "/home/ada/tiers"));
        assert!(refused("\0/home/ada/x.rs\0", "/home/ada/"));
        assert!(!refused("\0/home/adam/x.rs\0", "/home/ada"));
        assert!(!refused("", "/home/ada"));
    }

    #[test]
    fn what_may_stand_there_by_chance_is_not_looked_for() {
        assert!(!refused("a/b", "/"));
        assert!(!refused("/a/b", "/a"));
        assert!(refused("/root/b", "/root"));
    }

    #[test]
    fn the_engine_of_a_script_language_has_paths_of_its_own() {
        let folder = Path::new("/policies/tiers");
        assert_eq!(private(folder, Language::Js), [folder]);
        assert_eq!(private(folder, Language::Python), [folder]);
        assert_eq!(private(folder, Language::C).first().map(PathBuf::as_path), Some(folder));
    }
}
