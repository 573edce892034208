use std::time::Duration;

use rolarr::{pipeline::ports::DiscordError, plex::Response};

use super::{is_fit_for_people, plex::ask};

/// The longest text of an error, in characters.
const LONGEST: usize = 500;
const DAY: Duration = Duration::from_secs(86_400);

/// An answer of Discord's that says no is one error of a bounded length, which repeats nothing of it, and a wait of a
/// bounded length. The first two bytes give the status; then come headers, one a line, an empty line, and the body.
pub fn discord_refusal(bytes: &[u8]) -> bool {
    let [high, low, rest @ ..] = bytes else { return false };
    let status = 300 + u16::from_be_bytes([*high, *low]) % 300;
    let end = rest.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.and_then(|end| rest.split_at_checked(end)).unwrap_or((&[], rest));
    let body = body.strip_prefix(b"\n\n").unwrap_or(body);
    let headers: Vec<(&[u8], &[u8])> = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((name, value.strip_prefix(b":")?.trim_ascii()))
        })
        .collect();
    let (error, wait) = rolarr::discord::answered(status, &headers, body);
    let text = error.to_string();
    is_fit_for_people(&text);
    assert!(text.chars().count() <= LONGEST && !text.contains('@'), "{text:?}");
    assert!(wait.is_none_or(|wait| wait <= DAY), "{wait:?}");
    assert!(status != 429 || wait.is_some(), "a limit without a wait");
    if let DiscordError::RateLimited { retry_after } = error {
        assert!(retry_after <= DAY, "{retry_after:?}");
    }
    !matches!(error, DiscordError::Unavailable { .. })
}

/// An answer of plex.tv's that says no is one error of a bounded length without anybody's address. The first byte says
/// which request it answers, the next two with which status, the fourth how long it asks to wait.
pub fn plex_refusal(bytes: &[u8]) -> bool {
    let [call, high, low, wait, body @ ..] = bytes else { return false };
    let status = 300 + u16::from_be_bytes([*high, *low]) % 300;
    let retry_after = (*wait > 0).then(|| 1_u64.rotate_left(u32::from(*wait)));
    let body = String::from_utf8_lossy(body).into_owned();
    let Some(error) = ask(*call, Response { status, retry_after, body }) else { return false };
    assert!(error.chars().count() <= LONGEST, "{error:?}");
    true
}
