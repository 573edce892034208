//! `rolarr-policy.toml`, as far as a build needs it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::super::language::Language;

/// The file that makes a folder a policy's folder.
pub(super) const FILE: &str = "rolarr-policy.toml";

/// What a build needs of it. The rest is for other commands.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Manifest {
    /// The language that the policy is written in.
    pub(super) language: Language,
    /// What Rolarr loads, from the policy's folder: a script, or the file that a build writes.
    pub(super) module: PathBuf,
}

/// Why a folder can't be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("there is no policy in `{}`: it has no `{FILE}`", .0.display())]
    None(PathBuf),
    #[error("{} can't be read: {error}", file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("{}: {what}", file.display())]
    Wrong { file: PathBuf, what: String },
}

impl Manifest {
    /// Reads the manifest of a folder.
    ///
    /// # Errors
    ///
    /// There is none, or it does not say what to build.
    pub(super) fn of(folder: &Path) -> Result<Self, ManifestError> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ManifestError::None(folder.to_owned()),
            _ => ManifestError::Unreadable { file: file.clone(), error },
        })?;
        let manifest: Self = toml::from_str(&text)
            .map_err(|error| ManifestError::Wrong { file: file.clone(), what: in_one_line(&error, &text) })?;
        let inside = manifest.module.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || manifest.module.file_name().is_none() {
            let what = "`module` must name a file within the folder".to_owned();
            return Err(ManifestError::Wrong { file, what });
        }
        Ok(manifest)
    }
}

/// What is wrong, and in which line.
fn in_one_line(error: &toml::de::Error, text: &str) -> String {
    let what = error.message().lines().collect::<Vec<_>>().join("; ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {what}", before.matches('\n').count() + 1),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        let place = format!("{}/", folder.path().display());
        Manifest::of(folder.path()).map_err(|error| error.to_string().replace(&place, ""))
    }

    #[test]
    fn language_and_module_are_read_and_the_rest_is_left_alone() {
        let manifest =
            read("language = \"js\"\nmodule = \"a.wasm\"\nevents = 3\n[settings]\nx = 1\n").unwrap();
        assert_eq!(manifest, Manifest { language: Language::Js, module: "a.wasm".into() });
    }

    #[test]
    fn what_does_not_say_what_to_build_is_refused() {
        let mut said = String::new();
        for text in [
            "",
            "language = \"js\"",
            "language = \"cobol\"\nmodule = \"a.wasm\"",
            "language = \"c\"\nmodule = \"../a.wasm\"",
            "language = \"c\"\nmodule = \"/a.wasm\"",
            "language = \"c\"\nmodule = \"\"",
            "language = ",
            "\u{0}",
        ] {
            said.push_str(&format!("{text:?}\n{}\n\n", read(text).unwrap_err()));
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_policy() {
        let folder = tempfile::tempdir().unwrap();
        let error = Manifest::of(folder.path()).unwrap_err();
        assert!(matches!(error, ManifestError::None(_)), "{error}");
        assert!(matches!(Manifest::of(Path::new("/does/not/exist")), Err(ManifestError::None(_))));
    }
}
