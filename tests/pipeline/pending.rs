//! Invitations that are out are looked at together.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{domain::UserId, store::Stage as At};
use rolarr_tests::inprocess::{Setting, Stage};

const MANY: usize = 120;

fn address(number: usize) -> String {
    format!("guest{number}@example.org")
}

/// So many members with an invitation that is out.
async fn invited(stage: &Stage, count: usize) -> Result<Vec<UserId>> {
    let mut members = Vec::new();
    for number in 0..count {
        let now = stage.now();
        let user = {
            let mut discord = stage.on_discord();
            let user = discord.create_user(now, &format!("guest{number}"));
            discord.join(now, stage.scene.guild, user)?;
            UserId(user.0)
        };
        stage.give_role(user, stage.role()).await?;
        members.push(user);
        // Not all at the same moment.
        stage.wait(Duration::from_millis(701)).await;
    }
    stage.settle().await;
    for (number, user) in members.iter().enumerate() {
        stage.write(*user, &address(number)).await?.context("no answer")?;
        stage.wait(Duration::from_millis(1_301)).await;
    }
    stage.wait(Duration::from_secs(120)).await;
    Ok(members)
}

#[tokio::test(start_paused = true)]
async fn however_many_invitations_are_out_plex_is_looked_at_once_a_minute() -> Result<()> {
    let stage = Stage::with(Setting { in_memory: true, ..Setting::default() }).await?;
    let members = invited(&stage, MANY).await?;
    for member in &members {
        assert_eq!(stage.account(*member).await?.stage, At::Invited);
    }
    let before = stage.at_plex().requests.len();
    stage.wait(Duration::from_secs(600)).await;
    let requests = stage.at_plex().requests.len() - before;
    println!("{MANY} invitations that are out: {requests} requests in ten minutes");
    // One look has four requests.
    assert!((36..=48).contains(&requests), "{requests} requests in ten minutes");

    // And each is noticed when it is accepted or declined.
    let now = stage.now();
    stage.at_plex().person_accepts(now, &address(3))?;
    stage.at_plex().person_declines(&address(5))?;
    stage.wait(Duration::from_secs(75)).await;
    assert_eq!(stage.account(members[3]).await?.stage, At::Joined);
    assert_eq!(stage.account(members[5]).await?.stage, At::Declined);
    assert_eq!(stage.account(members[4]).await?.stage, At::Invited);
    assert_eq!(stage.at_plex().invites().len(), MANY - 2);
    Ok(())
}
