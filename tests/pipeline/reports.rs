//! What administrators are told reaches them, however long that takes.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::UserId,
    pipeline::settings::{Brake, Settings},
};
use rolarr_sim::discord::{self as sim, RestFault, RestFaultKind};
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

const HOUR: Duration = Duration::from_secs(3600);

fn two_an_hour(settings: &mut Settings) {
    settings.brake = Brake { members: 2, window: HOUR };
}

async fn stage(subscribers: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(subscribers).await?;
    Ok((stage, members))
}

fn held_messages(stage: &Stage) -> usize {
    stage.audit().iter().filter(|text| text.contains("I hold back")).count()
}

/// Messages into the audit channel are refused, and nothing else.
fn refuse(stage: &Stage, status: u16, code: u32) {
    let path = format!("channels/{}/messages", stage.audit.0);
    let fault = RestFault::once("POST", &path, RestFaultKind::Status { status, code });
    stage.on_discord().fail_requests(fault.times(100_000));
}

fn posts(stage: &Stage) -> usize {
    let path = format!("channels/{}/messages", stage.audit.0);
    let sim = stage.on_discord();
    sim.requests().iter().filter(|request| request.method == "POST" && request.path == path).count()
}

#[tokio::test(start_paused = true)]
async fn who_is_held_is_told_once_discord_lets_it_be_told() -> Result<()> {
    // No access, no permission, no such channel.
    for (status, code) in [(403, 50_001), (403, 50_013), (404, 10_003)] {
        let (mut stage, members) = stage(6).await?;
        refuse(&stage, status, code);
        for member in &members {
            stage.take_role(member.user, stage.role()).await?;
        }
        stage.wait(HOUR * 12).await;
        assert_eq!(stage.read(|tx| tx.holds()).await?.len(), 4);
        assert_eq!(held_messages(&stage), 0);
        // Whatever waits, the channel is not tried all the time.
        assert!(posts(&stage) <= 12 * 8, "{} tries in twelve hours", posts(&stage));
        stage.stop().await;
        stage.start().await?;
        stage.wait(HOUR).await;
        stage.on_discord().end_trouble();
        stage.wait(HOUR / 2).await;
        assert_eq!(held_messages(&stage), 1, "{status}: {:?}", stage.audit());
        // With everything else that was to be said meanwhile, in order.
        let restricted = stage.audit().iter().filter(|text| text.contains("restrict")).count();
        assert_eq!(restricted, 2, "{:?}", stage.audit());
        stage.wait(HOUR * 2).await;
        assert_eq!(held_messages(&stage), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_text_that_discord_refuses_holds_up_nothing_else() -> Result<()> {
    let (stage, members) = stage(4).await?;
    let path = format!("channels/{}/messages", stage.audit.0);
    let refusal = RestFaultKind::Status { status: 400, code: 50_035 };
    stage.on_discord().fail_requests(RestFault::once("POST", &path, refusal));
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(held_messages(&stage), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_is_held_is_told_however_many_direct_messages_wait() -> Result<()> {
    let (stage, members) = stage(6).await?;
    let newcomers: Vec<UserId> = {
        let now = stage.now();
        let mut discord = stage.on_discord();
        (0..200)
            .map(|number| {
                let user = discord.create_user(now, &format!("newcomer{number}"));
                discord.join(now, stage.scene.guild, user)?;
                discord.add_role(now, stage.scene.guild, user, stage.scene.subscriber)?;
                Ok(UserId(user.0))
            })
            .collect::<Result<_, sim::Impossible>>()?
    };
    for newcomer in &newcomers {
        stage.tell(*newcomer).await?;
    }
    stage.wait(Duration::from_secs(30)).await;
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    // The message waits for others who are held at the same time, and for nothing else.
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!(held_messages(&stage), 1);
    let asked = newcomers.iter().filter(|newcomer| !stage.messages(**newcomer).is_empty()).count();
    assert!((10..100).contains(&asked), "direct messages keep their distance: {asked}");
    Ok(())
}
