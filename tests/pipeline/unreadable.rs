//! A row that no version of Rolarr writes concerns one member, and keeps nobody else waiting.

use std::time::Duration;

use anyhow::Result;
use rolarr::{domain::Timestamp, store::EventState};
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

const HOUR: Duration = Duration::from_secs(3600);

/// Two members with access; the first one's rows are changed by somebody else while the bot is stopped.
async fn damaged(sql: &str) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting::default()).await?;
    let members = stage.populate(2).await?;
    stage.stop().await;
    for member in &members {
        let (user, now) = (rolarr_sim::discord::UserId(member.user.0), stage.now());
        stage.on_discord().remove_role(now, stage.scene.guild, user, stage.scene.subscriber)?;
    }
    let (guild, user, now) = (stage.guild(), members[0].user, Timestamp(stage.now()));
    stage
        .change(move |tx| {
            let event = rolarr::store::NewEvent {
                at: now,
                origin: rolarr::domain::contract::Origin::Live,
                guild,
                user,
                cause: rolarr::domain::contract::Cause::Wake("x".to_owned()),
                roles: Vec::new(),
                state: EventState::Waiting,
                remark: None,
            };
            tx.journal(&event)?;
            tx.make_due(user, now)?;
            let work = rolarr::store::Work::Tell { text: "hello".to_owned() };
            tx.add_task(None, Some(user), &work, now)?;
            Ok(())
        })
        .await?;
    let db = rusqlite::Connection::open(stage.folder.path().join("rolarr.db"))?;
    db.execute_batch(&sql.replace("{user}", &user.to_string()))?;
    drop(db);
    stage.start().await?;
    stage.wait(HOUR / 4).await;
    Ok((stage, members))
}

async fn alarms(stage: &Stage) -> Result<usize> {
    let audited = stage.read(|tx| tx.audited()).await?;
    Ok(audited.iter().filter(|(_, text)| text.contains("something unreadable")).count())
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_account_keeps_no_other_waiting() -> Result<()> {
    let sql = "UPDATE accounts SET email = 'x', email_key = 'x' WHERE user = {user}";
    let (stage, members) = damaged(sql).await?;
    assert!(stage.is_restricted(members[1].plex));
    assert!(!stage.is_restricted(members[0].plex));
    stage.wait(HOUR * 12).await;
    let alarms = alarms(&stage).await?;
    assert!((1..=2).contains(&alarms), "{alarms}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_keeps_no_other_waiting() -> Result<()> {
    let sql = "UPDATE events SET cause = '\"nonsense\"' WHERE user = {user} AND state = 'waiting'";
    let (stage, members) = damaged(sql).await?;
    assert!(stage.is_restricted(members[1].plex));
    stage.wait(HOUR * 12).await;
    assert_eq!(alarms(&stage).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_keeps_no_other_waiting() -> Result<()> {
    let sql = "UPDATE tasks SET work = '{\"nonsense\":1}' WHERE user = {user} AND state = 'waiting'";
    let (stage, members) = damaged(sql).await?;
    assert_eq!(stage.messages(members[1].user).len(), 1, "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_account_keeps_no_other_from_being_compared() -> Result<()> {
    let sql = "UPDATE accounts SET email = 'x', email_key = 'x', due = NULL WHERE user = {user};
               DELETE FROM events WHERE user = {user} AND state = 'waiting'";
    let (stage, members) = damaged(sql).await?;
    stage.at_plex().owner_sets_filter(members[1].plex.0, "filterMovies", "label=Party")?;
    stage.wait(HOUR * 7).await;
    assert!(stage.audit().iter().any(|text| text.contains("by somebody else")), "{:?}", stage.audit());
    Ok(())
}
