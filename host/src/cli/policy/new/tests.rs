use clap::ValueEnum;

use super::*;

fn arguments(name: &str, lang: Language) -> NewArgs {
    NewArgs { name: name.parse().unwrap(), lang }
}

/// Everything below a folder, sorted.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

fn refusal(parent: &Path) -> String {
    let before = below(parent);
    let error = arguments("tiers", Language::Js).make_in(parent).unwrap_err();
    assert_eq!(below(parent), before, "nothing was made");
    let mut said = Vec::new();
    error.write(&mut said).unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn what_is_made_is_told_with_what_to_do_next() {
    let mut said = Vec::new();
    for lang in Language::value_variants() {
        arguments("tiers", *lang).tell(&mut said).unwrap();
        said.extend_from_slice(b"\n----\n");
    }
    insta::assert_snapshot!(String::from_utf8(said).unwrap());
}

#[test]
fn all_files_are_made_and_nothing_else() {
    for lang in Language::value_variants() {
        let parent = tempfile::tempdir().unwrap();
        arguments("tiers", *lang).make_in(parent.path()).unwrap();
        let wanted: Vec<String> = scaffold::files(*lang, &"tiers".parse().unwrap())
            .into_iter()
            .map(|(path, _)| format!("tiers/{path}"))
            .collect();
        assert_eq!(below(parent.path()), wanted);
    }
}

#[test]
fn an_empty_folder_is_filled() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("tiers")).unwrap();
    arguments("tiers", Language::Js).make_in(parent.path()).unwrap();
    assert!(parent.path().join("tiers/policy.js").is_file());
}

#[test]
fn what_is_there_already_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let place = parent.path().join("tiers");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("mine"), "mine").unwrap();
    insta::assert_snapshot!(refusal(parent.path()), @r"
    error: the folder `tiers` is there already, and not empty
    hint: choose another name, or move `tiers` away
    ");
    assert_eq!(fs::read_to_string(place.join("mine")).unwrap(), "mine");

    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("tiers"), "mine").unwrap();
    insta::assert_snapshot!(refusal(parent.path()), @r"
    error: `tiers` is there already: a file
    hint: choose another name, or move `tiers` away
    ");
}

#[test]
#[cfg(unix)]
fn a_link_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("nowhere", parent.path().join("tiers")).unwrap();
    let error = arguments("tiers", Language::Js).make_in(parent.path()).unwrap_err();
    let mut said = Vec::new();
    error.write(&mut said).unwrap();
    insta::assert_snapshot!(String::from_utf8(said).unwrap(), @r"
    error: `tiers` is there already: a link that leads nowhere
    hint: choose another name, or move `tiers` away
    ");
}

#[test]
fn a_place_that_can_not_be_written_to_is_said() {
    let parent = tempfile::tempdir().unwrap();
    let error = arguments("tiers", Language::Js).make_in(&parent.path().join("absent")).unwrap_err();
    let mut said = Vec::new();
    error.write(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("error: the folder `tiers` can't be made: "), "{said}");
    assert!(said.ends_with("hint: go to a folder that you may write to\n"), "{said}");
}
