//! How a Plex server applies a filter to an item.

use percent_encoding::percent_decode_str;

use super::state::Item;

/// Whether the filter lets the item through. An empty filter lets everything through.
///
/// `&` is "and" and binds tighter than `|`, which is "or"; several values of one condition (separated by a
/// comma, encoded or not) are alternatives; tags are compared without regard to case. What is no condition
/// lets everything through, which is the unsafe side: a caller that writes nonsense must notice.
#[must_use]
pub fn admits(filter: &str, item: &Item) -> bool {
    filter.is_empty() || filter.split('|').any(|all| all.split('&').all(|condition| holds(condition, item)))
}

fn holds(condition: &str, item: &Item) -> bool {
    let Some((key, values)) = condition.split_once('=') else { return true };
    let (key, negated) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
    let values = percent_decode_str(values).decode_utf8_lossy().to_lowercase();
    let wanted = |tag: &str| values.split(',').any(|value| value.trim() == tag.to_lowercase());
    let found = match key.trim() {
        "label" => item.labels.iter().any(|label| wanted(label)),
        "contentRating" => wanted(&item.rating),
        _ => return true,
    };
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(labels: &[&str], rating: &str) -> Item {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Item { title: String::new(), labels, rating: rating.to_owned() }
    }

    #[test]
    fn a_label_is_an_allow_list() {
        assert!(admits("label=Kids", &item(&["kids"], "")));
        assert!(!admits("label=noAccess", &item(&["Kids"], "")));
        assert!(!admits("label=noAccess", &item(&[], "")));
        assert!(admits("", &item(&[], "")));
    }

    #[test]
    fn values_are_alternatives_with_either_comma() {
        for filter in ["label=a%2Cb", "label=a,b"] {
            assert!(admits(filter, &item(&["B"], "")));
            assert!(!admits(filter, &item(&["c"], "")));
        }
    }

    #[test]
    fn a_pipe_widens_and_an_ampersand_narrows() {
        assert!(admits("label=Kids|label!=Horror", &item(&[], "")));
        assert!(!admits("label=Kids&label!=Horror", &item(&[], "")));
        assert!(!admits("label=Kids&label!=Horror", &item(&["Kids", "Horror"], "")));
        assert!(admits("label=Kids&contentRating=PG", &item(&["Kids"], "pg")));
    }
}
