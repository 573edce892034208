//! `rolarr-policy.toml`: the file that makes a folder a policy's folder. All commands read it here.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::{
    language::Language,
    node::{Mistake, Node, Source, Table},
};
use crate::{
    files::{self, FileError},
    policy::is_script,
};

/// The manifest's name.
pub(super) const FILE: &str = "rolarr-policy.toml";

/// How large a manifest may be, in bytes.
const LONGEST: u64 = 1 << 20;

const KEYS: [&str; 4] = ["language", "module", "events", "settings"];

/// What a manifest says. Paths are named as the folder was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Manifest {
    /// The manifest itself.
    pub(super) file: PathBuf,
    /// What Rolarr loads: a script, or the file that a build writes. It is within the folder.
    pub(super) module: PathBuf,
    /// The language that the policy is written in. None: the manifest does not say, and the module is no script.
    pub(super) language: Option<Language>,
    /// Where the cases are: a folder or a file, within the folder.
    pub(super) events: PathBuf,
    /// The settings where nothing else gives any.
    pub(super) settings: Option<Map<String, Value>>,
    folder: PathBuf,
}

/// A manifest that can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("{}: can't be read: {error}", files::shown(file))]
    Unreadable { file: PathBuf, error: FileError },
    #[error("{}", mistake.in_file(file))]
    Wrong { file: PathBuf, mistake: Mistake },
}

impl Manifest {
    /// The manifest of a folder; none if it has none.
    ///
    /// # Errors
    ///
    /// It can't be read, or something is wrong in it: one line that says where.
    pub(super) fn of(folder: &Path) -> Result<Option<Self>, ManifestError> {
        let file = within(folder, FILE);
        let text = match files::read_text(&file, LONGEST) {
            Ok(text) => text,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(ManifestError::Unreadable { file, error }),
        };
        match Self::read(&text, folder, &file) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(mistake) => Err(ManifestError::Wrong { file, mistake }),
        }
    }

    fn read(text: &str, folder: &Path, file: &Path) -> Result<Self, Mistake> {
        let source = Source::new(text);
        let parsed = source.parse()?;
        let root = Table::root(&source, parsed.get_ref()).with_keys(&KEYS)?;
        let Some(module) = root.get("module") else {
            return root.fail("the manifest needs a `module`, like `module = \"my-policy.rhai\"`");
        };
        let name = inside(module)?;
        if Path::new(name).file_name().is_none() {
            return module.expected("a file of the policy's folder");
        }
        let events = root.read("events", inside)?.unwrap_or("events");
        Ok(Self {
            file: file.to_owned(),
            module: within(folder, name),
            language: language(&root, module, name)?,
            events: within(folder, events),
            settings: root.read("settings", |node| node.settings())?,
            folder: folder.to_owned(),
        })
    }

    /// Whether it is the one of this folder, named in the same way.
    pub(super) fn is_of(&self, folder: &Path) -> bool {
        self.folder == folder
    }
}

/// The language, which goes without saying for a script.
fn language(root: &Table<'_>, module: Node<'_>, name: &str) -> Result<Option<Language>, Mistake> {
    use clap::ValueEnum;
    let words: Vec<_> = Language::value_variants().iter().map(|one| (one.key(), *one)).collect();
    let Some(node) = root.get("language") else {
        return Ok(is_script(name).then_some(Language::Rhai));
    };
    match (node.word("a language", &words)?, is_script(name)) {
        (Language::Rhai, false) => module.expected("a script, whose name ends in `.rhai`"),
        (Language::Rhai, true) => Ok(Some(Language::Rhai)),
        (other, true) => node.fail(format!("the module is a script, and no script is built from {other}")),
        (other, false) => Ok(Some(other)),
    }
}

/// A path that does not lead out of the policy's folder.
fn inside(node: Node<'_>) -> Result<&str, Mistake> {
    let path = node.text()?;
    let stays = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    match !path.is_empty() && Path::new(path).components().all(stays) {
        true => Ok(path),
        false => node.expected("a path within the policy's folder"),
    }
}

/// A path in a folder, for people too: the folder that one is in needs no name.
fn within(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    path.strip_prefix(".").unwrap_or(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let place = format!("{}/", folder.path().display());
        match Manifest::of(folder.path()) {
            Ok(manifest) => Ok(manifest.unwrap()),
            Err(error) => Err(error.to_string().replace(&place, "")),
        }
    }

    #[test]
    fn a_script_needs_no_more_than_its_name() {
        let folder = Path::new("policies/tiers");
        let file = folder.join(FILE);
        let manifest = Manifest::read("module = \"tiers.rhai\"", folder, &file).unwrap();
        assert_eq!(manifest.module, folder.join("tiers.rhai"));
        assert_eq!(manifest.events, folder.join("events"));
        assert_eq!((manifest.language, manifest.settings), (Some(Language::Rhai), None));
    }

    #[test]
    fn everything_that_stands_there_is_read() {
        let text =
            "language = \"js\"\nmodule = \"./out/a.wasm\"\nevents = \"cases.toml\"\n[settings]\nx = 1\n";
        let manifest = Manifest::read(text, Path::new("."), Path::new(FILE)).unwrap();
        assert_eq!(manifest.module, Path::new("out/a.wasm"));
        assert_eq!(manifest.events, Path::new("cases.toml"));
        assert_eq!(manifest.language, Some(Language::Js));
        assert_eq!(Value::Object(manifest.settings.unwrap()), serde_json::json!({ "x": 1 }));
    }

    #[test]
    fn what_is_built_elsewhere_needs_no_language() {
        assert_eq!(read("module = \"a.wasm\"").unwrap().language, None);
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        let mut said = String::new();
        for text in [
            "",
            "language = \"js\"",
            "module = 3",
            "module = \"\"",
            "module = \".\"",
            "module = \"../up.rhai\"",
            "module = \"a/../../up.rhai\"",
            "module = \"/up.rhai\"",
            "module = \"a.rhai\"\nevents = \"../events\"",
            "module = \"a.rhai\"\nevents = \"\"",
            "module = \"a.rhai\"\nevent = \"cases\"",
            "module = \"a.rhai\"\nsettings = 3",
            "module = \"a.rhai\"\nsettings = { x = inf }",
            "language = \"pyton\"\nmodule = \"a.wasm\"",
            "language = \"cobol\"\nmodule = \"a.wasm\"",
            "language = \"rust\"\nmodule = \"a.rhai\"",
            "language = \"rhai\"\nmodule = \"a.wasm\"",
            "language = ",
            "\u{0}",
            "\u{1b}[2J = 1",
        ] {
            said.push_str(&format!("{text:?}\n{}\n\n", read(text).unwrap_err()));
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_policys() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::of(folder.path()).unwrap(), None);
        assert_eq!(Manifest::of(Path::new("/does/not/exist")).unwrap(), None);
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        let error = Manifest::of(folder.path()).unwrap_err();
        assert!(error.to_string().contains("rolarr-policy.toml: can't be read"), "{error}");
    }

    #[test]
    fn every_shipped_policy_has_one_that_is_read() {
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
        let all = std::fs::read_dir(policies)
            .unwrap()
            .filter_map(|entry| Manifest::of(&entry.unwrap().path()).unwrap());
        assert_eq!(all.filter(|manifest| manifest.language == Some(Language::Rhai)).count(), 6);
    }
}
