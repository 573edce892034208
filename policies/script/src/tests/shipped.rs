//! The scripts that come with Rolarr.

use std::path::Path;

use rolarr_policy::recording;

use super::*;

fn shipped(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn role_restriction_as_a_script_decides_every_recorded_event_like_the_one_in_rust() {
    let script = shipped("role-restriction/role-restriction.rhai");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/events");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut compared = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
        for recorded in recording::read_file(file).unwrap() {
            let settings = serde_json::to_string(&recorded.settings.unwrap_or_default()).unwrap();
            let in_rust =
                role_restriction::RoleRestriction::configure(Settings::new(&settings), Vec::new()).unwrap();
            let as_script = read_with(&script, &settings).unwrap();
            assert_eq!(
                as_script.evaluate(&recorded.event),
                in_rust.evaluate(&recorded.event),
                "{}: {:?}",
                file.display(),
                recorded.name
            );
            compared += 1;
        }
    }
    assert!(compared > 30, "only {compared} events were compared");
}

#[test]
fn the_settings_of_every_shipped_script_are_checked() {
    let cases = [
        ("role-restriction", r#"{"on-leave": "kick"}"#),
        ("role-restriction", r#"{"label": ""}"#),
        ("role-restriction", r#"{"lable": "x"}"#),
        ("grace-period", r#"{"days": 0}"#),
        ("tiers", "{}"),
        ("tiers", r#"{"tiers": {"plus": "Movies"}}"#),
        ("tiers", r#"{"tiers": {"plus": []}}"#),
        ("content-rating", r#"{"ratings": []}"#),
        ("content-rating", r#"{"media": ["music"]}"#),
        ("content-rating", r#"{"combine": "both"}"#),
        ("remove-after", r#"{"days": 400}"#),
        ("several-guilds", r#"{"needed": 0}"#),
        ("several-guilds", r#"{"look-again-hours": 0}"#),
        ("never-touch", r#"{"members": [900000001]}"#),
        ("never-touch", r#"{"members": ["ada"]}"#),
    ];
    let all: String = cases
        .iter()
        .map(|(name, settings)| {
            let script = shipped(&format!("{name}/{name}.rhai"));
            let error = read_with(&script, settings).err().unwrap();
            format!("{name} {settings}\n  {}\n", error.lines().next().unwrap())
        })
        .collect();
    insta::assert_snapshot!(all);
}
