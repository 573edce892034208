//! The policies that come with Rolarr, each in a folder of its own, through the commands that an author uses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of the policies that are scripts.
fn folders() -> Vec<PathBuf> {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(policies)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("rolarr-policy.toml").exists())
        .collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_shipped_script_passes_its_cases() {
    assert_eq!(folders().len(), 6);
    let output = Command::new(env!("CARGO_BIN_EXE_rolarr"))
        .args(["policy", "test", "--quiet"])
        .args(folders())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_shipped_script_has_a_page_that_names_its_settings_and_is_built_in() {
    for folder in folders() {
        let name = name(&folder);
        let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(page.contains(&format!("module = \"builtin:{name}\"")), "{name}");
        let module = rolarr::policy::Module::open(&format!("builtin:{name}")).unwrap();
        let script = std::fs::read_to_string(folder.join(format!("{name}.rhai"))).unwrap();
        assert_eq!(
            module.sources.first().map(|source| source.text.as_str()),
            Some(script.as_str()),
            "{name}"
        );

        let settings = script.lines().skip_while(|line| !line.starts_with("let settings")).skip(1);
        for line in settings.take_while(|line| !line.starts_with("};")) {
            if let Some((setting, _)) = line.split_once(':').filter(|_| !line.trim_start().starts_with("//"))
            {
                let setting = setting.trim().replace('_', "-");
                assert!(page.contains(&format!("`{setting}`")), "{name}: the page does not name `{setting}`");
            }
        }
    }
}
