//! Discord's answers count only if they are its own, and for what they say of that one request.

use rolarr::domain::AuditKind;
use std::time::Duration;

use anyhow::Result;
use rolarr::pipeline::ports::{ButtonAction, Pressed};
use rolarr_sim::discord::{RestFault, RestFaultKind};
use rolarr_tests::inprocess::Stage;

const HOUR: Duration = Duration::from_secs(3600);

fn fail(stage: &Stage, method: &str, path: &str, status: u16, code: u32, times: u32) {
    let fault = RestFault::once(method, path, RestFaultKind::Status { status, code });
    stage.on_discord().fail_requests(fault.times(times));
}

fn requests(stage: &Stage, path: &str) -> usize {
    let sim = stage.on_discord();
    sim.requests().iter().filter(|request| request.method == "POST" && request.path == path).count()
}

#[tokio::test(start_paused = true)]
async fn a_fault_before_discord_on_opening_a_direct_message_drops_no_question() -> Result<()> {
    // The edge of Discord, a refusal without a code, and an overload.
    for (status, code) in [(403, 40_333), (404, 0), (403, 130_000)] {
        let stage = Stage::set().await?;
        fail(&stage, "POST", "users/@me/channels", status, code, 3);
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.wait(HOUR).await;
        assert_eq!(stage.messages(stage.alice()).len(), 1, "{status} {code}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_refused_for_any_reason_waits_behind_the_button() -> Result<()> {
    for (status, code) in [(403, 20_026), (400, 50_033), (403, 340_015)] {
        let stage = Stage::set().await?;
        fail(&stage, "POST", "users/@me/channels", status, code, 1_000);
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.wait(HOUR).await;
        let Pressed::Say(reply) = stage.press(stage.alice(), ButtonAction::Inbox).await? else {
            panic!("{code}: a form instead of the question")
        };
        assert!(reply.button.is_some(), "{code}: {}", reply.text);
        let told = stage.audit().iter().filter(|text| text.contains("quarantined")).count();
        assert_eq!(told, usize::from(code == 20_026), "{code}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_comparison_is_no_end_of_a_membership() -> Result<()> {
    for code in [40_333, 0, 50_013] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        fail(&stage, "GET", "guilds/*", 403, code, 6);
        stage.wait(HOUR * 3).await;
        let told = stage.audit();
        assert!(!told.iter().any(|text| text.contains("no member")), "{code}: {told:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn too_many_direct_messages_pause_them_all_and_burn_none() -> Result<()> {
    let mut stage = Stage::set().await?;
    fail(&stage, "POST", "users/@me/channels", 429, 40_003, 1_000);
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.wait(HOUR * 12).await;
    let tries = requests(&stage, "users/@me/channels");
    assert!((2..=10).contains(&tries), "{tries} tries in twelve hours");
    let told = stage.audit().iter().filter(|text| text.contains("too quickly")).count();
    assert_eq!(told, 1);
    stage.stop().await;
    stage.start().await?;
    stage.on_discord().end_trouble();
    stage.wait(HOUR * 7).await;
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    assert_eq!(stage.messages(stage.bob()).len(), 1);
    Ok(())
}

fn told_of(stage: &Stage, what: &str) -> usize {
    stage.audit().iter().filter(|text| text.contains(what)).count()
}

/// A message of the policy's to a member.
async fn say(stage: &Stage, to: rolarr::domain::UserId, text: &str) -> Result<()> {
    let (now, work) =
        (rolarr::domain::Timestamp(stage.now()), rolarr::store::Work::Tell { text: text.to_owned() });
    Ok(stage.change(move |tx| tx.add_task(None, Some(to), &work, now).map(drop)).await?)
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_that_follows_a_pause_is_told_and_so_is_a_pause_that_follows_a_quarantine() -> Result<()>
{
    for codes in [[(429, 40_003), (403, 20_026)], [(403, 20_026), (429, 40_003)]] {
        let stage = Stage::set().await?;
        for (status, code) in codes {
            fail(&stage, "POST", "users/@me/channels", status, code, 1);
        }
        say(&stage, stage.alice(), "Number one.").await?;
        say(&stage, stage.bob(), "Number two.").await?;
        stage.wait(HOUR * 2).await;
        assert_eq!((told_of(&stage, "quarantined"), told_of(&stage, "too quickly")), (1, 1), "{codes:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_in_which_some_messages_go_out_is_told_once_until_it_is_over_for_a_day() -> Result<()> {
    for (status, code, what) in [(403, 20_026, "quarantined"), (429, 40_003, "too quickly")] {
        let stage = Stage::set().await?;
        for number in 0..5 {
            fail(&stage, "POST", "users/@me/channels", status, code, 1);
            say(&stage, stage.alice(), &format!("Number {number}.")).await?;
            stage.wait(HOUR).await;
            say(&stage, stage.bob(), &format!("Number {number}.")).await?;
            stage.wait(HOUR).await;
        }
        assert!(!stage.messages(stage.bob()).is_empty(), "some go out");
        assert_eq!(told_of(&stage, what), 1, "{code}");
        stage.wait(HOUR * 25).await;
        fail(&stage, "POST", "users/@me/channels", status, code, 1);
        say(&stage, stage.alice(), "The last.").await?;
        stage.wait(HOUR).await;
        assert_eq!(told_of(&stage, what), 2, "{code}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_that_waited_to_be_sent_gives_the_whole_time_for_an_answer() -> Result<()> {
    let stage = Stage::set().await?;
    let time = stage.goes_by().timings.prompt;
    fail(&stage, "POST", "users/@me/channels", 403, 40_333, 100_000);
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(time * 2).await;
    stage.on_discord().end_trouble();
    stage.wait(HOUR * 2).await;
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    assert_eq!(stage.open_buttons(stage.alice()).len(), 1, "it can be answered");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_audit_channel_of_the_wrong_kind_loses_nothing() -> Result<()> {
    for (status, code) in [(400, 50_008), (400, 50_083), (400, 160_005)] {
        let stage = Stage::set().await?;
        let path = format!("channels/{}/messages", stage.audit.0);
        fail(&stage, "POST", &path, status, code, 100_000);
        let user = stage.alice();
        stage
            .change(move |tx| {
                tx.audit(rolarr::domain::Timestamp(0), None, Some(user), AuditKind::Alarm, "Look here.")
            })
            .await?;
        stage.wait(HOUR * 2).await;
        stage.on_discord().end_trouble();
        stage.wait(HOUR * 2).await;
        assert!(stage.audit().iter().any(|text| text.contains("Look here.")), "{code}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_takes_nothing_for_long_is_told_in_one_line_what_it_missed() -> Result<()> {
    let stage = Stage::set().await?;
    let path = format!("channels/{}/messages", stage.audit.0);
    fail(&stage, "POST", &path, 403, 50_001, 1_000_000);
    stage
        .change(|tx| {
            for number in 0..1_000 {
                tx.audit(
                    rolarr::domain::Timestamp(0),
                    None,
                    None,
                    AuditKind::Held,
                    &format!("Number {number}."),
                )?;
            }
            Ok(())
        })
        .await?;
    stage.wait(HOUR * 2).await;
    stage.on_discord().end_trouble();
    stage.wait(HOUR * 3).await;
    let told = stage.audit();
    assert!(told.iter().any(|text| text.contains("Number 999.")), "the newest are kept");
    assert!(!told.iter().any(|text| text.contains("Number 5.")), "the oldest are not");
    assert_eq!(told.iter().filter(|text| text.contains("were dropped")).count(), 1);
    assert!(told.len() < 230, "{}", told.len());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_button_that_was_deleted_comes_back() -> Result<()> {
    let stage = Stage::set().await?;
    fail(&stage, "POST", "users/@me/channels", 403, 50_007, 1_000);
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let standing = || stage.on_discord().messages_in(stage.scene.channel).len();
    assert_eq!(standing(), 1);
    let path = format!("channels/{}/messages/*", stage.scene.channel.0);
    fail(&stage, "PATCH", &path, 404, 10_008, 1);
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(standing(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unknown_account_counts_as_gone_only_if_the_list_lacks_it_too() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    fail(&stage, "GET", "guilds/*/members/*", 404, 10_013, 3);
    stage.tell(stage.alice()).await?;
    stage.wait(HOUR / 2).await;
    assert!(stage.member(stage.alice()).await?.is_some_and(|member| member.present), "the list has her");
    fail(&stage, "GET", "guilds/*/members/*", 404, 10_013, 1_000);
    stage.leave(stage.alice()).await?;
    stage.wait(HOUR / 2).await;
    assert!(stage.member(stage.alice()).await?.is_some_and(|member| !member.present), "the list lacks her");
    Ok(())
}

/// Alice's guild with two pages of members, and somebody with the role on the second.
async fn of_two_pages() -> Result<(Stage, rolarr::domain::UserId)> {
    let stage = Stage::set().await?;
    let late = {
        let now = stage.now();
        let mut sim = stage.on_discord();
        for number in 0..1_500 {
            let user = sim.create_user(now, &format!("bystander{number}"));
            sim.join(now, stage.scene.guild, user)?;
        }
        let late = sim.create_user(now, "late");
        sim.join(now, stage.scene.guild, late)?;
        sim.add_role(now, stage.scene.guild, late, stage.scene.subscriber)?;
        rolarr::domain::UserId(late.0)
    };
    stage.tell(late).await?;
    stage.settle().await;
    assert!(is_present(&stage, late).await?);
    Ok((stage, late))
}

async fn is_present(stage: &Stage, user: rolarr::domain::UserId) -> Result<bool> {
    Ok(stage.member(user).await?.is_some_and(|member| member.present))
}

#[tokio::test(start_paused = true)]
async fn an_unknown_account_that_an_incomplete_list_lacks_is_a_member() -> Result<()> {
    let (short, empty) = (RestFaultKind::ShortList, RestFaultKind::EmptyList);
    for lists in [vec![short.clone()], vec![short, empty.clone()], vec![empty]] {
        let (stage, late) = of_two_pages().await?;
        for kind in &lists {
            stage.on_discord().fail_requests(RestFault::once("GET", "guilds/*/members", kind.clone()));
        }
        fail(&stage, "GET", "guilds/*/members/*", 404, 10_013, 1);
        let said = rolarr::pipeline::ports::Said::Left;
        let hint = rolarr::pipeline::ports::Hint { guild: stage.guild(), user: late, said };
        stage.hint(hint).await?;
        stage.wait(HOUR / 2).await;
        assert!(is_present(&stage, late).await?, "{lists:?}");
        let story = stage.read(move |tx| tx.story(late)).await?;
        assert_eq!(story.len(), 1, "{lists:?}: {story:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unknown_account_that_the_whole_list_of_several_pages_lacks_is_gone() -> Result<()> {
    let (stage, late) = of_two_pages().await?;
    fail(&stage, "GET", "guilds/*/members/*", 404, 10_013, 1_000);
    stage.leave(late).await?;
    stage.settle().await;
    assert!(!is_present(&stage, late).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unknown_account_in_a_guild_whose_number_of_members_is_not_true_is_gone_after_several_lists()
-> Result<()> {
    // Zero is what a number comes to that Discord leaves out.
    for shown in [4_000, 0] {
        let (stage, late) = of_two_pages().await?;
        stage.on_discord().show_member_count(stage.scene.guild, Some(shown))?;
        fail(&stage, "GET", "guilds/*/members/*", 404, 10_013, 1_000);
        stage.leave(late).await?;
        stage.wait(Duration::from_secs(1)).await;
        assert!(is_present(&stage, late).await?, "{shown}: one list is no proof");
        stage.wait(HOUR / 2).await;
        assert!(!is_present(&stage, late).await?, "{shown}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unknown_account_that_stands_on_the_list_and_can_not_be_read_is_a_member() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let kind = RestFaultKind::UnreadableMember { user: stage.scene.alice };
    stage.on_discord().fail_requests(RestFault::once("GET", "guilds/*/members", kind).times(1_000));
    fail(&stage, "GET", "guilds/*/members/*", 404, 10_013, 1_000);
    stage.tell(stage.alice()).await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(HOUR / 2).await;
    assert!(is_present(&stage, stage.alice()).await?);
    assert!(stage.filters(rolarr_tests::inprocess::ANN).is_empty());
    Ok(())
}
