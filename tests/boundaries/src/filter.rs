use rolarr::{
    domain::contract::Rule,
    plex::{
        FieldValue,
        filter::{self, Filter, Meaning},
    },
};

/// A filter is taken apart or refused; joined with a rule of ours it still asks for all that it asked for.
pub fn filter(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (owners, label) = text.split_once('\n').unwrap_or((&text, "noAccess"));
    let owners = FieldValue(owners.to_owned());
    assert_eq!(owners, owners.clone());
    let meaning = Meaning::of(&owners.0);
    let rule = Rule { labels: vec![label.to_owned()], ..Rule::default() };
    let Ok(ours) = filter::only(&rule) else {
        assert!(filter::check_label(label).is_err(), "{label:?} is a label and no filter");
        return;
    };
    let written = Filter::parse(&ours.0).expect("what we write is a filter");
    let [part] = written.parts.as_slice() else { panic!("{ours:?} is not one part") };
    assert_eq!(part.values, [label], "{ours:?}");
    let Ok(narrowed) = filter::narrow(&owners, &rule) else { return };
    let narrowed = Meaning::of(&narrowed.0);
    let Meaning::All(parts) = &narrowed else {
        panic!("{owners:?} with {ours:?} is {narrowed:?}, which is no conjunction")
    };
    match meaning {
        Meaning::Nothing => assert_eq!(parts.len(), 1),
        Meaning::All(theirs) => {
            for part in &theirs {
                // Values of the same key may have been joined, which shows less, never more.
                let kept = parts.iter().any(|(key, values)| *key == part.0 && values.is_subset(&part.1));
                assert!(kept, "{owners:?} with {ours:?} is {narrowed:?}, and lost {part:?}");
            }
        }
        other => panic!("{other:?} was narrowed to {narrowed:?}"),
    }
}
