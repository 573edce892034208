//! Did you mean: the name that was probably meant.

/// The closest of the names that could stand there, if one is close enough to be worth naming.
///
/// Case, and the difference between `-` and `_`, count as nothing.
#[must_use]
pub fn closest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer texts are no misspelling of a name of ours, and the comparison takes quadratic time.
    const LONGEST: usize = 200;
    // Found by trial: takes `tokn` for `token` and `libary` for `libraries`, not `name` for `module`.
    const CLOSE: f64 = 0.8;
    if written.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let written = plain(written);
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written, &plain(name)), name))
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_what_was_meant() {
        let names = ["token", "server", "libraries", "existing_shares", "server_url"];
        for (written, meant) in [
            ("tokn", Some("token")),
            ("Token", Some("token")),
            ("libary", Some("libraries")),
            ("existing-shares", Some("existing_shares")),
            ("serverurl", Some("server_url")),
            ("colour", None),
            ("", None),
            (&"x".repeat(100_000), None),
        ] {
            assert_eq!(closest(written, names), meant, "{}", written.len());
        }
    }
}
