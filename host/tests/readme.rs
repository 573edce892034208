//! What the README and the pages for operators promise is there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{collections::BTreeSet, ffi::OsString, path::Path, process::Command};

use rolarr::config::Config;

/// The pages for operators, each with the folder that its links begin from.
const PAGES: [(&str, &str); 9] = [
    ("", include_str!("../../README.md")),
    ("docs", include_str!("../../docs/install-and-operate.md")),
    ("docs", include_str!("../../docs/configuration.md")),
    ("docs", include_str!("../../docs/discord-commands.md")),
    ("docs", include_str!("../../docs/policies.md")),
    ("docs", include_str!("../../docs/migrate.md")),
    ("docs", include_str!("../../docs/troubleshooting.md")),
    ("docs", include_str!("../../docs/privacy.md")),
    ("docs", include_str!("../../docs/security-model.md")),
];
const EXAMPLE: &str = include_str!("../../config.example.toml");
const COMMANDS: &str = include_str!("../src/discord/commands.rs");
const DEMO: &str = include_str!("snapshots/demo__the_whole_story_comes_out_as_it_should.snap");

/// The lines of all pages.
fn lines() -> impl Iterator<Item = &'static str> {
    PAGES.iter().flat_map(|(_, page)| page.lines())
}

/// The blocks of code in a language.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in lines() {
        match (&mut open, line.trim().strip_prefix("```")) {
            (None, Some(tag)) => open = Some((tag == language, String::new())),
            (Some(_), Some(_)) => {
                blocks.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, text)| text))
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// What stands between backticks within a line of text.
fn quoted() -> impl Iterator<Item = &'static str> {
    lines().filter(|line| !line.trim().starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// A command line without the variables that are set for it.
fn without_variables(mut line: &str) -> &str {
    while let Some((word, rest)) = line.split_once(' ')
        && word
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    {
        line = rest;
    }
    line
}

/// The settings of the example, commented out or not, as `section.key`.
fn settings() -> BTreeSet<String> {
    let mut section = String::new();
    let mut settings = BTreeSet::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || "_-".contains(c))
        {
            settings.insert(format!("{section}.{key}"));
        }
    }
    settings
}

fn parse(text: &str) -> Config {
    let environment = |name: &str| Some(OsString::from(format!("{name}-value")));
    Config::parse(Path::new("config.toml"), text.as_bytes(), &environment).unwrap()
}

#[test]
fn the_configurations_are_ones() {
    let blocks = blocks("toml");
    let whole: Vec<&String> = blocks.iter().filter(|block| block.contains("[plex]")).collect();
    let [whole] = whole.as_slice() else { panic!("{whole:?}") };
    parse(whole);
    // The others are parts that go below it. The policy file of the example does not exist.
    for part in blocks.iter().filter(|block| block != whole) {
        parse(&format!("{whole}\n{}", part.replace("my-policy.wasm", "builtin:role-restriction")));
    }
    assert_eq!(blocks.len(), 4);
}

#[test]
fn each_setting_that_is_named_exists() {
    let settings = settings();
    let sections: BTreeSet<&str> = settings.iter().filter_map(|name| name.split('.').next()).collect();
    let keys: BTreeSet<&str> = settings.iter().filter_map(|name| name.rsplit('.').next()).collect();
    let mut named = 0;
    for name in quoted() {
        let dotted = name.split_once('.').filter(|(section, key)| {
            sections.contains(section) && key.chars().all(|c| c.is_ascii_lowercase() || "._-".contains(c))
        });
        if dotted.is_some() {
            assert!(settings.contains(name), "`{name}`");
            named += 1;
        } else if let Some((key, _)) = name.split_once(" = ").filter(|_| !name.starts_with('{')) {
            assert!(keys.contains(key), "`{name}`");
            named += 1;
        } else if name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            assert!(keys.contains(name), "`{name}`");
            named += 1;
        }
    }
    assert!(named >= 8, "{named}");
}

#[test]
fn each_command_line_is_understood() {
    let blocks = blocks("sh");
    let mut lines: Vec<String> = blocks.iter().flat_map(|block| block.lines()).map(str::to_owned).collect();
    lines.extend(quoted().map(str::to_owned));
    let ours: Vec<Vec<&str>> = lines
        .iter()
        .filter_map(|line| {
            // What stands behind is said to whoever reads it.
            let line = line.split(" # ").next().unwrap_or(line).trim();
            let line = without_variables(line);
            ["rolarr ", "target/release/rolarr ", "cargo run --release -- "]
                .iter()
                .find_map(|program| line.strip_prefix(program))
        })
        .map(|arguments| arguments.split_whitespace().collect())
        .collect();
    for arguments in &ours {
        // Reads all arguments before it, and does nothing.
        let output =
            Command::new(env!("CARGO_BIN_EXE_rolarr")).args(arguments).arg("--help").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(ours.len() >= 6, "{ours:?}");
    assert!(ours.iter().any(|arguments| arguments.starts_with(&["run", "--config"])), "{ours:?}");
}

#[test]
fn each_slash_command_exists() {
    let named: BTreeSet<&str> =
        quoted().filter_map(|text| text.strip_prefix("/plex ")?.split_whitespace().next()).collect();
    assert_eq!(named, BTreeSet::from(["invite", "link", "remove"]));
    for command in named {
        assert!(COMMANDS.contains(&format!("\"name\": \"{command}\"")), "{command}");
    }
}

#[test]
fn each_file_that_is_linked_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = 0;
    for (folder, page) in PAGES {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or(target);
            if !file.is_empty() && !file.starts_with("https://") {
                assert!(root.join(folder).join(file).exists(), "{target}");
                files += 1;
            }
        }
    }
    assert!(files >= 20, "{files}");
}

#[test]
fn the_picture_of_the_demo_is_what_the_demo_shows() {
    let blocks = blocks("text");
    let shown: Vec<&String> = blocks.iter().filter(|block| block.contains("✓")).collect();
    let [shown] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(DEMO.contains(shown.as_str()), "{shown}");
}
