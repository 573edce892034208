//! Drift: what somebody changes at Plex by hand is noticed, told once, and set again where that is configured.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{
        Timestamp, UserId,
        contract::{Access, Grant},
    },
    pipeline::{
        ports::Command,
        settings::{Brake, Drift, Settings},
    },
    store::{GrantRow, Stage as At},
};
use rolarr_sim::plex::{Effect, Fault, Libraries, MACHINE};
use rolarr_tests::inprocess::{ANN, Setting, Stage, Subscriber};

/// Longer than the time between two comparisons.
const ROUND: Duration = Duration::from_secs(7 * 3600);

fn corrects(settings: &mut Settings) {
    settings.drift = Drift::Correct;
    settings.brake = Brake { members: 2, ..Brake::default() };
}

/// Alice was restricted, and the owner shows her something by hand.
async fn shown_by_hand(stage: &Stage) -> Result<()> {
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    Ok(set(stage, "filterMovies", "label=Party")?)
}

fn set(stage: &Stage, field: &str, value: &str) -> Result<(), rolarr_sim::plex::Impossible> {
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().owner_sets_filter(ann, field, value)
}

fn movies(stage: &Stage) -> String {
    let is = stage.filters(ANN).into_iter().find(|(field, _)| *field == "filterMovies");
    is.map(|(_, value)| value).unwrap_or_default()
}

fn told(stage: &Stage) -> Vec<String> {
    let about = ["by somebody else", "as it should be again", "set again"];
    stage.audit().into_iter().filter(|text| about.iter().any(|words| text.contains(words))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_was_lifted_by_hand_is_told_once_with_who_what_and_since_when_and_is_left() -> Result<()>
{
    let mut stage = Stage::set().await?;
    shown_by_hand(&stage).await?;
    stage.wait(ROUND).await;
    let all = told(&stage);
    assert_eq!(all.len(), 1, "{all:?}");
    let alice = format!(
        "<@{}>: the filter for movies should be `label=noAccess` and is `label=Party`",
        stage.alice()
    );
    assert!(all[0].contains(&alice) && all[0].contains("first seen <t:"), "{all:?}");
    stage.wait(ROUND * 2).await;
    // Nor is it told again after a restart.
    stage.stop().await;
    stage.start().await?;
    stage.wait(ROUND * 2).await;
    assert_eq!(told(&stage).len(), 1);
    assert_eq!(movies(&stage), "label=Party");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_edit_is_told_again_and_so_is_the_end_of_it() -> Result<()> {
    let stage = Stage::set().await?;
    shown_by_hand(&stage).await?;
    stage.wait(ROUND).await;
    set(&stage, "filterMovies", "")?;
    stage.wait(ROUND).await;
    assert!(told(&stage)[1].contains("and is no filter"), "{:?}", told(&stage));
    set(&stage, "filterMovies", "label=noAccess")?;
    stage.wait(ROUND * 2).await;
    let all = told(&stage);
    assert_eq!(all.len(), 3);
    assert!(all[2].contains("the filter for movies is as it should be again"), "{all:?}");
    Ok(())
}

/// The bot starts again, and looks at Alice first of all.
async fn in_passing(stage: &mut Stage) -> Result<()> {
    stage.stop().await;
    let (alice, now) = (stage.alice(), Timestamp(stage.now()));
    stage.change(move |tx| tx.make_due(alice, now)).await?;
    stage.start().await?;
    stage.settle().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_the_comparison_told_is_not_told_in_passing() -> Result<()> {
    let mut stage = Stage::set().await?;
    shown_by_hand(&stage).await?;
    stage.wait(ROUND).await;
    in_passing(&mut stage).await?;
    assert_eq!(told(&stage).len(), 1, "{:?}", told(&stage));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_told_in_passing_is_not_told_by_the_comparison() -> Result<()> {
    let mut stage = Stage::set().await?;
    shown_by_hand(&stage).await?;
    in_passing(&mut stage).await?;
    assert_eq!(told(&stage).len(), 1);
    stage.wait(ROUND * 2).await;
    assert_eq!(told(&stage).len(), 1, "{:?}", told(&stage));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn it_is_set_again_where_that_is_configured() -> Result<()> {
    let stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    shown_by_hand(&stage).await?;
    stage.wait(ROUND).await;
    assert_eq!(movies(&stage), "label=noAccess");
    let all = told(&stage);
    assert!(all[0].contains("It is set again.") && all[1].contains("is set again"), "{all:?}");
    assert_eq!(all.len(), 2);
    stage.wait(ROUND * 2).await;
    assert_eq!(told(&stage).len(), 2);
    // With the role the owner's own is back, and not the edit.
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(movies(&stage), "");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_a_fault_or_a_crash_interrupts_is_finished() -> Result<()> {
    let mut stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    shown_by_hand(&stage).await?;
    stage.at_plex().fault(Fault::on("PUT", "*", Effect::Status { status: 503, retry_after: None }));
    stage.wait(ROUND).await;
    assert_eq!(movies(&stage), "label=Party");
    stage.crash();
    stage.at_plex().clear_faults();
    stage.start().await?;
    stage.wait(Duration::from_secs(1_200)).await;
    assert_eq!(movies(&stage), "label=noAccess");
    Ok(())
}

/// Restricted subscribers, whose filters the owner lifts by hand.
async fn all_shown_by_hand(stage: &mut Stage) -> Result<Vec<Subscriber>> {
    let members = stage.populate(5).await?;
    for pair in members.chunks(2) {
        for member in pair {
            stage.take_role(member.user, stage.role()).await?;
        }
        // So that the brake lets them pass.
        stage.wait(Duration::from_secs(2 * 3600)).await;
    }
    for member in &members {
        assert!(stage.is_restricted(member.plex));
        stage.at_plex().owner_sets_filter(member.plex.0, "filterMovies", "")?;
        stage.at_plex().owner_sets_filter(member.plex.0, "filterTelevision", "")?;
    }
    stage.wait(ROUND).await;
    Ok(members)
}

fn restricted(stage: &Stage, members: &[Subscriber]) -> usize {
    members.iter().filter(|member| stage.is_restricted(member.plex)).count()
}

#[tokio::test(start_paused = true)]
async fn corrections_that_take_something_from_many_are_held_until_they_are_approved() -> Result<()> {
    let mut stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    let members = all_shown_by_hand(&mut stage).await?;
    assert_eq!(restricted(&stage, &members), 2);
    let held: Vec<String> = stage.audit().into_iter().filter(|text| text.contains("I hold back")).collect();
    assert!(held.len() == 1 && held[0].contains("Plex was changed by hand"), "{held:?}");
    let moderator = UserId(stage.scene.mod_user.0);
    stage.command(moderator, true, Command::Approve { member: None }).await?;
    stage.settle().await;
    assert_eq!(restricted(&stage, &members), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_was_rejected_is_not_tried_again_until_somebody_changes_more() -> Result<()> {
    let mut stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    let members = all_shown_by_hand(&mut stage).await?;
    let moderator = UserId(stage.scene.mod_user.0);
    stage.command(moderator, true, Command::Reject { member: None }).await?;
    stage.wait(ROUND * 3).await;
    assert_eq!(restricted(&stage, &members), 2);
    assert!(stage.read(|tx| tx.holds()).await?.is_empty());
    let spared = members.iter().find(|member| !stage.is_restricted(member.plex)).map(|member| member.plex);
    let Some(spared) = spared else { anyhow::bail!("nobody was spared") };
    stage.at_plex().owner_sets_filter(spared.0, "filterMovies", "label=Party")?;
    stage.wait(ROUND).await;
    assert!(stage.is_restricted(spared));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_was_ended_by_hand_is_noticed_and_told() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().person_leaves_share(ann)?;
    stage.wait(ROUND).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Lost);
    assert!(stage.audit().iter().any(|text| text.contains("the share was ended by the member or the owner")));
    Ok(())
}

/// Alice's share was ended and made again by the owner; meanwhile her role is gone.
async fn shared_again_without_the_role(stage: &Stage) -> Result<()> {
    stage.alice_joins().await?;
    let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
    stage.at_plex().person_leaves_share(ann)?;
    stage.wait(ROUND).await;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.at_plex().owner_shares_with(now, ann, MACHINE, &[])?;
    stage.wait(ROUND).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_came_back_without_rolarr_is_told() -> Result<()> {
    let stage = Stage::set().await?;
    shared_again_without_the_role(&stage).await?;
    assert!(told(&stage)[0].contains("and is one that Rolarr did not make"), "{:?}", told(&stage));
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Lost);
    assert_eq!(movies(&stage), "");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_came_back_follows_the_roles_where_that_is_configured() -> Result<()> {
    let stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    shared_again_without_the_role(&stage).await?;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    assert_eq!(movies(&stage), "label=noAccess");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_what_plex_can_not_show_whole() -> Result<()> {
    for effect in [
        Effect::Status { status: 503, retry_after: None },
        Effect::Garbage,
        Effect::Truncated,
        Effect::EmptyBody,
        Effect::Hang { applied: false },
    ] {
        let stage = Stage::set().await?;
        shown_by_hand(&stage).await?;
        stage.at_plex().fault(Fault::on("GET", "*", effect.clone()));
        stage.wait(ROUND).await;
        assert!(told(&stage).is_empty(), "{effect:?}: {:?}", told(&stage));
        assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
        // As soon as it can, it is.
        stage.at_plex().clear_faults();
        stage.wait(Duration::from_secs(1_800)).await;
        assert_eq!(told(&stage).len(), 1, "{effect:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_is_protected_by_now_is_not_compared() -> Result<()> {
    let mut stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    shown_by_hand(&stage).await?;
    stage.stop().await;
    let alice = stage.alice();
    stage.settings().protected_members.insert(alice);
    stage.start().await?;
    stage.wait(ROUND).await;
    assert!(told(&stage).is_empty());
    assert_eq!(movies(&stage), "label=Party");
    Ok(())
}

/// The libraries that the server has and that Ann sees.
fn libraries(stage: &Stage) -> Vec<String> {
    let sim = stage.at_plex();
    let Some(server) = sim.world.servers.iter().find(|server| server.machine == MACHINE) else {
        return Vec::new();
    };
    let Some(share) = sim.share_of(ANN) else { return Vec::new() };
    let shared = |id: u64| match &share.libraries {
        Libraries::All => true,
        Libraries::These(these) => these.contains(&id),
    };
    server.libraries.iter().filter(|one| shared(one.id)).map(|one| one.title.clone()).collect()
}

/// The owner shares these libraries with Ann, by hand.
fn share_by_hand(stage: &Stage, titles: &[&str]) {
    let mut sim = stage.at_plex();
    let world = &mut sim.world;
    let Some(server) = world.servers.iter().find(|server| server.machine == MACHINE) else { return };
    let these = server
        .libraries
        .iter()
        .filter(|library| titles.contains(&library.title.as_str()))
        .map(|library| library.id)
        .collect();
    if let Some(share) = world.shares.values_mut().find(|share| share.typed == ANN) {
        share.libraries = Libraries::These(these);
    }
}

/// A rule names the libraries, from now on.
async fn granted(stage: &mut Stage, names: &[&str]) -> Result<()> {
    stage.stop().await;
    let (guild, alice, now) = (stage.guild(), stage.alice(), Timestamp(stage.now()));
    let libraries = Some(names.iter().map(|name| (*name).to_owned()).collect());
    stage
        .change(move |tx| {
            let access = Access::Granted(Grant { libraries, ..Grant::default() });
            tx.put_grant(alice, &GrantRow { guild, access, since: Some(now), memo: String::new() })?;
            tx.make_due(alice, now)
        })
        .await?;
    stage.start().await?;
    stage.settle().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_that_a_rule_names_are_shared_and_follow_the_rule() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    granted(&mut stage, &["Movies", "Music"]).await?;
    assert_eq!(libraries(&stage), ["Movies", "Music"]);
    granted(&mut stage, &["Movies"]).await?;
    assert_eq!(libraries(&stage), ["Movies"]);
    assert!(told(&stage).is_empty(), "{:?}", told(&stage));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_that_were_changed_by_hand_are_told_once_and_left() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    granted(&mut stage, &["Movies", "Music"]).await?;
    share_by_hand(&stage, &["Movies"]);
    stage.wait(ROUND).await;
    in_passing(&mut stage).await?;
    stage.wait(ROUND * 2).await;
    assert_eq!(libraries(&stage), ["Movies"]);
    let all = told(&stage);
    assert_eq!(all.len(), 1, "{all:?}");
    let words = "the libraries should be `Movies`, `Music` and is `Movies`, first seen <t:";
    assert!(all[0].contains(words), "{all:?}");
    // The rule's next change does not write over it either.
    granted(&mut stage, &["Music"]).await?;
    assert_eq!(libraries(&stage), ["Movies"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_that_were_changed_by_hand_are_told_once_in_passing_too() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    granted(&mut stage, &["Movies", "Music"]).await?;
    share_by_hand(&stage, &["Movies"]);
    in_passing(&mut stage).await?;
    stage.wait(ROUND * 2).await;
    in_passing(&mut stage).await?;
    assert_eq!(libraries(&stage), ["Movies"]);
    assert_eq!(told(&stage).len(), 1, "{:?}", told(&stage));
    // As the rule says again: the next change of the rule is followed.
    share_by_hand(&stage, &["Movies", "Music"]);
    stage.wait(ROUND).await;
    assert!(told(&stage)[1].contains("the libraries is as it should be again"), "{:?}", told(&stage));
    granted(&mut stage, &["Music"]).await?;
    assert_eq!(libraries(&stage), ["Music"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_compared_for_a_while_is_not_over() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    granted(&mut stage, &["Movies", "Music"]).await?;
    share_by_hand(&stage, &["Movies"]);
    set(&stage, "filterMusic", "label=Party")?;
    stage.wait(ROUND).await;
    let before = told(&stage);
    // The list of shares is missing, and the list of friends leaves the filters out.
    let missing = Effect::Status { status: 503, retry_after: None };
    stage.at_plex().fault(Fault::on("GET", "/api/servers/{id}/shared_servers", missing));
    stage.at_plex().world.quirks.friends_lack_filters = true;
    stage.wait(ROUND * 2).await;
    stage.at_plex().clear_faults();
    stage.at_plex().world.quirks.friends_lack_filters = false;
    stage.wait(ROUND * 2).await;
    assert_eq!(told(&stage), before);
    assert_eq!(libraries(&stage), ["Movies"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_is_held_stays_held_while_it_can_not_be_compared() -> Result<()> {
    fn nobody(settings: &mut Settings) {
        settings.drift = Drift::Correct;
        settings.brake = Brake { members: 0, ..Brake::default() };
    }
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    granted(&mut stage, &["Movies", "Music"]).await?;
    share_by_hand(&stage, &["Movies", "Music", "TV Shows"]);
    stage.wait(ROUND).await;
    let holds = async |stage: &Stage| stage.read(|tx| Ok(tx.holds()?.len())).await;
    assert_eq!(holds(&stage).await?, 1, "{:?}", stage.audit());
    let missing = Effect::Status { status: 503, retry_after: None };
    stage.at_plex().fault(Fault::on("GET", "/api/servers/{id}/shared_servers", missing));
    stage.wait(ROUND).await;
    stage.at_plex().clear_faults();
    stage.wait(ROUND).await;
    assert_eq!(holds(&stage).await?, 1, "{:?}", stage.audit());
    assert_eq!(libraries(&stage), ["Movies", "TV Shows", "Music"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_are_set_again_where_that_is_configured() -> Result<()> {
    let mut stage = Stage::with(Setting { change: corrects, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    granted(&mut stage, &["Movies", "Music"]).await?;
    share_by_hand(&stage, &["Movies"]);
    stage.wait(ROUND).await;
    assert_eq!(libraries(&stage), ["Movies", "Music"]);
    share_by_hand(&stage, &["Movies", "Music", "TV Shows"]);
    stage.wait(ROUND).await;
    assert_eq!(libraries(&stage), ["Movies", "Music"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_whose_change_was_interrupted_are_no_edit_of_somebody_else() -> Result<()> {
    for effect in [Effect::AppliedBut { status: 502 }, Effect::Hang { applied: true }, Effect::NotTaken] {
        let mut stage = Stage::set().await?;
        stage.alice_joins().await?;
        granted(&mut stage, &["Movies", "Music"]).await?;
        let route = "/api/servers/{machine}/shared_servers/{share}";
        stage.at_plex().fault(Fault::on("PUT", route, effect.clone()).times(1));
        granted(&mut stage, &["Movies"]).await?;
        granted(&mut stage, &["Music"]).await?;
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(libraries(&stage), ["Music"], "{effect:?}");
        assert!(told(&stage).is_empty(), "{effect:?}: {:?}", told(&stage));
    }
    Ok(())
}
