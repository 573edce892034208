//! Whose share is whose.

use anyhow::{Context, Result};
use rolarr::{
    domain::account::HeldReason,
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
    let buttons = [stage.alice(), stage.bob()].map(|user| stage.open_buttons(user).len());
    assert_eq!(buttons[0], buttons[1]);
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
    assert!(stage.account(stage.alice()).await?.held.is_some());
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(!stage.database_holds("owner@example.org")?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_twice_learns_nothing_either() -> Result<()> {
    for never in [false, true] {
        let change: fn(&mut rolarr::pipeline::settings::Settings) =
            if never { |settings| settings.existing_shares = ExistingShares::Never } else { |_| {} };
        let stage = Stage::with(Setting { before: ann_is_a_friend, change, ..Setting::default() }).await?;
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.give_role(stage.bob(), stage.role()).await?;
        stage.settle().await;
        stage.write(stage.alice(), ANN).await?.context("no answer")?;
        stage.write(stage.bob(), BEN).await?.context("no answer")?;
        stage.settle().await;
        for email in [None, Some(ANN.to_owned()), Some(BEN.to_owned())] {
            let link = Command::Link { email };
            let friends = stage.command(stage.alice(), false, link.clone()).await?;
            let new = stage.command(stage.bob(), false, link).await?;
            assert_eq!(friends, new);
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_shared_without_showing_in_any_list_is_held_too() -> Result<()> {
    use rolarr_sim::plex::Fault;
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let words = "You're already sharing this server with Ann Example. Please edit your existing share.";
    let refusal = crate::troubles::says(400, words);
    stage.at_plex().fault(Fault::on("POST", "/api/servers/{machine}/shared_servers", refusal));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(std::time::Duration::from_secs(3600)).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!(account.stage, At::None);
    assert!(account.held.is_some());
    assert_eq!(stage.writes().len(), 1, "it is not tried again and again");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_under_the_address_of_somebody_who_accepted_with_another_is_not_theirs() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    let (now, ann, ben) = (stage.now(), stage.plex_account(ANN).0, stage.plex_account(BEN).0);
    stage.at_plex().person_accepts_as(now, ANN, ben)?;
    stage.wait(std::time::Duration::from_secs(120)).await;
    // Later the owner shares with the address by hand.
    let now = stage.now();
    stage.at_plex().owner_shares_with(now, ann, MACHINE, &["Movies"])?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().share_of(BEN).is_none());
    assert!(stage.at_plex().share_of(ANN).is_some());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_word_of_an_administrator_holds_for_one_invitation_only() -> Result<()> {
    use rolarr_sim::plex::{Effect, Fault};
    let stage = Stage::with(Setting { before: ann_is_a_friend, ..Setting::default() }).await?;
    let away = Fault::on("GET", "/api/users/", Effect::Status { status: 503, retry_after: None });
    stage.at_plex().fault(away);
    let invite = Command::Invite { email: BEN.to_owned(), member: Some(stage.alice()) };
    stage.command(stage.bob(), true, invite).await?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    stage.at_plex().clear_faults();
    stage.wait(std::time::Duration::from_secs(1800)).await;
    stage.join(stage.alice()).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    assert!(stage.account(stage.alice()).await?.held.is_some());
    assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_address_for_somebody_whose_share_is_lost_is_invited_itself() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().person_leaves_share(ann)?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Lost);
    let invite = Command::Invite { email: BEN.to_owned(), member: Some(stage.alice()) };
    let reply = stage.command(stage.bob(), true, invite).await?;
    assert_eq!(reply.text, "The invitation is out.");
    let invited: Vec<String> = stage.at_plex().invites().iter().map(|invite| invite.typed.clone()).collect();
    assert_eq!(invited, [BEN]);
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

/// Alice's account, and the share that Ann has at Plex.
async fn share(stage: &Stage) -> Result<(At, Option<u64>, Option<u64>)> {
    let account = stage.account(stage.alice()).await?;
    Ok((
        account.stage,
        account.share.map(|share| share.0),
        stage.at_plex().share_of(ANN).map(|share| share.id),
    ))
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_is_accepted_under_another_share_number_is_noticed() -> Result<()> {
    let stage = Stage::set().await?;
    stage.at_plex().world.quirks.accepted_as_another = true;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    let (_, invited, _) = share(&stage).await?;
    for again in [false, true] {
        let now = stage.now();
        stage.at_plex().person_accepts(now, ANN)?;
        stage.wait(std::time::Duration::from_secs(120)).await;
        let (at, known, there) = share(&stage).await?;
        assert_eq!((at, known), (At::Joined, there), "again: {again}");
        assert!(known.is_some() && known != invited);
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.settle().await;
        assert_eq!(stage.filters(ANN).len(), 2, "again: {again}");
        if !again {
            // The next invitation goes to the account, by its number.
            let ann = stage.plex_account(ANN).0;
            stage.at_plex().person_leaves_share(ann)?;
            stage.wait(std::time::Duration::from_secs(7 * 3600)).await;
        }
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.settle().await;
    }
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_the_owner_made_anew_while_nothing_was_to_be_done_is_noticed() -> Result<()> {
    for restricted in [false, true] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        if restricted {
            stage.take_role(stage.alice(), stage.role()).await?;
            stage.settle().await;
        }
        let (_, before, _) = share(&stage).await?;
        let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
        stage.at_plex().owner_ends_share(ann, MACHINE)?;
        stage.at_plex().owner_shares_with(now, ann, MACHINE, &["Movies"])?;
        stage.wait(std::time::Duration::from_secs(7 * 3600)).await;
        let (at, known, there) = share(&stage).await?;
        assert_eq!((at, known), (At::Joined, there), "restricted: {restricted}");
        assert_ne!(known, before);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_friend_with_whom_nothing_is_shared_is_invited_like_anybody() -> Result<()> {
    for accepts_at_once in [false, true] {
        let before = |plex: &mut PlexSim| {
            ann_is_a_friend(plex);
            let ann = plex.account(ANN).map(|account| account.id).unwrap_or_default();
            plex.owner_ends_share(ann, MACHINE).unwrap();
        };
        let stage = Stage::with(Setting { before, ..Setting::default() }).await?;
        stage.at_plex().world.quirks.friends_need_not_accept = accepts_at_once;
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.settle().await;
        stage.write(stage.alice(), ANN).await?.context("no answer")?;
        stage.settle().await;
        let account = stage.account(stage.alice()).await?;
        let expected = if accepts_at_once { At::Joined } else { At::Invited };
        assert_eq!((account.stage, account.held), (expected, None));
        assert!(stage.audit().iter().all(|line| !line.contains("shares already")));
    }
    Ok(())
}

/// Ann has the address, and Ben the same text for a username.
fn two_have_the_address(plex: &mut PlexSim) {
    let [ann, ben] = [ANN, BEN].map(|who| plex.account(who).map(|account| account.id).unwrap_or_default());
    for account in [ann, ben] {
        plex.owner_shares_with(BEGINNING.0, account, MACHINE, &["Movies"]).unwrap();
    }
    plex.world.people.get_mut(&ben).unwrap().username = ANN.to_owned();
}

#[tokio::test(start_paused = true)]
async fn an_address_that_two_friends_have_is_held_and_nothing_is_written() -> Result<()> {
    for administrator in [false, true] {
        let stage = Stage::with(Setting { before: two_have_the_address, ..Setting::default() }).await?;
        let alice = stage.alice();
        stage.give_role(alice, stage.role()).await?;
        stage.settle().await;
        if administrator {
            let invite = Command::Invite { email: ANN.to_owned(), member: Some(alice) };
            stage.command(stage.bob(), true, invite).await?;
        } else {
            stage.write(alice, ANN).await?.context("no answer")?;
        }
        stage.settle().await;
        let account = stage.account(alice).await?;
        assert_eq!(account.stage, At::None, "{administrator}");
        assert_eq!(account.held.map(|held| held.why), Some(HeldReason::Ambiguous), "{administrator}");
        let told = stage.audit();
        assert!(told.iter().any(|line| line.contains("several Plex accounts")), "{administrator}: {told:?}");

        // Whatever happens to the member, nothing of either is touched.
        stage.take_role(alice, stage.role()).await?;
        stage.settle().await;
        stage.leave(alice).await?;
        stage.settle().await;
        assert_eq!(stage.at_plex().world.shares.len(), 2, "{administrator}");
        assert_eq!(stage.writes(), [""; 0], "{administrator}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_accepted_is_known_by_the_share_although_another_friend_has_the_address_too() -> Result<()> {
    let stage = Stage::set().await?;
    let (ann, ben) = (stage.plex_account(ANN).0, stage.plex_account(BEN).0);
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    let now = stage.now();
    {
        let mut plex = stage.at_plex();
        plex.person_accepts(now, &ann.to_string())?;
        plex.owner_shares_with(now, ben, MACHINE, &["Movies"])?;
        plex.world.people.get_mut(&ben).context("Ben is gone")?.username = ANN.to_owned();
    }
    stage.wait(std::time::Duration::from_secs(120)).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.plex_account.map(|id| id.0)), (At::Joined, Some(ann)));
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let filters = [ann, ben].map(|account| stage.at_plex().filters(account).len());
    assert_eq!(filters, [2, 0]);
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    let shared: Vec<bool> = {
        let plex = stage.at_plex();
        [ann, ben].map(|account| plex.world.shares.values().any(|share| share.is_with(account))).to_vec()
    };
    assert_eq!(shared, [false, true]);
    Ok(())
}
