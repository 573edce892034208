//! Whatever comes in from outside: noise, and samples of the real thing in which something was changed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

use std::sync::OnceLock;

use proptest::{collection::vec, prelude::*, sample::select};
use rolarr_boundaries as boundaries;

/// What is changed in a sample.
#[derive(Clone, Debug)]
enum Change {
    /// Something else stands at a place.
    Replace(usize, Vec<u8>),
    /// A piece is gone.
    Cut(usize, usize),
    /// A piece stands there many times.
    Repeat(usize, usize, usize),
    /// A bit is flipped.
    Flip(usize, u8),
    /// It ends here.
    End(usize),
}

/// What formats are made of: it gets further than noise.
const TOKENS: [&[u8]; 26] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"<",
    b">",
    b"/",
    b"=",
    b"&",
    b"|",
    b",",
    b":",
    b"@",
    b"\\u0000",
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\xff\xfe",
    b"\x00",
    "\u{202e}".as_bytes(),
    b"&#0;",
    b"%00",
    b"\x1b[31m",
];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>();
    prop_oneof![
        (at, select(TOKENS.to_vec())).prop_map(|(at, token)| Change::Replace(at, token.to_vec())),
        (at, vec(any::<u8>(), 0..12)).prop_map(|(at, bytes)| Change::Replace(at, bytes)),
        (at, 1..60_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (at, 1..40_usize, 2..200_usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (at, 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        at.prop_map(Change::End),
    ]
}

fn changed(sample: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for change in changes {
        let place = |at: usize| if bytes.is_empty() { 0 } else { at % bytes.len() };
        match change {
            Change::Replace(at, with) => {
                let at = place(*at);
                let end = (at + with.len()).min(bytes.len());
                bytes.splice(at..end, with.iter().copied());
            }
            Change::Cut(at, length) => {
                let at = place(*at);
                let end = at.saturating_add(*length).min(bytes.len());
                bytes.drain(at..end);
            }
            Change::Repeat(at, length, times) => {
                let at = place(*at);
                let end = (at + length).min(bytes.len());
                let piece = bytes[at..end].repeat(*times);
                bytes.splice(at..at, piece);
            }
            Change::Flip(at, bit) => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Change::End(at) => bytes.truncate(place(*at)),
        }
    }
    bytes
}

/// Noise, or one of the samples with up to six changes.
fn input(samples: &'static [Vec<u8>]) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..300),
        4 => (select(samples), vec(change(), 0..6)).prop_map(|(sample, changes)| changed(&sample, &changes)),
    ]
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn configurations() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let example = include_str!("../../../config.example.toml");
        let all = example.replace("\n#", "\n");
        texts(&[example, &all])
    })
}

fn recordings() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        texts(&[
            include_str!("../../events/table-1-role-added.json"),
            include_str!("../../events/role-back-with-libraries.json"),
            include_str!("../../events/settings-block.json"),
            include_str!("../../events/wake.json"),
        ])
    })
}

fn modules() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let text = |text: &str| wat::parse_str(text).unwrap();
        vec![
            include_bytes!("../../../policies/prebuilt/role-restriction.wasm").to_vec(),
            text("(module (memory (export \"memory\") 1) (func (export \"f\") (loop (br 0))))"),
            text("(component (core module (memory 1)) (component $c) (export \"a\" (component $c)))"),
        ]
    })
}

fn frames() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| texts(&[
        r#"{"t":"GUILD_MEMBER_UPDATE","s":3,"op":0,"d":{"guild_id":"1","user":{"id":"7","username":"ann","discriminator":"0","avatar":null,"bot":false},"roles":["3","2"],"joined_at":"2026-01-01T00:00:00Z","nick":null,"premium_since":null,"avatar":null,"pending":false,"flags":0}}"#,
        r#"{"t":"GUILD_MEMBER_REMOVE","s":4,"op":0,"d":{"guild_id":"1","user":{"id":"7","username":"ann","discriminator":"0","avatar":null}}}"#,
        r#"{"t":"GUILD_MEMBERS_CHUNK","d":{"guild_id":"1","members":[{"user":{"id":"7","username":"ann","discriminator":"0","avatar":null},"roles":["2"],"joined_at":"2026-01-01T00:00:00Z","deaf":false,"mute":false,"flags":0}],"chunk_index":0,"chunk_count":1,"not_found":["8"],"nonce":"a"}}"#,
        r#"{"t":"GUILD_ROLE_DELETE","d":{"guild_id":"1","role_id":"2"}}"#,
        r#"{"t":"GUILD_DELETE","d":{"id":"1","unavailable":true}}"#,
        r#"{"t":"INTERACTION_CREATE","d":{"id":"5","application_id":"6","type":2,"token":"t","version":1,"guild_id":"1","channel_id":"4","member":{"user":{"id":"7","username":"ann","discriminator":"0","avatar":null},"roles":[],"permissions":"8","joined_at":"2026-01-01T00:00:00Z"},"data":{"id":"9","name":"plex","type":1,"options":[{"name":"link","type":1,"options":[{"name":"email","type":3,"value":"ann@example.org"}]}]}}}"#,
        r#"{"t":"MESSAGE_CREATE","d":{"id":"5","channel_id":"4","author":{"id":"7","username":"ann","discriminator":"0","avatar":null},"content":"ann@example.org","timestamp":"2026-01-01T00:00:00Z","edited_timestamp":null,"tts":false,"mention_everyone":false,"mentions":[],"mention_roles":[],"attachments":[],"embeds":[],"pinned":false,"type":0}}"#,
    ]))
}

fn answers() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| texts(&[
        r#"<MediaContainer totalSize="1" size="1" machineIdentifier="0123456789abcdef"><User id="7" title="Zoe" username="zoe" email="zoe.walker@example.org" home="0" filterMovies="label=Kids" filterTelevision="" allowSync="1"><Server id="3" machineIdentifier="0123456789abcdef" name="Attic" pending="0" allLibraries="1"/></User></MediaContainer>"#,
        r#"<MediaContainer size="1"><Invite id="zoe.walker@example.org" createdAt="1" friend="1" home="0" server="1" username="" email="zoe.walker@example.org"><Server name="Attic" numLibraries="2"/></Invite></MediaContainer>"#,
        r#"<MediaContainer size="1"><SharedServer id="3" username="zoe" email="zoe.walker@example.org" userID="7" accepted="1" allLibraries="0"><Section id="1" key="1" title="Movies" type="movie" shared="1"/></SharedServer></MediaContainer>"#,
        r#"<MediaContainer size="1"><Server name="Attic" machineIdentifier="0123456789abcdef"><Section id="1" key="1" type="movie" title="Movies"/></Server></MediaContainer>"#,
        r#"{"id":1,"uuid":"u","username":"owner","email":"owner@example.org","subscription":{"active":true},"roles":["plexpass"]}"#,
        r#"[{"id":3,"name":"Attic","ownerId":1,"invitedId":7,"invitedEmail":"zoe.walker@example.org","serverId":1,"accepted":false,"machineIdentifier":"0123456789abcdef","allLibraries":true,"numLibraries":2,"invited":{"id":7,"username":"zoe","email":"zoe.walker@example.org"},"libraries":[]}]"#,
        r#"[{"name":"Attic","clientIdentifier":"0123456789abcdef","provides":"server","owned":true,"connections":[{"uri":"http://127.0.0.1:1"}]}]"#,
        r#"{"errors":[{"code":1002,"message":"zoe.walker@example.org is already shared","status":422}]}"#,
        r#"<Response code="400" status="The username or email zoe.walker@example.org entered appears to be invalid."/>"#,
    ]))
}

/// Answers of Discord's that say no: headers, an empty line, the body.
fn refusals() -> &'static [Vec<u8>] {
    static REFUSALS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    REFUSALS.get_or_init(|| {
        texts(&[
            "retry-after: 1\nx-ratelimit-scope: global\n\n{\"message\":\"x\",\"retry_after\":0.25,\"global\":true}",
            "x-ratelimit-remaining: 0\nx-ratelimit-reset-after: 1e308\n\n{\"message\":\"Missing Access\",\"code\":50001}",
            "\n\n{\"message\":\"internal network error\",\"code\":40333}",
            "retry-after: -1\n\n<html><body>ann@example.org</body></html>",
        ])
    })
}

fn filters() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        texts(&[
            "label=Kids",
            "label!=A%2CB&contentRating=G",
            "contentRating=G|label=A\nnoAccess",
            "label=%C3%A4\nä b",
        ])
    })
}

fn addresses() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        texts(&[
            "ann@example.org",
            " <Ann.B+c@Example.ORG> ",
            "mailto:ann@example.org",
            "ann@münchen.example",
        ])
    })
}

proptest! {
    #[test]
    fn a_configuration_is_read_or_the_error_helps(bytes in input(configurations())) {
        boundaries::configuration(&bytes);
    }

    #[test]
    fn a_recording_is_the_same_when_it_is_written_and_read_again(bytes in input(recordings())) {
        boundaries::recording(&bytes);
    }

    #[test]
    fn a_frame_of_the_gateway_is_survived(bytes in input(frames())) {
        boundaries::gateway(&bytes);
    }

    #[test]
    fn an_answer_of_plex_is_read_or_is_an_error_that_names_nobody(
        call in 0..boundaries::CALLS,
        status in 0..12_u8,
        wait in 0..5_u8,
        body in input(answers()),
    ) {
        let bytes: Vec<u8> = [call, status, wait].into_iter().chain(body).collect();
        boundaries::plex(&bytes);
    }

    #[test]
    fn a_refusal_of_plex_is_one_bounded_error_that_names_nobody(
        head in proptest::array::uniform4(0..=u8::MAX),
        body in input(answers()),
    ) {
        boundaries::plex_refusal(&[&head[..], &body].concat());
    }

    #[test]
    fn a_refusal_of_discord_is_one_bounded_error_and_a_bounded_wait(
        status in proptest::array::uniform2(0..=u8::MAX),
        rest in input(refusals()),
    ) {
        boundaries::discord_refusal(&[&status[..], &rest].concat());
    }

    #[test]
    fn a_filter_of_the_owners_is_never_widened(bytes in input(filters())) {
        boundaries::filter(&bytes);
    }

    #[test]
    fn an_address_is_one_or_is_refused(bytes in input(addresses())) {
        boundaries::email(&bytes);
    }
}

/// Found by fuzzing.
#[test]
fn names_in_a_module_reach_no_terminal_as_they_are() {
    let mut module = include_bytes!("../../../policies/prebuilt/role-restriction.wasm").to_vec();
    let name = b"set-memo";
    let places: Vec<usize> =
        module.windows(name.len()).enumerate().filter(|(_, at)| at == name).map(|(place, _)| place).collect();
    assert!(!places.is_empty());
    for place in places {
        module[place] = 0;
    }
    assert!(!boundaries::module(&module));
}

proptest! {
    // Each is looked at as a whole module.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_module_is_described_or_the_error_says_why_not(bytes in input(modules())) {
        boundaries::module(&bytes);
    }
}

#[test]
fn the_samples_are_right_as_they_are() {
    assert!(frames().iter().all(|frame| rolarr::discord::understands(std::str::from_utf8(frame).unwrap())));
    let recording = |text: &Vec<u8>| {
        rolarr_policy::recording::parse(std::str::from_utf8(text).unwrap(), "a".as_ref()).is_ok()
    };
    assert!(recordings().iter().all(recording));
}

/// What opens something in one of the formats, and never closes it.
const OPENINGS: [&str; 7] = ["[", "{\"a\":", "<a>", "a.", "[[", "(", "(module "];

/// Each boundary by name; those of Plex whose answers have a body, by their number.
fn refuses(boundary: &str, bytes: &[u8]) -> bool {
    let taken = match boundary {
        "configuration" => boundaries::configuration(bytes),
        "recording" => boundaries::recording(bytes),
        "gateway" => boundaries::gateway(bytes),
        "filter" => boundaries::filter(bytes),
        "email" => boundaries::email(bytes),
        "module" => boundaries::module(bytes),
        "plex" => (0..WITH_A_BODY).any(|call| boundaries::plex(&[&[call, 0, 0], bytes].concat())),
        other => unreachable!("there is no boundary {other}"),
    };
    !taken
}

/// The calls to Plex with a lower number have an answer that must be read.
const WITH_A_BODY: u8 = 9;

const BOUNDARIES: [&str; 7] = ["configuration", "recording", "gateway", "filter", "email", "module", "plex"];

#[test]
fn nesting_without_end_is_refused() {
    for open in OPENINGS {
        let deep = open.repeat(200_000).into_bytes();
        for boundary in BOUNDARIES {
            assert!(refuses(boundary, &deep), "{boundary} took {open:?} without end");
        }
    }
}

/// Which boundary a process is for that reads large inputs.
const CHILD: &str = "ROLARR_BOUNDARY";

/// How large the inputs are, in bytes: larger than what plex.tv answers for a few thousand friends.
const LARGE: usize = 8 << 20;

#[cfg(target_os = "linux")]
#[test]
fn large_inputs_take_neither_long_nor_much_memory() {
    let program = std::env::current_exe().unwrap();
    for boundary in BOUNDARIES {
        // Address space in KiB: the program itself, its threads' stacks, and some copies of the input.
        let limited = "ulimit -v 1500000 && exec \"$0\" --exact one_boundary_with_large_inputs --nocapture";
        let mut child = std::process::Command::new("sh")
            .args(["-c", limited])
            .arg(&program)
            .env(CHILD, boundary)
            .spawn()
            .unwrap();
        let began = std::time::Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(ended) => break Some(ended),
                None if began.elapsed() > std::time::Duration::from_secs(300) => break None,
                None => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        if ended.is_none() {
            child.kill().unwrap();
        }
        assert!(ended.is_some_and(|ended| ended.success()), "{boundary}: {ended:?}");
    }
}

/// In a process of its own by the test above; without it, with inputs that every machine has room for.
#[test]
fn one_boundary_with_large_inputs() {
    let (boundaries, size) = match std::env::var(CHILD) {
        Ok(name) => (vec![name], LARGE),
        Err(_) => (BOUNDARIES.map(str::to_owned).into(), 1 << 16),
    };
    for boundary in boundaries {
        for piece in ["a", "\0", "a=1\n", "\"a\",", "<a/>", "a@example.org", "a=b&", "label=a%2C", "\u{e4}"] {
            let large = piece.repeat(size / piece.len()).into_bytes();
            refuses(&boundary, &large);
        }
        for open in OPENINGS {
            assert!(
                refuses(&boundary, &open.repeat(size / open.len()).into_bytes()),
                "{boundary} took {open:?}"
            );
        }
    }
}
