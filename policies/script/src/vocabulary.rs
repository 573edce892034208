//! The words that a script can use, for messages: what is there, and what was probably meant.

/// All words, collected while they are taught to the engine.
#[derive(Default)]
pub(crate) struct Vocabulary {
    functions: Vec<(String, String)>,
    properties: Vec<(&'static str, &'static [&'static str])>,
}

/// Texts that a property can have. A comparison with any other text is a mistake.
pub(crate) const WORDS: &[(&str, &[&str])] = &[
    ("cause", &["role-added", "role-removed", "member-left", "wake", "account", "review", "other"]),
    ("access", &["absent", "granted", "restricted"]),
    ("origin", &["live", "sweep", "timer", "administrator"]),
    (
        "progress",
        &["settled", "working", "asking", "ask-expired", "invited", "declined", "lost", "held", "parked"],
    ),
    ("change", &["identified", "ask-expired", "accepted", "declined", "left-service", "removed-by-admin"]),
    ("review", &["policy-changed", "roles-changed", "retry", "asked"]),
];

/// The functions of the language and its standard library.
const LANGUAGE: &[&str] = &[
    "abs",
    "all",
    "append",
    "as_string",
    "bytes",
    "call",
    "char_at",
    "chars",
    "chop",
    "clear",
    "contains",
    "crop",
    "curry",
    "debug",
    "dedup",
    "drain",
    "ends_with",
    "exit",
    "extract",
    "fill_with",
    "filter",
    "find",
    "find_map",
    "for_each",
    "get",
    "index_of",
    "insert",
    "is_anonymous",
    "is_def_fn",
    "is_def_var",
    "is_empty",
    "is_even",
    "is_odd",
    "is_shared",
    "is_zero",
    "keys",
    "len",
    "make_lower",
    "make_upper",
    "map",
    "max",
    "min",
    "mixin",
    "name",
    "order",
    "order_by",
    "order_desc",
    "pad",
    "parse_int",
    "parse_json",
    "pop",
    "print",
    "push",
    "range",
    "reduce",
    "reduce_rev",
    "remove",
    "replace",
    "retain",
    "reverse",
    "set",
    "shift",
    "sign",
    "some",
    "sort",
    "sort_by",
    "sort_desc",
    "splice",
    "split",
    "split_rev",
    "starts_with",
    "sub_string",
    "tag",
    "take",
    "to_array",
    "to_binary",
    "to_chars",
    "to_debug",
    "to_hex",
    "to_int",
    "to_json",
    "to_lower",
    "to_octal",
    "to_string",
    "to_upper",
    "trim",
    "truncate",
    "type_of",
    "values",
    "zip",
    "Fn",
    "merge",
    "set_tag",
    "exp",
    "start",
    "end",
    "is_inclusive",
    "is_exclusive",
    "get_fn_metadata_list",
];

impl Vocabulary {
    /// A function of the contract, with how it is called.
    pub(crate) fn function(&mut self, name: &str, usage: &str) {
        self.functions.push((name.to_owned(), usage.to_owned()));
    }

    /// The properties of a type.
    pub(crate) fn properties(&mut self, of: &'static str, names: &'static [&'static str]) {
        self.properties.push((of, names));
    }

    /// How a function of the contract is called.
    pub(crate) fn usage(&self, name: &str) -> Option<&str> {
        self.functions.iter().find(|(known, _)| known == name).map(|(_, usage)| usage.as_str())
    }

    /// Whether there is a function of this name, with any parameters.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        LANGUAGE.contains(&name) || self.usage(name).is_some()
    }

    /// Whether any type has a property of this name.
    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.properties.iter().any(|(_, names)| names.contains(&name))
    }

    /// The properties of a type.
    pub(crate) fn properties_of(&self, of: &str) -> &[&'static str] {
        self.properties.iter().find(|(known, _)| *known == of).map_or(&[], |(_, names)| names)
    }

    /// The names of the contract's functions.
    pub(crate) fn contract(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|(name, _)| name.as_str())
    }

    /// All names of functions, those of the script among them.
    pub(crate) fn functions<'a>(&'a self, own: &'a [String]) -> impl Iterator<Item = &'a str> {
        self.contract().chain(LANGUAGE.iter().copied()).chain(own.iter().map(String::as_str))
    }

    /// All names of properties.
    pub(crate) fn all_properties(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().flat_map(|(_, names)| names.iter().copied())
    }
}

/// The word that was probably meant, as the end of a sentence: `; did you mean …?`, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match closest(word, known) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => String::new(),
    }
}

/// The known word that is close enough to be meant.
fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What was typed may be as long as a script.
    if word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = plain(word);
    let distance = |known: &&str| strsim::damerau_levenshtein(&typed, &plain(known));
    // The same word again would be no help.
    let best = known.into_iter().filter(|known| *known != word).min_by_key(distance)?;
    let far = distance(&best);
    (far <= (word.len() + 1) / 3).then_some(best)
}

/// Names in a sentence: `a`, `b` and `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["invite", "unrestrict", "member_left"];
        assert_eq!(did_you_mean("invit", known), "; did you mean `invite`?");
        assert_eq!(did_you_mean("unrestirct", known), "; did you mean `unrestrict`?");
        assert_eq!(did_you_mean("Member-Left", known), "; did you mean `member_left`?");
        assert_eq!(did_you_mean("banana", known), "");
        assert_eq!(did_you_mean(&"x".repeat(10_000), known), "");
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(listed([]), "nothing");
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
