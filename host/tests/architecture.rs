//! The order of the files of the host's crates: no circle of files, and in `host/src` arrows between folders that only
//! go down. Between the crates the compiler keeps the order.
//!
//! An arrow leads from a file to each file that it names in a `use` or a path. A name that a `mod.rs` only passes on
//! counts as that of the file that has it. Code for tests does not count.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

/// The folders and files of `host/src`, from low to high: each knows only what stands before it.
const ROOMS: &str = "store | config | pipeline | discord | bot | cli";

/// The sources of the other crates of the host.
const CRATES: [&str; 4] = ["domain/src", "edge/src", "plex/src", "sandbox/src"];

/// The chambers of `host/src/pipeline`, floor by floor from low to high: each knows only floors below its own.
const CHAMBERS: &str = "ports settings seam | texts desired memory | context | runtime protection accounts | \
                        approvals | members | decisions | policies | commands reconcile outbox | mod.rs";

type Names = Vec<String>;

/// The words and signs of a source, without comments and literals.
fn tokens(source: &str) -> Names {
    let mut tokens: Names = Vec::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if next == '"' {
            let hashes = tokens.iter().rev().take_while(|token| *token == "#").count();
            let raw = tokens.iter().rev().nth(hashes).is_some_and(|token| token == "r" || token == "br");
            if raw { raw_text(rest, hashes) } else { text(rest, '"') }
        } else if next == '\'' && (rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'')) {
            text(rest, '\'')
        } else if next.is_whitespace() {
            next.len_utf8()
        } else {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { word.max(next.len_utf8()) };
            tokens.push(rest[..length].to_owned());
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// How long a literal between two such signs is.
fn text(rest: &str, sign: char) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == sign && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// How long a raw text with so many hashes is.
fn raw_text(rest: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    rest[1..].find(&end).map_or(rest.len(), |at| 1 + at + end.len())
}

/// The tokens without the items that only tests have.
fn product(tokens: &[String]) -> Names {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(TEST.len()).eq(TEST.iter()) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth <= 0 && (token == ";" || token == "}") {
                break;
            }
        }
    }
    kept
}

/// What a file names.
#[derive(Debug, Default)]
struct Named {
    /// Its child modules that are files.
    modules: Names,
    /// What it takes in from elsewhere, by the name that it has there. What is public is passed on to others.
    taken_in: BTreeMap<String, Names>,
    /// What it uses.
    used: Vec<Names>,
}

impl Named {
    fn of(source: &str) -> Self {
        let tokens = product(&tokens(source));
        let token = |at: usize| tokens.get(at).map_or("", String::as_str);
        let mut named = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            let before = at.checked_sub(1).map_or("", token);
            match (token(at), token(at + 1), token(at + 2)) {
                ("mod", name, ";") => named.modules.push(name.to_owned()),
                // Who may see something is no use of it.
                ("(", "in", _) => at += tokens[at..].iter().position(|token| token == ")").unwrap_or(0),
                ("use", next, _) if next != "<" => {
                    let mut leaves = Vec::new();
                    at = tree(&tokens, at + 1, &[], &mut leaves);
                    for (path, name) in leaves {
                        if before != "pub" && before != ")" {
                            named.used.push(path.clone());
                        }
                        named.taken_in.insert(name, path);
                    }
                }
                (first, "::", _) if before != "::" && before != "$" => {
                    let mut path = vec![first.to_owned()];
                    while token(at + 1) == "::"
                        && token(at + 2).starts_with(|c: char| c.is_alphabetic() || c == '_')
                    {
                        path.push(token(at + 2).to_owned());
                        at += 2;
                    }
                    named.used.push(path);
                }
                _ => {}
            }
            at += 1;
        }
        named
    }
}

/// Reads a tree of `use` from a place on. Gives the place behind it, and each path with the name that it gets.
fn tree(tokens: &[String], from: usize, before: &[String], leaves: &mut Vec<(Names, String)>) -> usize {
    let mut path = before.to_vec();
    let mut name = None;
    let mut at = from;
    loop {
        match tokens.get(at).map_or(";", String::as_str) {
            "{" => {
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at + 1, &path, leaves);
                }
                return at + 1;
            }
            "," | "}" | ";" => break,
            "::" => {}
            "as" => {
                name = tokens.get(at + 1).cloned();
                at += 1;
            }
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let (true, Some(last)) = (at > from, path.last()) {
        leaves.push((path.clone(), name.unwrap_or_else(|| last.clone())));
    }
    at
}

/// The files of a crate by their modules, from the root on: what only tests have is not reached.
fn files(source: &str) -> BTreeMap<Names, Named> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let mut files = BTreeMap::new();
    let mut open: Vec<Names> = vec![Vec::new()];
    while let Some(module) = open.pop() {
        let path = source.join(module.join("/"));
        let places = [path.with_extension("rs"), path.join("mod.rs"), path.join("lib.rs")];
        let file = places.iter().find(|place| place.is_file()).expect("a module has a file");
        let named = Named::of(&fs::read_to_string(file).expect("a source is readable"));
        open.extend(named.modules.iter().map(|child| [module.clone(), vec![child.clone()]].concat()));
        files.insert(module, named);
    }
    files
}

/// The module that a path leads to; none if that is another crate's, or no file.
fn target(files: &BTreeMap<Names, Named>, from: &[String], path: &[String]) -> Option<Names> {
    let mut module = from.to_vec();
    let mut rest = path;
    match path.split_first()? {
        (first, after) if first == "crate" => (module, rest) = (Vec::new(), after),
        (first, after) if first == "self" => rest = after,
        (first, _) if first == "super" => {}
        (first, _) if files.get(from)?.modules.contains(first) => {}
        _ => return None,
    }
    while let Some((next, after)) = rest.split_first() {
        let here = files.get(&module)?;
        if next == "super" {
            module.pop();
        } else if here.modules.contains(next) {
            module.push(next.clone());
        } else if let Some(passed) = here.taken_in.get(next).or_else(|| here.taken_in.get("*")) {
            let glob = passed.last().is_some_and(|last| last == "*");
            let named = passed.len() - usize::from(glob);
            return target(files, &module, &[&passed[..named], if glob { rest } else { after }].concat());
        } else {
            break;
        }
        rest = after;
    }
    Some(module)
}

type Arrows = BTreeMap<Names, BTreeSet<Names>>;

/// The arrows of `host/src`.
static ARROWS: LazyLock<Arrows> = LazyLock::new(|| arrows("src"));

fn arrows(source: &str) -> Arrows {
    let files = files(source);
    let of = |(module, named): (&Names, &Named)| {
        let targets = named.used.iter().filter_map(|path| target(&files, module, path));
        (module.clone(), targets.filter(|target| target != module).collect())
    };
    files.iter().map(of).collect()
}

/// Files that lead to each other, if there are any after this one.
fn circle(arrows: &Arrows, at: &Names, way: &mut Vec<Names>, done: &mut BTreeSet<Names>) -> Option<String> {
    if let Some(begin) = way.iter().position(|seen| seen == at) {
        let files = way[begin..].iter().chain([at]).map(|module| module.join("::"));
        return Some(files.collect::<Vec<_>>().join(" -> "));
    }
    if !done.insert(at.clone()) {
        return None;
    }
    way.push(at.clone());
    let found = arrows.get(at).into_iter().flatten().find_map(|next| circle(arrows, next, way, done));
    way.pop();
    found
}

/// The first circle of files, if there is one.
fn first_circle(arrows: &Arrows) -> Option<String> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|file| circle(arrows, file, &mut Vec::new(), &mut done))
}

/// The arrows between groups of files that do not go down.
fn wrong<'a>(arrows: &'a Arrows, floors: &str, group: impl Fn(&'a Names) -> Option<&'a str>) -> Names {
    let floor =
        |name: &str| floors.split('|').position(|floor| floor.split_whitespace().any(|there| there == name));
    let mut wrong = Vec::new();
    for (from, targets) in arrows {
        for to in targets {
            let (Some(above), Some(below)) = (group(from), group(to)) else { continue };
            let goes_down = floor(above).zip(floor(below)).is_some_and(|(above, below)| above > below);
            if above != below && !goes_down {
                wrong.push(format!("{} -> {}", from.join("::"), to.join("::")));
            }
        }
    }
    wrong
}

fn names(path: &str) -> Names {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn no_files_know_each_other_in_a_circle() {
    assert_eq!(first_circle(&ARROWS), None);
    for source in CRATES {
        let arrows = arrows(source);
        assert!(!arrows.is_empty(), "{source}");
        assert_eq!(first_circle(&arrows), None, "{source}");
    }
}

#[test]
fn a_circle_and_an_arrow_that_goes_up_are_named() {
    let arrow = |from: &str, to: &str| (names(from), BTreeSet::from([names(to)]));
    let round = Arrows::from([arrow("a", "b::c"), arrow("b::c", "d"), arrow("d", "a"), arrow("e", "a")]);
    assert_eq!(first_circle(&round).as_deref(), Some("a -> b::c -> d -> a"));
    let up =
        Arrows::from([arrow("cli::x", "store::y"), arrow("store::y", "cli::x"), arrow("store::z", "new::w")]);
    let wrong = wrong(&up, ROOMS, |file| file.first().map(String::as_str));
    assert_eq!(wrong, ["store::y -> cli::x", "store::z -> new::w"]);
}

#[test]
fn each_folder_knows_only_those_below() {
    assert_eq!(wrong(&ARROWS, ROOMS, |file| file.first().map(String::as_str)), Names::new());
}

#[test]
fn each_chamber_of_the_pipeline_knows_only_those_below() {
    let wrong = wrong(&ARROWS, CHAMBERS, |file| match file.as_slice() {
        [room, rest @ ..] if room == "pipeline" => Some(rest.first().map_or("mod.rs", String::as_str)),
        _ => None,
    });
    assert_eq!(wrong, Names::new());
}

#[test]
fn arrows_of_each_kind_are_found() {
    for (from, to) in [
        // In a tree of `use`, through a `mod.rs` that passes it on, in the middle of an expression, from a `mod.rs`.
        ("pipeline::reconcile::job", "pipeline::context"),
        ("pipeline::context", "store::worker"),
        ("cli::demo", "cli::policy::settings"),
        ("pipeline", "pipeline::texts"),
    ] {
        assert!(ARROWS[&names(from)].contains(&names(to)), "{from} -> {to}");
    }
    let found: usize = ARROWS.values().map(BTreeSet::len).sum();
    assert!(found > 800, "{found} arrows of {} files", ARROWS.len());
}

#[test]
fn the_parser_reads_trees_renames_and_paths() {
    let named = Named::of(
        r##"
        mod child;
        #[cfg(test)]
        #[path = "x.rs"]
        mod tests;
        pub(in crate::hidden) use a::{self, b::{C as D, e::*,},};
        use super::{f, g::{self, H}, self as above};
        // crate::comment::X
        fn text() -> impl Fn() + use<> { crate::i::j("crate::k", r#"" crate::l"#, '"', ''', crate::m::<T>()) }
        #[cfg(test)]
        mod more { use crate::n; }
        "##,
    );
    assert_eq!(named.modules, ["child"]);
    let taken: Vec<_> =
        named.taken_in.iter().map(|(name, path)| format!("{name}={}", path.join("::"))).collect();
    assert_eq!(
        taken,
        ["*=a::b::e::*", "D=a::b::C", "H=super::g::H", "a=a", "above=super", "f=super::f", "g=super::g"]
    );
    let used: Vec<_> = named.used.iter().map(|path| path.join("::")).collect();
    assert_eq!(used, ["super::f", "super::g", "super::g::H", "super", "crate::i::j", "crate::m"]);
}
