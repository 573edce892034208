use rolarr::{
    domain::contract::Rule,
    plex::{
        FieldValue,
        filter::{self, CannotCarry, Filter},
    },
};
use rolarr_sim::plex::{Item, admits};

/// A filter is taken apart or refused; joined with a rule of ours it shows nothing that it did not show, and
/// nothing that the rule does not. What it shows is said by the simulator, which reads filters by itself.
pub fn filter(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (owners, label) = text.split_once('\n').unwrap_or((&text, "noAccess"));
    let owners = FieldValue(owners.to_owned());
    assert_eq!(owners, owners.clone());
    let rule = Rule { labels: vec![label.to_owned()], ..Rule::default() };
    let ours = match filter::only(&rule) {
        Ok(ours) => ours,
        Err(CannotCarry::Value { value, .. }) if value == label => return false,
        // Each byte is written as three at most.
        Err(CannotCarry::TooLong) if label.len() > 2_000 => return false,
        Err(error) => panic!("{label:?}: {error}"),
    };
    let written = Filter::parse(&ours.0).expect("what we write is a filter");
    let [part] = written.parts.as_slice() else { panic!("{ours:?} is not one part") };
    assert_eq!(part.values, [label], "{ours:?}");
    let Ok(narrowed) = filter::narrow(&owners, &rule) else { return false };
    for item in items(&owners.0, label) {
        let shown = admits(&narrowed.0, &item);
        assert!(
            !shown || admits(&owners.0, &item),
            "{owners:?} with {ours:?} is {narrowed:?}, and shows {item:?}"
        );
        assert!(
            !shown || admits(&ours.0, &item),
            "{owners:?} with {ours:?} is {narrowed:?}, and shows {item:?}"
        );
    }
    true
}

/// Items with each of the words of a filter as label and as rating, with our label and without.
fn items(owners: &str, label: &str) -> Vec<Item> {
    let word = |letter: char| !letter.is_alphanumeric();
    let mut words: Vec<&str> = owners.split(word).filter(|word| !word.is_empty()).take(8).collect();
    words.extend(["", "Kids", "G"]);
    let mut items = Vec::new();
    for rating in &words {
        for own in &words {
            for labels in [vec![*own], vec![*own, label], vec![label], Vec::new()] {
                let labels = labels.into_iter().map(str::to_owned).collect();
                items.push(Item { title: String::new(), labels, rating: (*rating).to_owned() });
            }
        }
    }
    items
}
