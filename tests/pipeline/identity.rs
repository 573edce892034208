//! Whose share is whose.

use anyhow::{Context, Result};
use rolarr::{
    pipeline::{ports::Command, settings::ExistingShares},
    store::Stage as At,
};
use rolarr_sim::plex::{MACHINE, PlexSim};
use rolarr_tests::inprocess::{ANN, BEGINNING, BEN, Setting, Stage};

fn ann_is_a_friend(plex: &mut PlexSim) {
    let ann = plex.account(ANN).map(|account| account.id).unwrap_or_default();
    plex.owner_shares_with(BEGINNING.0, ann, MACHINE, &["Movies"]).unwrap();
    plex.owner_sets_filter(ann, "filterMovies", "label=Kids").unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_address_of_an_existing_friend_gives_no_power_over_their_share() -> Result<()> {
    let stage = Stage::with(Setting { before: ann_is_a_friend, ..Setting::default() }).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    let friends = stage.write(stage.alice(), ANN).await?.context("no answer")?;
    let new = stage.write(stage.bob(), BEN).await?.context("no answer")?;
    assert_eq!(friends, new, "nobody learns who is a friend");
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()), stage.messages(stage.bob()));
    assert_eq!(stage.open_buttons(stage.alice()), stage.open_buttons(stage.bob()));
    let account = stage.account(stage.alice()).await?;
    assert_eq!(account.stage, At::None);
    assert!(account.held.is_some());

    // Whatever happens to the member, the share is not theirs.
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())]);
    assert!(stage.at_plex().share_of(ANN).is_some());
    let concerning_ann = stage.writes().into_iter().filter(|write| !write.starts_with("POST")).count();
    assert_eq!(concerning_ann, 0, "{:?}", stage.writes());
    assert!(stage.audit().iter().any(|line| line.contains("shares already")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_administrator_can_say_that_the_share_is_theirs() -> Result<()> {
    let stage = Stage::with(Setting { before: ann_is_a_friend, ..Setting::default() }).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    let invite = Command::Invite { email: ANN.to_owned(), member: Some(stage.alice()) };
    let reply = stage.command(stage.bob(), true, invite).await?;
    assert!(reply.text.contains("have access"), "{}", reply.text);
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);

    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN)[0], ("filterMovies", "label=noAccess".to_owned()));
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn existing_shares_never_refuses_with_the_same_answer() -> Result<()> {
    let stage = Stage::with(Setting {
        before: ann_is_a_friend,
        change: |settings| settings.existing_shares = ExistingShares::Never,
        ..Setting::default()
    })
    .await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let reply = stage.write(stage.alice(), ANN).await?.context("no answer")?;
    assert!(reply.text.contains("Thank you"));
    stage.settle().await;
    assert!(stage.writes().is_empty());
    assert!(stage.audit().iter().any(|line| line.contains("refused")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_owners_address_is_refused() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let reply = stage.write(stage.alice(), "OWNER@example.org").await?.context("no answer")?;
    assert!(reply.text.contains("Thank you"));
    stage.settle().await;
    assert!(stage.writes().is_empty());
    assert!(!stage.database_holds("owner@example.org")?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_members_cannot_have_one_address() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    let reply = stage.write(stage.bob(), "ANN@Example.org").await?.context("no answer")?;
    assert!(reply.text.contains("Thank you"));
    stage.settle().await;
    stage.leave(stage.bob()).await?;
    stage.settle().await;
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert!(stage.account(stage.alice()).await?.held.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_accepts_with_another_address_is_known_by_the_share() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    let (now, ben) = (stage.now(), stage.plex_account(BEN).0);
    stage.at_plex().person_accepts_as(now, ANN, ben)?;
    stage.wait(std::time::Duration::from_secs(120)).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.plex_account.map(|id| id.0)), (At::Joined, Some(ben)));

    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(BEN).len(), 2);
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().share_of(BEN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}
