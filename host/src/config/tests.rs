//! The configuration as operators meet it: the example, and every mistake.

use std::{ffi::OsString, fmt::Write as _, fs, path::Path, time::Duration};

use proptest::prelude::*;

use super::*;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// The smallest configuration that is right.
const SMALL: &str = r#"[discord]
token = { env = "DISCORD_TOKEN" }
[[discord.guilds]]
id = "900000001"
key = "home"
[[discord.guilds.roles]]
key = "plex"
id = "900000002"
[plex]
token = { env = "PLEX_TOKEN" }
server = "My Server"
"#;

/// What must never be seen.
const SECRETS: [&str; 3] = ["discord-secret", "plex-secret", "literal-secret"];

fn environment(name: &str) -> Option<OsString> {
    match name {
        "DISCORD_TOKEN" => Some("discord-secret\n".into()),
        "PLEX_TOKEN" => Some("plex-secret".into()),
        "EMPTY" => Some(" \n".into()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("config.toml"), text.as_bytes(), &environment)
}

/// The example with all that it shows as possible.
fn everything() -> String {
    fn setting(line: &str) -> &str {
        line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_alphabetic())).unwrap_or(line)
    }
    EXAMPLE.lines().map(setting).collect::<Vec<_>>().join("\n")
}

#[test]
fn which_sections_changed_is_known_and_the_form_makes_no_difference() {
    let changed = |text: &str| parse(SMALL).unwrap().said.changed(&parse(text).unwrap().said);
    assert_eq!(changed(&format!("# A comment.\n\n{SMALL}")), [""; 0]);
    assert_eq!(changed(&SMALL.replace("server = \"My Server\"", "server='My Server' # here")), [""; 0]);
    assert_eq!(changed(&format!("{SMALL}[policy]\nmodule = \"builtin:role-restriction\"\n")), [""; 0]);
    assert_eq!(changed(&SMALL.replace("My Server", "Another")), ["plex"]);
    assert_eq!(changed(&SMALL.replace("900000002", "900000003")), ["discord"]);
    let more = format!("{SMALL}[brake]\nmembers = 3\n[timing]\nsweep_every = \"2h\"\n");
    assert_eq!(changed(&more), ["brake", "timing"]);
    assert_eq!(parse(&more).unwrap().said.changed(&parse(SMALL).unwrap().said), ["brake", "timing"]);
}

#[test]
fn the_example_loads() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.discord.token.expose(), "discord-secret");
    assert_eq!(config.discord.guilds[0].roles[0].key, "plex");
    assert_eq!(config.plex.token.expose(), "plex-secret");
    assert_eq!(config.prompt.valid_for, Duration::from_secs(86_400));
    assert_eq!(config.policy.module.value, PolicyModule::Builtin("role-restriction"));
    assert_eq!(config.store.path, Path::new("rolarr.db"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_example_shows_the_defaults() {
    let (short, long) = (parse(EXAMPLE).unwrap(), parse(&everything()).unwrap());
    assert_eq!(long.prompt.valid_for, short.prompt.valid_for);
    assert_eq!(long.policy.module.value, short.policy.module.value);
    assert_eq!(long.policy.limits, short.policy.limits);
    assert_eq!(long.policy.limits, crate::policy::Limits::default());
    assert_eq!(long.store.path, short.store.path);
    assert_eq!(long.log, short.log);
    assert_eq!(long.addresses, short.addresses);
    assert_eq!(long.timing, short.timing);
    assert_eq!(long.discord.first_start, short.discord.first_start);
    assert_eq!(long.plex.existing_shares, short.plex.existing_shares);
    assert_eq!(long.plex.remove, short.plex.remove);
    assert_eq!((long.plex.downloads, long.plex.live_tv), (short.plex.downloads, short.plex.live_tv));
    assert!(long.discord.protected_members.is_empty() && long.discord.protected_roles.is_empty());
}

#[test]
fn each_builtin_policy_is_there() {
    for name in PolicyModule::BUILTIN {
        let module = PolicyModule::Builtin(name);
        assert!(crate::policy::Module::open(&module.name()).is_ok(), "{name}");
    }
}

#[test]
fn the_example_shows_every_setting() {
    let config = parse(&everything()).unwrap();
    assert!(config.discord.audit_channel.is_some() && config.discord.guilds[0].prompt_channel.is_some());
    assert!(config.plex.libraries.is_some() && config.plex.server_url.is_some());
    assert_eq!(
        config.policy.settings.to_value().to_string(),
        r#"{"block":["movies","television"],"label":"noAccess","on-leave":"remove"}"#
    );
    // The other sections: their keys are those that the example has, or unknown ones.
    for section in
        ["discord", "plex", "prompt", "policy.limits", "store", "log", "addresses", "brake", "timing"]
    {
        let header = format!("[{section}]\n");
        let unknown = everything().replacen(&header, &format!("{header}zzzzz = 1\n"), 1);
        let known = parse(&unknown).unwrap_err().hint().matches('`').count() / 2;
        let text = everything();
        let shown = text
            .lines()
            .skip_while(|line| *line != format!("[{section}]"))
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .filter(|line| line.starts_with(|c: char| c.is_alphabetic()))
            .count();
        let nested = usize::from(section == "discord");
        assert_eq!(known, shown + nested, "[{section}]");
    }
}

#[test]
fn ids_may_stand_with_or_without_quotes() {
    let config = parse(&SMALL.replace("\"900000001\"", "900000001")).unwrap();
    assert_eq!(config.discord.guilds[0].id.value.0, 900_000_001);
    assert_eq!(config.discord.guilds[0].id.place, Some(Place { line: 4, column: 6 }));
}

#[test]
fn settings_of_the_policy_keep_their_lines() {
    let text = format!(
        "{SMALL}[policy.settings]\nlabel = \"a,b\"\n[policy.settings.nested]\nsince = 1979-05-27\nn = [0x10, 1.5, true]\n"
    );
    let settings = parse(&text).unwrap().policy.settings;
    assert_eq!(
        settings.to_value().to_string(),
        r#"{"label":"a,b","nested":{"n":[16,1.5,true],"since":"1979-05-27"}}"#
    );
    assert_eq!(settings.place_of("label").unwrap().line, 13);
    assert_eq!(settings.place_of("absent").unwrap().line, 12);
    assert_eq!(settings.place_named_in("setting `label`: can't carry `,`").unwrap().line, 13);
    assert_eq!(settings.place_named_in("there is no setting label").unwrap().line, 12);
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "from-a-file\n").unwrap();
    fs::write(folder.path().join("my.wasm"), "").unwrap();
    let file = folder.path().join("config.toml");
    let text = SMALL.replace("{ env = \"PLEX_TOKEN\" }", "{ file = \"token\" }")
        + "[policy]\nmodule = \"my.wasm\"\n[store]\npath = \"my.db\"\n";
    let config = Config::parse(&file, text.as_bytes(), &environment).unwrap();
    assert_eq!(config.plex.token.expose(), "from-a-file");
    assert_eq!(config.policy.module.value, PolicyModule::File(folder.path().join("my.wasm")));
    assert_eq!(config.store.path, folder.path().join("my.db"));
}

#[test]
fn a_token_is_read_without_what_was_copied_with_it_and_that_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let quotes = "quotes around it";
    let (prefix, name) = ("the word `Bot` or `Bearer` before it", "the name of a variable before it");
    for (written, around) in [
        ("secret", &[][..]),
        ("secret\r\n", &[]),
        ("\u{feff}secret\n", &[]),
        ("c2VjcmV0==", &[]),
        ("\"secret\"", &[quotes]),
        ("'secret'\n", &[quotes]),
        ("`secret`", &[quotes]),
        ("“secret”", &[quotes]),
        (" \" secret\n\" ", &[quotes]),
        ("Bot secret", &[prefix]),
        ("bearer  secret", &[prefix]),
        ("\"Bot secret\"", &[quotes, prefix]),
        ("Bearer \"secret\"", &[prefix, quotes]),
        ("PLEX_TOKEN=\"secret\"\n", &[name, quotes]),
        ("export PLEX_TOKEN='secret'", &[name, quotes]),
        ("X-Plex-Token=secret", &[name]),
        ("\"secret\",", &["a comma or semicolon after it", quotes]),
        ("<secret>", &["angle brackets around it"]),
    ] {
        fs::write(folder.path().join("token"), written).unwrap();
        let in_file = SMALL.replace("{ env = \"PLEX_TOKEN\" }", "{ file = \"token\" }");
        let given = |name: &str| if name == "PLEX_TOKEN" { Some(written.into()) } else { environment(name) };
        let literal = format!("{written:?}").replace("\\u{feff}", "\\ufeff").replace("\\'", "'");
        let literal = SMALL.replace("{ env = \"PLEX_TOKEN\" }", &literal);
        for text in [&in_file, SMALL, &literal] {
            let config = Config::parse(&file, text.as_bytes(), &given).unwrap();
            let expected = if written.starts_with("c2") { "c2VjcmV0==" } else { "secret" };
            assert_eq!(config.plex.token.expose(), expected, "{written:?}");
            let warnings: Vec<String> = around
                .iter()
                .map(|what| format!("the token that `plex.token` names has {what}: it is read without"))
                .collect();
            let said = config.warnings.iter().filter(|said| said.contains("read without")).cloned();
            assert_eq!(said.collect::<Vec<_>>(), warnings, "{written:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn files_with_tokens_that_everybody_can_read_are_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (token, file) = (folder.path().join("token"), folder.path().join("config.toml"));
    fs::write(&token, "literal-secret").unwrap();
    let text = SMALL
        .replace("{ env = \"PLEX_TOKEN\" }", "{ file = \"token\" }")
        .replace("{ env = \"DISCORD_TOKEN\" }", "\"literal-secret\"");
    fs::write(&file, text).unwrap();
    for (mode, warnings) in [(0o600, 0), (0o644, 2)] {
        for path in [&token, &file] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let config = Config::load(&file).unwrap();
        assert_eq!(config.warnings.len(), warnings, "{mode:o}: {:?}", config.warnings);
        assert!(!config.warnings.concat().contains("literal-secret"));
    }
}

#[test]
fn an_open_address_is_warned_about() {
    let config = parse(&format!("{SMALL}[addresses]\nplex_tv = \"http://example.org\"\n")).unwrap();
    assert_eq!(
        config.warnings,
        ["`addresses.plex_tv` is not encrypted: everybody on the way can read the token"]
    );
}

#[test]
fn a_plex_server_beyond_the_local_network_is_warned_about_if_it_is_not_encrypted() {
    let warnings = |url: &str| parse(&format!("{SMALL}server_url = \"{url}\"\n")).unwrap().warnings;
    assert_eq!(
        warnings("http://plex.example.org:32400"),
        [
            "`plex.server_url` is not encrypted and leads out of the local network: everybody on the way can read \
          the token of your Plex account; begin it with `https://`"
        ]
    );
    assert!(warnings("https://plex.example.org:32400").is_empty());
    assert!(warnings("http://10.0.0.7:32400").is_empty());
}

#[test]
fn tokens_are_not_shown() {
    let shown = format!("{:?}", parse(EXAMPLE).unwrap());
    assert!(SECRETS.iter().all(|secret| !shown.contains(secret)), "{shown}");
}

/// Each mistake: its name, and what makes it of the small configuration.
fn mistakes() -> Vec<(&'static str, String)> {
    let swap = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        SMALL.replacen(from, to, 1)
    };
    let token = |value: &str| swap("{ env = \"DISCORD_TOKEN\" }", value);
    let plex = |line: &str| format!("{SMALL}{line}\n");
    let guild = |line: &str| swap("key = \"home\"\n", &format!("key = \"home\"\n{line}\n"));
    let section = |name: &str, line: &str| format!("{SMALL}[{name}]\n{line}\n");
    vec![
        ("an empty file", String::new()),
        ("no section for Plex", SMALL.split("[plex]").next().unwrap().to_owned()),
        ("a text without quotes", swap("\"My Server\"", "My Server")),
        ("a quote that is not closed", swap("\"My Server\"", "\"My Server")),
        ("a key twice", plex("server = \"Other\"")),
        ("a misspelt key", swap("token =", "tokn =")),
        ("a misspelt section", section("polcy", "")),
        ("a key that resembles nothing", plex("colour = \"red\"")),
        ("a key with control characters", plex("\"\\u001b[2J\" = 1")),
        ("no token", swap("token = { env = \"DISCORD_TOKEN\" }\n", "")),
        ("a token that is a number", token("123456")),
        ("an empty token", token("\"  \"")),
        ("a token with a blank in it", token("\"literal- secret\"")),
        ("a token with one quote", token("'\"literal-secret'")),
        ("a token that is nothing but quotes", token("'\"\"'")),
        ("a token in an environment variable that is not set", token("{ env = \"literal-secret\" }")),
        ("a token in an environment variable with a name in capitals", token("{ env = \"DISCORD_TOKN\" }")),
        ("a token in an environment variable that is empty", token("{ env = \"EMPTY\" }")),
        ("an impossible environment variable", token("{ env = \"a=b\" }")),
        ("a token file that does not exist", token("{ file = \"absent/literal-secret\" }")),
        ("a token file that is a folder", token("{ file = \".\" }")),
        ("a token from nowhere", token("{}")),
        ("a token from two places", token("{ env = \"DISCORD_TOKEN\", file = \"x\" }")),
        ("a token from somewhere unknown", token("{ envv = \"literal-secret\" }")),
        ("no Discord server", {
            let (before, rest) = SMALL.split_once("[[discord.guilds]]").unwrap();
            format!("{before}[plex]{}", rest.split_once("[plex]").unwrap().1)
        }),
        (
            "one bracket too few",
            swap("[[discord.guilds]]", "[discord.guilds]")
                .replace("[[discord.guilds.roles]]", "[discord.guilds.roles]"),
        ),
        (
            "a Discord server without roles",
            swap("[[discord.guilds.roles]]\nkey = \"plex\"\nid = \"900000002\"\n", ""),
        ),
        ("a Discord server without id", swap("id = \"900000001\"\n", "")),
        (
            "a Discord server twice",
            swap(
                "[plex]",
                "[[discord.guilds]]\nid = 900000001\nkey = \"b\"\nroles = [{ key = \"c\", id = 3 }]\n[plex]",
            ),
        ),
        (
            "a key of two Discord servers",
            swap(
                "[plex]",
                "[[discord.guilds]]\nid = 900000003\nkey = \"home\"\nroles = [{ key = \"c\", id = 3 }]\n[plex]",
            ),
        ),
        (
            "a role in two Discord servers",
            swap(
                "[plex]",
                "[[discord.guilds]]\nid = 900000003\nkey = \"b\"\nroles = [{ key = \"c\", id = 900000002 }]\n[plex]",
            ),
        ),
        ("a role twice", swap("[plex]", "[[discord.guilds.roles]]\nkey = \"b\"\nid = \"900000002\"\n[plex]")),
        (
            "a key of two roles",
            swap("[plex]", "[[discord.guilds.roles]]\nkey = \"plex\"\nid = \"900000003\"\n[plex]"),
        ),
        ("the role of everybody", swap("900000002", "900000001")),
        ("a protected role that is tracked", swap("token =", "protected_roles = [1, 900000002]\ntoken =")),
        ("protected members that are no list", swap("token =", "protected_members = 1\ntoken =")),
        ("a role's name instead of its id", swap("\"900000002\"", "\"Plex\"")),
        ("an id of zero", swap("\"900000002\"", "0")),
        ("an id that is a list", swap("\"900000002\"", "[1]")),
        ("a channel that is no id", guild("prompt_channel = \"#plex\"")),
        ("a key with blanks", swap("\"home\"", "\"my home\"")),
        ("an empty key", swap("\"home\"", "\"\"")),
        ("a word that is none of the choices", swap("token =", "first_start = \"adpt\"\ntoken =")),
        ("a word that resembles no choice", plex("remove = \"x\"")),
        ("a choice that is no text", plex("remove = true")),
        ("an empty server", swap("\"My Server\"", "\"\"")),
        ("no server", swap("server = \"My Server\"\n", "")),
        ("an empty list of libraries", plex("libraries = []")),
        ("libraries that are no list", plex("libraries = \"Movies\"")),
        ("a library that is no text", plex("libraries = [1]")),
        ("a library twice", plex("libraries = [\"Movies\", \"movies\"]")),
        ("yes in quotes", plex("downloads = \"yes\"")),
        ("an address without scheme", plex("server_url = \"192.0.2.7:32400\"")),
        ("an address with credentials", plex("server_url = \"https://ann:literal-secret@example.org\"")),
        (
            "an address with a token",
            plex("server_url = \"https://example.org/?X-Plex-Token=literal-secret\""),
        ),
        ("the gateway with http", section("addresses", "discord_gateway = \"https://example.org\"")),
        ("a time without unit", section("prompt", "valid_for = 24")),
        ("a time with an unknown unit", section("prompt", "valid_for = \"24 moons\"")),
        ("a time of nothing", section("prompt", "valid_for = \"0s\"")),
        ("a brake of words", section("brake", "members = \"many\"")),
        ("a brake without a window", section("brake", "window = \"0s\"")),
        ("times that are no list", section("timing", "reread_after = \"2s\"")),
        (
            "too many times",
            section("timing", "reread_after = [\"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]"),
        ),
        ("a refusal that is tried again for ever", section("timing", "refused_again_after = \"1h\"")),
        ("times that do not fit", section("timing", "retry_longest = \"10ms\"")),
        ("a policy file that does not exist", section("policy", "module = \"absent.wasm\"")),
        ("a policy file that is a folder", section("policy", "module = \".\"")),
        ("a policy without its prefix", section("policy", "module = \"role-restriction\"")),
        ("a policy that is not part of it", section("policy", "module = \"builtin:role-restrictions\"")),
        ("settings that are no table", section("policy", "settings = 1")),
        ("a setting with an impossible number", section("policy.settings", "a = [1, nan]")),
        ("a size without unit", section("policy.limits", "memory_bytes = 32")),
        ("a size of nothing", section("policy.limits", "memory_bytes = \"0MiB\"")),
        ("a count that is negative", section("policy.limits", "fuel = -1")),
        ("a count in quotes", section("policy.limits", "fuel = \"500\"")),
        ("a database in a folder that does not exist", section("store", "path = \"absent/rolarr.db\"")),
        ("a database that is a folder", section("store", "path = \".\"")),
        ("a level that there is not", section("log", "level = \"verbose\"")),
        ("a section that is a value", format!("prompt = 1\n{SMALL}")),
    ]
}

#[test]
fn every_mistake_is_one_error_with_its_line_and_what_to_do() {
    let mut all = String::new();
    for (name, text) in mistakes() {
        let error = parse(&text).expect_err(name);
        let shown = format!("{error}\n  hint: {}", error.hint());
        assert!(!error.hint().is_empty(), "{name}");
        assert!(SECRETS.iter().all(|secret| !shown.contains(secret)), "{name}: {shown}");
        writeln!(all, "{name}:\n  {shown}\n").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_not_text_is_said_with_its_line() {
    let error = Config::parse(Path::new("config.toml"), b"# a\n\xff", &environment).unwrap_err();
    assert_eq!(error.to_string(), "config.toml:2: a character here is not UTF-8");
    assert_eq!(error.place(), Some(Place { line: 2, column: 1 }));
}

#[test]
fn a_mark_of_the_encoding_does_no_harm_and_another_encoding_is_named() {
    let marked = parse(&format!("\u{feff}{SMALL}")).unwrap();
    assert_eq!(marked.discord.guilds[0].key, "home");
    let wrong = parse(&format!("\u{feff}discrd = 1\n{SMALL}")).unwrap_err();
    assert_eq!(wrong.place().map(|place| (place.line, place.column)), Some((1, 1)));
    let wide: Vec<u8> = format!("\u{feff}{SMALL}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = Config::parse(Path::new("config.toml"), &wide, &environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "config.toml: the configuration is text in UTF-16, and only UTF-8 can be read"
    );
}

#[test]
fn nothing_in_a_mistake_acts_on_a_terminal() {
    let odd = "\u{61c}\u{9b}31m\u{202e}\u{200b}";
    let escaped = "\\u001b[2J";
    for (file, text) in [
        ("config\u{1b}[2J.toml", format!("nothing = 1\n{SMALL}")),
        ("config.toml", format!("\"{odd}{escaped}\" = 1\n{SMALL}")),
        ("config.toml", SMALL.replace("\"home\"", &format!("\"{odd}{escaped}\""))),
        ("config.toml", SMALL.replace("\"900000001\"", &format!("\"{odd}{escaped}\""))),
        ("config.toml", format!("{SMALL}[policy]\nmodule = \"{odd}{escaped}.wasm\"\n")),
    ] {
        let error = Config::parse(Path::new(file), text.as_bytes(), &environment).unwrap_err();
        let said = format!("{error} {}", error.hint());
        assert!(!said.chars().any(crate::domain::is_unseen), "{said:?}");
    }
}

#[test]
fn a_file_that_can_not_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (path, why) in [
        (folder.path().join("absent.toml"), "it does not exist"),
        (folder.path().to_owned(), "it is a folder"),
    ] {
        let error = Config::load(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: the configuration can't be read: {why}", path.display()));
        assert!(error.hint().contains("--config"));
    }
    let long = folder.path().join("long.toml");
    fs::write(&long, vec![b'#'; 2 * 1024 * 1024]).unwrap();
    assert!(Config::load(&long).unwrap_err().to_string().contains("too long"));
}

#[test]
fn a_mistake_that_shows_later_looks_like_the_others() {
    let config = parse(SMALL).unwrap();
    let error =
        config.error_at(config.plex.server.place, "there is no server `My Server`", "there is: `Other`");
    assert_eq!(error.to_string(), "config.toml:11: there is no server `My Server`");
}

proptest! {
    #[test]
    fn arbitrary_bytes_give_an_error_with_a_hint_or_settings(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(error) = Config::parse(Path::new("config.toml"), &bytes, &environment) {
            prop_assert!(!error.hint().is_empty());
        }
    }

    /// Changed files get further into the reader than noise.
    #[test]
    fn a_damaged_example_gives_an_error_with_a_hint_or_settings(
        at in 0..everything().len(),
        length in 0_usize..40,
        instead in "[\\PC\n]{0,12}",
    ) {
        let mut bytes = everything().into_bytes();
        let end = at.saturating_add(length).min(bytes.len());
        bytes.splice(at..end, instead.into_bytes());
        if let Err(error) = Config::parse(Path::new("config.toml"), &bytes, &environment) {
            prop_assert!(!error.hint().is_empty());
            let shown = format!("{error:?}");
            prop_assert!(!SECRETS.iter().any(|secret| shown.contains(secret)));
        }
    }
}
