//! Every call that a member's story makes goes wrong in every way, and the story ends as it does without.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result};
use rolarr::store::Stage as At;
use rolarr_sim::{
    discord::{RestFault, RestFaultKind},
    plex::{Effect, Fault},
};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

/// Longer than all pauses that a few failures lead to.
const LONG: Duration = Duration::from_secs(900);

/// What everybody sees after each chapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chapter {
    stage: Option<At>,
    filters: Vec<(&'static str, String)>,
    told: Vec<String>,
    buttons: Vec<String>,
    pending: usize,
    shared: bool,
    streams: usize,
}

/// The whole story, and what was asked for in it.
#[derive(Debug, Default)]
struct Told {
    chapters: Vec<Chapter>,
    /// Method and route of what was asked of Plex.
    plex: BTreeSet<(String, String)>,
    /// Method and route of what was asked of Discord.
    discord: BTreeSet<(String, String)>,
    invitations: usize,
    accepted_invitations: usize,
    /// How often Plex was asked for anything.
    requests: usize,
    alerts: usize,
}

/// A path with a placeholder for what names something.
fn route(path: &str, placeholder: &str) -> String {
    let names_something =
        |part: &str| part.chars().any(|char| char.is_ascii_digit()) && !["v1", "v2"].contains(&part);
    let parts = path.split('/').map(|part| if names_something(part) { placeholder } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn chapter(stage: &Stage) -> Result<Chapter> {
    let alice = stage.alice();
    let account = stage.read(move |tx| tx.account_of(alice)).await?;
    let filters = stage.filters(ANN);
    let plex = stage.at_plex();
    Ok(Chapter {
        stage: account.map(|account| account.stage),
        filters,
        told: stage.messages(alice),
        buttons: stage.open_buttons(alice),
        pending: plex.invites().len(),
        shared: plex.share_of(ANN).is_some(),
        streams: plex.sessions().len(),
    })
}

/// A role, an address, acceptance, a stream, the role lost, the role back, and the member leaves.
async fn story(prepare: impl Fn(&Stage)) -> Result<Told> {
    let stage = Stage::with(Setting { in_memory: true, ..Setting::default() }).await?;
    let (alice, role) = (stage.alice(), stage.role());
    prepare(&stage);
    let mut told = Told::default();
    stage.give_role(alice, role).await?;
    stage.wait(LONG).await;
    told.chapters.push(chapter(&stage).await?);
    stage.write(alice, ANN).await?.context("the address was not taken up")?;
    stage.wait(LONG).await;
    told.chapters.push(chapter(&stage).await?);
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.wait(LONG).await;
    told.chapters.push(chapter(&stage).await?);
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().start_stream(ann, "Harbour")?;
    stage.take_role(alice, role).await?;
    stage.wait(LONG).await;
    told.chapters.push(chapter(&stage).await?);
    stage.give_role(alice, role).await?;
    stage.wait(LONG).await;
    told.chapters.push(chapter(&stage).await?);
    stage.leave(alice).await?;
    stage.wait(LONG).await;
    told.chapters.push(chapter(&stage).await?);
    assert!(!stage.database_holds(ANN)?, "the address is forgotten");

    let plex = stage.at_plex();
    told.requests = plex.requests.len();
    for request in &plex.requests {
        told.plex.insert((request.method.clone(), route(&request.path, "{id}")));
        if request.method == "POST" && request.path.ends_with("/shared_servers") {
            told.invitations += 1;
            told.accepted_invitations += usize::from(request.status.is_some_and(|status| status < 300));
        }
    }
    drop(plex);
    for request in stage.on_discord().requests() {
        let path = route(&request.path, "*");
        // That is for those who run the bot: no member depends on it.
        told.discord.insert((request.method.clone(), path));
    }
    told.alerts = stage.audit().iter().filter(|line| line.contains("does not accept the token")).count();
    Ok(told)
}

/// What may go wrong at Plex, and whether the call has its effect.
fn effects() -> Vec<(Effect, bool)> {
    let status = |status, retry_after| (Effect::Status { status, retry_after }, false);
    vec![
        status(401, None),
        status(403, None),
        status(404, None),
        status(418, None),
        status(429, None),
        status(429, Some(45)),
        status(500, None),
        status(503, Some(30)),
        (Effect::Page { status: 401, applied: false }, false),
        (Effect::AppliedBut { status: 500 }, true),
        (Effect::AppliedBut { status: 504 }, true),
        (Effect::Hang { applied: false }, false),
        (Effect::Hang { applied: true }, true),
        (Effect::Drop { applied: false }, false),
        (Effect::Drop { applied: true }, true),
        (Effect::Garbage, true),
        (Effect::Truncated, true),
        (Effect::EmptyBody, true),
        (Effect::NotTaken, false),
        (Effect::Stale, true),
    ]
}

/// Runs a story for each case, and says which ended otherwise than without a fault.
async fn compare<C: std::fmt::Debug + Clone>(
    cases: Vec<C>,
    usual: &Told,
    set: impl Fn(&Stage, &C),
    check: impl Fn(&C, &Told) -> Option<String>,
) -> Result<()> {
    let mut wrong = Vec::new();
    let mut count = BTreeMap::new();
    for case in cases {
        let told = story(|stage| set(stage, &case)).await.with_context(|| format!("{case:?}"))?;
        *count.entry(told.alerts).or_insert(0_usize) += 1;
        let first = told.chapters.iter().zip(&usual.chapters).position(|(got, wanted)| got != wanted);
        if let Some(at) = first {
            wrong.push(format!(
                "{case:?}: after chapter {at} it is\n{:#?}\nand not\n{:#?}",
                told.chapters[at], usual.chapters[at]
            ));
        } else if let Some(why) = check(&case, &told) {
            wrong.push(format!("{case:?}: {why}"));
        }
    }
    println!("stories by the number of alerts about the token: {count:?}");
    assert!(wrong.is_empty(), "{} stories ended otherwise:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

type PlexCase = (String, String, Effect, bool, u32);

async fn plex_goes_wrong(fallback: bool) -> Result<()> {
    let refused = |stage: &Stage| {
        if fallback {
            let refusal = Effect::Status { status: 403, retry_after: None };
            stage.at_plex().fault(Fault::on("PUT", "/api/users/{id}", refusal));
        }
    };
    let usual = story(refused).await?;
    assert_eq!(usual.chapters.len(), 6);
    assert_eq!(usual.chapters[3].filters.len(), 2);
    let calls: Vec<_> = if fallback {
        // All else is tried without it.
        usual.plex.iter().filter(|(_, path)| path.contains("sharing_settings")).cloned().collect()
    } else {
        usual.plex.iter().cloned().collect()
    };
    println!("calls to Plex: {calls:?}");
    assert!(calls.len() >= if fallback { 2 } else { 8 }, "{calls:?}");
    let mut cases: Vec<PlexCase> = Vec::new();
    for (method, path) in &calls {
        for (effect, applied) in effects() {
            let write = method != "GET" || path.ends_with("terminate");
            let sensible = match effect {
                Effect::NotTaken | Effect::AppliedBut { .. } => write,
                // A write that is refused waits for an administrator: that is another story.
                Effect::Status { status: 403 | 404 | 418, .. } => !write && !fallback,
                // With the first way refused, plex.tv's refusal is what administrators are told.
                Effect::Stale => !write && !fallback,
                Effect::Page { .. } => !fallback,
                _ => true,
            };
            if sensible {
                // The first call goes wrong, and its first repetition.
                cases.push((method.clone(), path.clone(), effect, applied, 2));
            }
        }
    }
    println!("{} stories", cases.len());
    let set = |stage: &Stage, (method, path, effect, _, times): &PlexCase| {
        stage.at_plex().fault(Fault::on(method, path, effect.clone()).times(*times));
        refused(stage);
    };
    compare(cases, &usual, set, |(method, path, effect, applied, _), told| {
        let invites = method == "POST" && path.ends_with("/shared_servers");
        if *effect != Effect::NotTaken && told.accepted_invitations > 1 {
            return Some(format!("{} invitations were accepted", told.accepted_invitations));
        }
        if invites && *applied && told.invitations != 1 {
            return Some(format!("{} invitations were sent for one", told.invitations));
        }
        let token = matches!(effect, Effect::Status { status: 401, .. });
        // plex.tv is asked whether it accepts the token, and it does.
        let at_server = path.starts_with("/status") || path.starts_with("/library");
        let alerts =
            usize::from(token && !at_server && *path != "/api/v2/user" && *path != "/api/v2/resources");
        if told.alerts != alerts {
            return Some(format!("{} alerts about the token and not {alerts}", told.alerts));
        }
        if told.requests > usual.requests + 60 {
            return Some(format!("{} requests and not about {}", told.requests, usual.requests));
        }
        None
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_at_plex_the_story_ends_the_same() -> Result<()> {
    plex_goes_wrong(false).await
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_on_the_second_way_to_write_filters_the_story_ends_the_same() -> Result<()> {
    plex_goes_wrong(true).await
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_at_discord_the_story_ends_the_same() -> Result<()> {
    let usual = story(|_| {}).await?;
    let kinds = [
        (RestFaultKind::Status { status: 401, code: 0 }, false),
        (RestFaultKind::Status { status: 500, code: 0 }, false),
        (RestFaultKind::Status { status: 502, code: 0 }, true),
        (RestFaultKind::TooManyRequests { retry_after_ms: None, global: true }, false),
        (RestFaultKind::TooManyRequests { retry_after_ms: Some(20_000), global: false }, false),
        (RestFaultKind::Hang, false),
        (RestFaultKind::Hang, true),
        (RestFaultKind::Drop, false),
        (RestFaultKind::Drop, true),
        (RestFaultKind::StaleMember, false),
        (RestFaultKind::ShortList, false),
        (RestFaultKind::Garbage, false),
        (RestFaultKind::Garbage, true),
    ];
    println!("calls to Discord: {:?}", usual.discord);
    assert!(usual.discord.len() >= 5, "{:?}", usual.discord);
    let mut cases = Vec::new();
    for (method, path) in &usual.discord {
        for (kind, applied) in &kinds {
            let sensible = match kind {
                // A list is read long after the gateway told of a change, a member just after.
                RestFaultKind::StaleMember => path.ends_with("/members/*"),
                RestFaultKind::ShortList => path.ends_with("/members"),
                _ => true,
            };
            if sensible {
                let (method, path, kind) = (Some(method.clone()), path.clone(), kind.clone());
                cases.push(RestFault { method, path, times: 2, applied: *applied, kind });
            }
        }
    }
    println!("{} stories", cases.len());
    let set = |stage: &Stage, fault: &RestFault| stage.on_discord().fail_requests(fault.clone());
    compare(cases, &usual, set, |_, told| {
        (told.invitations != 1).then(|| format!("{} invitations", told.invitations))
    })
    .await
}
