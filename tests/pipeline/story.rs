//! The rows of the table that says what Rolarr does.

use anyhow::Result;
use rolarr::store::{Stage as At, Told};
use rolarr_tests::inprocess::{ANN, Stage};

#[tokio::test(start_paused = true)]
async fn a_role_leads_to_a_question_an_invitation_and_access() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()).len(), 1, "{:?}", stage.messages(stage.alice()));
    assert!(stage.writes().is_empty());

    let reply = stage.write(stage.alice(), ANN).await?;
    assert!(reply.is_some());
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);

    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.wait(std::time::Duration::from_secs(120)).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!(account.stage, At::Joined);
    assert_eq!(account.told, Told::Granted);
    assert_eq!(account.due, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn losing_the_last_role_restricts_and_the_role_brings_everything_back() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().owner_sets_filter(ann, "filterMovies", "contentRating=G")?;

    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(
        stage.filters(ANN),
        [("filterMovies", "label=noAccess".to_owned()), ("filterTelevision", "label=noAccess".to_owned())]
    );
    assert!(stage.at_plex().friend(ann).is_some());
    assert!(stage.messages(stage.alice()).last().is_some_and(|last| last.contains("paused")));

    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN), [("filterMovies", "contentRating=G".to_owned())]);
    assert!(stage.messages(stage.alice()).last().is_some_and(|last| last.contains("is back")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leaving_ends_the_share_and_forgets_the_address() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    assert!(stage.database_holds(ANN)?);
    let told = stage.messages(stage.alice()).len();

    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    assert_eq!(stage.messages(stage.alice()).len(), told, "nobody is messaged");
    Ok(())
}
