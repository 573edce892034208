//! Whoever is protected is never touched, whatever happens and wherever it happens.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::UserId,
    pipeline::{
        ports::Command,
        settings::{Brake, Drift, Settings},
    },
    store::{EventState, Stage as At},
};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

use crate::second_guild::{
    gets_the_second_role, joins_by_the_second, loses_the_second_role, with_a_second_guild,
};

const HOUR: Duration = Duration::from_secs(3600);
const WHILE: Duration = Duration::from_secs(120);

fn nobody(settings: &mut Settings) {
    settings.brake = Brake { members: 0, ..Brake::default() };
    settings.drift = Drift::Correct;
}

/// The second role of every story protects, and is not tracked.
async fn vip_protects(stage: &mut Stage) -> Result<()> {
    stage.stop().await;
    let vip = stage.vip;
    stage.settings().guilds[0].roles.truncate(1);
    stage.settings().protected_roles.insert(vip);
    stage.start().await
}

async fn last_state(stage: &Stage, user: UserId) -> Result<Option<EventState>> {
    Ok(stage.read(move |tx| tx.story(user)).await?.last().map(|row| row.event.state))
}

async fn held(stage: &Stage) -> Result<usize> {
    Ok(stage.read(|tx| tx.holds()).await?.len())
}

#[tokio::test(start_paused = true)]
async fn whoever_is_protected_in_one_guild_is_in_all() -> Result<()> {
    let mut stage = Stage::set().await?;
    vip_protects(&mut stage).await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    let alice = stage.alice();
    stage.give_role(alice, stage.vip).await?;
    stage.settle().await;
    gets_the_second_role(&stage, guild, role).await?;
    assert!(stage.messages(alice).is_empty(), "nobody is asked who is never invited");
    assert_eq!(last_state(&stage, alice).await?, Some(EventState::Skipped));
    // Without the protection the present roles decide, in every guild.
    stage.take_role(alice, stage.vip).await?;
    stage.settle().await;
    assert_eq!(stage.messages(alice).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_one_guild_is_never_touched_by_another() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    let owner = stage.scene.owner;
    // The second guild is somebody else's.
    let (now, bob) = (stage.now(), stage.scene.bob);
    let other = {
        let mut discord = stage.on_discord();
        let other = discord.create_guild(now, "Third", bob);
        let role = discord.create_role(now, other, "Friend")?;
        discord.join(now, other, owner)?;
        discord.add_role(now, other, owner, role)?;
        (other, role)
    };
    let _ = (guild, role);
    stage.stop().await;
    stage.settings().guilds[1] = crate::second_guild::settings(other.0, other.1);
    stage.settings().first_start = rolarr::pipeline::settings::FirstStart::Process;
    stage.start().await?;
    stage.settle().await;
    let owner = UserId(owner.0);
    assert_eq!(last_state(&stage, owner).await?, Some(EventState::Skipped));
    assert!(stage.messages(owner).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_happened_elsewhere_while_somebody_was_protected_goes_through_the_brake_after() -> Result<()> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    vip_protects(&mut stage).await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    let alice = stage.alice();
    joins_by_the_second(&stage, guild, role).await?;
    stage.give_role(alice, stage.vip).await?;
    stage.settle().await;
    loses_the_second_role(&stage, guild, role).await?;
    stage.wait(HOUR * 24 * 7).await;
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(held(&stage).await?, 0);
    stage.take_role(alice, stage.vip).await?;
    stage.wait(WHILE).await;
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(held(&stage).await?, 1);
    stage.command(stage.bob(), true, Command::Approve { member: None }).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_just_before_the_protection_goes_through_the_brake_after_it() -> Result<()> {
    let mut stage = Stage::set().await?;
    vip_protects(&mut stage).await?;
    stage.alice_joins().await?;
    let (alice, vip) = (stage.alice(), stage.vip);
    let away = rolarr_sim::plex::Effect::Drop { applied: false };
    stage.at_plex().fault(rolarr_sim::plex::Fault::on("*", "*", away));
    stage.take_role(alice, stage.role()).await?;
    stage.settle().await;
    stage.give_role(alice, vip).await?;
    stage.settle().await;
    stage.at_plex().clear_faults();
    stage.wait(HOUR * 24).await;
    stage.stop().await;
    stage.settings().brake.members = 0;
    stage.start().await?;
    assert!(stage.filters(ANN).is_empty());
    stage.take_role(alice, vip).await?;
    stage.wait(WHILE).await;
    assert!(stage.filters(ANN).is_empty(), "{:?}", stage.filters(ANN));
    assert_eq!(held(&stage).await?, 1);
    stage.command(stage.bob(), true, Command::Approve { member: None }).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_rejection_does_not_end_the_protection() -> Result<()> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    let (alice, bob) = (stage.alice(), stage.bob());
    stage.take_role(alice, stage.role()).await?;
    stage.wait(WHILE).await;
    stage.command(bob, true, Command::Approve { member: None }).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    stage.leave(alice).await?;
    stage.wait(WHILE).await;
    stage.command(bob, true, Command::Reject { member: None }).await?;
    stage.wait(WHILE).await;
    stage.stop().await;
    stage.settings().protected_members.insert(alice);
    stage.settings().brake = Brake::default();
    stage.start().await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().owner_sets_filter(ann, "filterMovies", "label=Party")?;
    stage.wait(HOUR * 14).await;
    let movies = stage.filters(ANN).into_iter().find(|(field, _)| *field == "filterMovies");
    assert_eq!(movies.map(|(_, value)| value).as_deref(), Some("label=Party"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_administrators_own_command_goes_before_protection_until_it_is_carried_out() -> Result<()> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    stage.stop().await;
    let (alice, bob) = (stage.alice(), stage.bob());
    stage.settings().protected_members.insert(alice);
    stage.start().await?;
    let invite = Command::Invite { email: ANN.to_owned(), member: Some(alice) };
    assert_eq!(stage.command(bob, true, invite).await?.text, "The invitation is out.");
    stage.stop().await;
    stage.start().await?;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.wait(WHILE).await;
    assert_eq!(stage.account(alice).await?.stage, At::Joined);
    // From then on they are protected like everybody else who is.
    let writes = stage.writes().len();
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().owner_sets_filter(ann, "filterMovies", "label=Party")?;
    let change = stage.now();
    stage.stop().await;
    stage
        .change(move |tx| {
            // As if something had been decided before.
            let mut grant = tx.grants(alice)?.remove(0);
            grant.access = rolarr::domain::contract::Access::Absent;
            tx.put_grant(alice, &grant)?;
            tx.make_due(alice, rolarr::domain::Timestamp(change))
        })
        .await?;
    stage.start().await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.writes().len(), writes);
    let remove = Command::Remove { email: ANN.to_owned() };
    assert!(stage.command(bob, true, remove).await?.text.starts_with("Removed"));
    assert!(stage.at_plex().share_of(ANN).is_none());
    Ok(())
}

/// The role protected them. What protects nobody any more is no reason to leave a share with somebody who is gone.
#[tokio::test(start_paused = true)]
async fn whoever_leaves_with_the_role_that_protected_them_is_removed() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    vip_protects(&mut stage).await?;
    let alice = stage.alice();
    stage.give_role(alice, stage.vip).await?;
    stage.settle().await;
    stage.leave(alice).await?;
    stage.wait(WHILE).await;
    assert_eq!(last_state(&stage, alice).await?, Some(EventState::Decided));
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

/// Alice had access when she became protected, and lost the role while she was.
async fn loses_the_role_while_protected(stage: &mut Stage) -> Result<()> {
    let alice = stage.alice();
    stage.take_role(alice, stage.role()).await?;
    stage.settle().await;
    assert_eq!(last_state(stage, alice).await?, Some(EventState::Skipped));
    stage.wait(HOUR).await;
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

/// Starts again with other settings.
async fn anew(stage: &mut Stage, change: impl FnOnce(&mut Settings)) -> Result<()> {
    stage.stop().await;
    change(stage.settings());
    stage.start().await?;
    stage.wait(WHILE).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_is_taken_out_of_the_protected_members_is_caught_up_through_the_brake() -> Result<()> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    let (alice, bob) = (stage.alice(), stage.bob());
    anew(&mut stage, |settings| settings.protected_members = [alice, bob].into()).await?;
    loses_the_role_while_protected(&mut stage).await?;
    anew(&mut stage, |settings| settings.protected_members = [bob].into()).await?;
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(held(&stage).await?, 1);
    stage.command(bob, true, Command::Approve { member: None }).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    // Once: a further start finds nobody.
    let events = stage.read(move |tx| tx.story(alice)).await?.len();
    anew(&mut stage, |_| {}).await?;
    assert_eq!(stage.read(move |tx| tx.story(alice)).await?.len(), events);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_holds_a_role_that_protects_no_longer_is_caught_up() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    vip_protects(&mut stage).await?;
    let (alice, bob, vip) = (stage.alice(), stage.bob(), stage.vip);
    stage.give_role(alice, vip).await?;
    stage.give_role(bob, vip).await?;
    loses_the_role_while_protected(&mut stage).await?;
    // Another reason protects Bob still.
    let before = stage.read(move |tx| tx.story(bob)).await?.len();
    anew(&mut stage, |settings| {
        settings.protected_roles.clear();
        settings.protected_members = [bob].into();
    })
    .await?;
    assert_eq!(stage.filters(ANN).len(), 2);
    assert_eq!(stage.read(move |tx| tx.story(bob)).await?.len(), before);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_left_while_the_configuration_protected_them_is_removed_once_it_does_not() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let alice = stage.alice();
    anew(&mut stage, |settings| settings.protected_members = [alice].into()).await?;
    stage.leave(alice).await?;
    stage.wait(HOUR).await;
    assert!(stage.at_plex().share_of(ANN).is_some());
    anew(&mut stage, |settings| settings.protected_members.clear()).await?;
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_before_the_configuration_protected_somebody_is_carried_out_after_it() -> Result<()>
{
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let alice = stage.alice();
    let away = rolarr_sim::plex::Effect::Drop { applied: false };
    stage.at_plex().fault(rolarr_sim::plex::Fault::on("*", "*", away));
    stage.take_role(alice, stage.role()).await?;
    stage.settle().await;
    anew(&mut stage, |settings| settings.protected_members = [alice].into()).await?;
    stage.at_plex().clear_faults();
    stage.wait(HOUR * 24).await;
    assert!(stage.filters(ANN).is_empty());
    anew(&mut stage, |settings| settings.protected_members.clear()).await?;
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

/// What was decided before the protection is overtaken by what happened during it.
#[tokio::test(start_paused = true)]
async fn who_got_the_role_back_while_protected_is_not_restricted_after_it() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let alice = stage.alice();
    let away = rolarr_sim::plex::Effect::Drop { applied: false };
    stage.at_plex().fault(rolarr_sim::plex::Fault::on("*", "*", away));
    stage.take_role(alice, stage.role()).await?;
    stage.settle().await;
    anew(&mut stage, |settings| settings.protected_members = [alice].into()).await?;
    stage.at_plex().clear_faults();
    stage.give_role(alice, stage.role()).await?;
    stage.settle().await;
    let writes = stage.writes().len();
    anew(&mut stage, |settings| settings.protected_members.clear()).await?;
    stage.wait(HOUR).await;
    assert_eq!(stage.writes().len(), writes, "{:?}", stage.writes());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_the_guild_away_is_a_member_like_others_from_then_on() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (alice, bob) = (stage.scene.alice, stage.scene.bob);
    let guild = stage.scene.guild;
    stage.on_discord().give_guild(guild, alice)?;
    stage.wait(HOUR * 2).await;
    loses_the_role_while_protected(&mut stage).await?;
    // While the bot runs.
    stage.on_discord().give_guild(guild, bob)?;
    stage.wait(HOUR * 2).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    // While it does not.
    stage.stop().await;
    stage.on_discord().give_guild(guild, alice)?;
    stage.start().await?;
    stage.give_role(UserId(alice.0), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN).len(), 2);
    stage.stop().await;
    stage.on_discord().give_guild(guild, bob)?;
    stage.start().await?;
    stage.wait(WHILE).await;
    assert!(stage.filters(ANN).iter().all(|(_, filter)| filter.is_empty()), "{:?}", stage.filters(ANN));
    Ok(())
}
