//! What members are told, and when nothing is said.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::pipeline::{
    ports::{ButtonAction, Pressed},
    settings::Settings,
};
use rolarr_sim::{
    discord::{DirectMessages, RestFault, RestFaultKind, UserId},
    plex::MACHINE,
};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

use crate::second_guild::{gets_the_second_role, with_a_second_guild};

#[tokio::test(start_paused = true)]
async fn role_off_and_on_within_a_moment_tells_and_writes_nothing() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (told, writes) = (stage.messages(stage.alice()).len(), stage.writes().len());
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()).len(), told);
    assert_eq!(stage.writes().len(), writes);
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_swap_of_roles_never_looks_like_a_loss() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (told, writes) = (stage.messages(stage.alice()).len(), stage.writes().len());
    let now = stage.now();
    let (guild, alice) = (stage.scene.guild, stage.scene.alice);
    let vip = rolarr_sim::discord::RoleId(stage.vip.0);
    stage.on_discord().set_roles(now, guild, alice, &[vip])?;
    stage.tell(stage.alice()).await?;
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()).len(), told);
    assert_eq!(stage.writes().len(), writes);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn closed_direct_messages_wait_behind_a_button_that_says_nothing_of_anybody() -> Result<()> {
    let stage = Stage::set().await?;
    let alice = UserId(stage.alice().0);
    stage.on_discord().set_direct_messages(alice, DirectMessages::Closed)?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.messages(stage.alice()).is_empty());
    let standing: Vec<String> = {
        let sim = stage.on_discord();
        sim.messages_in(stage.scene.channel).iter().map(|message| message.now.content.clone()).collect()
    };
    assert_eq!(standing.len(), 1);
    assert!(!standing[0].contains(&stage.alice().to_string()));

    let pressed = stage.press(stage.alice(), ButtonAction::Inbox).await?;
    let Pressed::Say(reply) = pressed else { panic!("a form instead of the question") };
    let Some(ButtonAction::Answer(prompt)) = reply.button.map(|button| button.action) else {
        panic!("no button: {}", reply.text)
    };
    let other = stage.press(stage.bob(), ButtonAction::Inbox).await?;
    assert!(matches!(other, Pressed::Say(reply) if reply.text.contains("nothing for you")));
    stage.fill_in(stage.alice(), prompt, ANN).await?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);

    // A second member with closed messages finds the button there already.
    let bob = UserId(stage.bob().0);
    stage.on_discord().set_direct_messages(bob, DirectMessages::Closed)?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.on_discord().messages_in(stage.scene.channel).len(), 1);
    Ok(())
}

/// What administrators read of members who can't be asked.
fn without_button(stage: &Stage) -> Vec<String> {
    stage.audit().into_iter().filter(|text| text.contains("I can't ask")).collect()
}

#[tokio::test(start_paused = true)]
async fn questions_that_wait_where_no_button_stands_are_told_once_for_the_server() -> Result<()> {
    let change = |settings: &mut Settings| settings.guilds[0].prompt_channel = None;
    let mut stage = Stage::with(Setting { change, ..Setting::default() }).await?;
    for user in [stage.scene.alice, stage.scene.bob] {
        stage.on_discord().set_direct_messages(user, DirectMessages::Closed)?;
    }
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let told = without_button(&stage);
    assert_eq!(told.len(), 1, "{told:?}");
    let alice = stage.alice().to_string();
    for part in [alice.as_str(), "`/plex link`", "`home`", "`prompt_channel`"] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    stage.stop().await;
    stage.start().await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(without_button(&stage), told, "once for all members, and across restarts");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_server_without_a_button_is_told_of_and_none_with_one() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    for user in [stage.scene.alice, stage.scene.bob] {
        stage.on_discord().set_direct_messages(user, DirectMessages::Closed)?;
    }
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    assert!(without_button(&stage).is_empty(), "the first server has a button");
    gets_the_second_role(&stage, guild, role).await?;
    let told = without_button(&stage);
    assert!(told.len() == 1 && told[0].contains("`second`"), "{told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_no_question_and_waits_where_no_button_stands_is_not_told_of() -> Result<()> {
    let change = |settings: &mut Settings| settings.guilds[0].prompt_channel = None;
    let stage = Stage::with(Setting { change, ..Setting::default() }).await?;
    stage.on_discord().set_direct_messages(stage.scene.alice, DirectMessages::Closed)?;
    tell_alice(&stage, "Number one.").await?;
    stage.settle().await;
    assert!(without_button(&stage).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_may_have_been_sent_is_looked_for_before_it_is_sent_again() -> Result<()> {
    use rolarr_sim::discord::{RestFault, RestFaultKind};
    let mut stage = Stage::set().await?;
    // The answer is lost after the message was posted, and so are all that follow, until long after the
    // time in which Discord remembers a nonce.
    let lost = RestFault::once("POST", "channels/*/messages", RestFaultKind::Drop).after_applying();
    stage.on_discord().fail_requests(lost);
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(std::time::Duration::from_millis(400)).await;
    stage.crash();
    stage.wait(std::time::Duration::from_secs(3600)).await;
    stage.start().await?;
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    let alice = stage.alice();
    let prompt = stage.read(move |tx| tx.latest_prompt(alice)).await?;
    assert!(prompt.is_some_and(|prompt| prompt.message.is_some()), "the question knows its message");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn direct_messages_keep_their_distance() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    let sent = |user: rolarr::domain::UserId| -> Vec<u64> {
        let sim = stage.on_discord();
        sim.told(UserId(user.0)).iter().map(|message| message.sent_ms).collect()
    };
    let (alice, bob) = (sent(stage.alice()), sent(stage.bob()));
    assert_eq!((alice.len(), bob.len()), (1, 1));
    assert!(alice[0].abs_diff(bob[0]) >= 5_000, "{alice:?} {bob:?}");
    Ok(())
}

/// A message of the policy's to Alice, whose answer is lost, long before the bot comes back.
async fn sent_before_a_crash(text: &str, others: usize) -> Result<Stage> {
    use rolarr::store::Work;
    use rolarr_sim::discord::{RestFault, RestFaultKind};
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let (alice, now) = (stage.alice(), rolarr::domain::Timestamp(stage.now()));
    let work = Work::Tell { text: text.to_owned() };
    stage.change(move |tx| tx.add_task(None, Some(alice), &work, now)).await?;
    let lost = RestFault::once("POST", "channels/*/messages", RestFaultKind::Drop).after_applying();
    stage.on_discord().fail_requests(lost);
    stage.open(None).await?;
    stage.wait(std::time::Duration::from_millis(400)).await;
    stage.crash();
    for number in 0..others {
        let now = stage.now();
        stage.on_discord().type_direct_message(now, UserId(alice.0), &format!("hello {number}"))?;
        stage.wait(std::time::Duration::from_secs(10)).await;
    }
    stage.wait(std::time::Duration::from_secs(3600)).await;
    stage.start().await?;
    stage.wait(std::time::Duration::from_secs(300)).await;
    Ok(stage)
}

fn sent_to_alice(stage: &Stage) -> usize {
    let sim = stage.on_discord();
    let bot = sim.bot();
    sim.told(UserId(stage.alice().0)).iter().filter(|message| message.author == bot).count()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_found_again_without_the_white_space_at_its_ends() -> Result<()> {
    let stage = sent_before_a_crash("  You are welcome.\n\n", 0).await?;
    assert_eq!(sent_to_alice(&stage), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_is_found_again_below_many_others() -> Result<()> {
    for others in [49, 50, 130] {
        let stage = sent_before_a_crash("You are welcome.", others).await?;
        assert_eq!(sent_to_alice(&stage), 1, "below {others}");
    }
    Ok(())
}

/// The search for a message that may have been sent before is by its words.
#[tokio::test(start_paused = true)]
async fn a_message_is_not_taken_for_another_with_the_same_words() -> Result<()> {
    let stage = Stage::set().await?;
    let told = || stage.audit().iter().filter(|text| text.contains("no WebAssembly")).count();
    stage.policies.put(Err("the module is no WebAssembly".to_owned()));
    stage.reload_policy()?;
    stage.wait(Duration::from_secs(10)).await;
    assert_eq!(told(), 1);
    let away = RestFaultKind::Status { status: 503, code: 0 };
    let channels = "channels/*/messages";
    stage.on_discord().fail_requests(RestFault::once("POST", channels, away).times(9));
    stage.reload_policy()?;
    stage.wait(Duration::from_secs(7_200)).await;
    assert_eq!(told(), 2);
    Ok(())
}

/// What is said to Alice when she presses the neutral button.
fn said(pressed: Pressed) -> String {
    match pressed {
        Pressed::Say(reply) | Pressed::Deliver(reply, _) => reply.text,
        Pressed::Form(_) => "a form".to_owned(),
    }
}

async fn tell_alice(stage: &Stage, text: &str) -> Result<()> {
    use rolarr::store::Work;
    let (alice, now, work) =
        (stage.alice(), rolarr::domain::Timestamp(stage.now()), Work::Tell { text: text.to_owned() });
    stage.change(move |tx| tx.add_task(None, Some(alice), &work, now).map(drop)).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_behind_the_button_waits_until_an_answer_with_it_was_taken() -> Result<()> {
    let stage = Stage::set().await?;
    stage.on_discord().set_direct_messages(UserId(stage.alice().0), DirectMessages::Closed)?;
    tell_alice(&stage, "Number one.").await?;
    stage.wait(Duration::from_secs(7_200)).await;
    for _ in 0..3 {
        let said = said(stage.press_in_vain(stage.alice(), ButtonAction::Inbox).await?);
        assert!(said.contains("Number one."), "{said}");
    }
    assert!(said(stage.press(stage.alice(), ButtonAction::Inbox).await?).contains("Number one."));
    assert!(said(stage.press(stage.alice(), ButtonAction::Inbox).await?).contains("nothing for you"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_that_do_not_fit_into_one_answer_wait_for_the_next() -> Result<()> {
    let stage = Stage::set().await?;
    stage.on_discord().set_direct_messages(UserId(stage.alice().0), DirectMessages::Closed)?;
    for number in 0..5 {
        tell_alice(&stage, &format!("Number {number}. {}", "x".repeat(900))).await?;
    }
    stage.wait(Duration::from_secs(7_200)).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let said = said(stage.press(stage.alice(), ButtonAction::Inbox).await?);
        assert!(said.chars().count() <= 2_000);
        seen.extend((0..5).filter(|number| said.contains(&format!("Number {number}."))));
    }
    assert_eq!(seen, [0, 1, 2, 3, 4], "each once, in order");
    Ok(())
}

/// The words of the bot's messages to Alice, in the order in which they stand there.
fn told_alice(stage: &Stage) -> Vec<String> {
    let sim = stage.on_discord();
    let bot = sim.bot();
    let told = sim.told(UserId(stage.alice().0)).into_iter().filter(|message| message.author == bot);
    told.map(|message| message.now.content.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_persons_messages_do_not_overtake_each_other() -> Result<()> {
    let away = || RestFaultKind::Status { status: 503, code: 0 };
    for (method, path, times) in [
        ("POST", "channels/*/messages", 3),
        ("POST", "users/@me/channels", 1),
        ("POST", "users/@me/channels", 5),
    ] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        let before = told_alice(&stage).len();
        stage.on_discord().fail_requests(RestFault::once(method, path, away()).times(times));
        tell_alice(&stage, "Number 0.").await?;
        for number in 1..4 {
            stage.wait(Duration::from_millis(700)).await;
            tell_alice(&stage, &format!("Number {number}.")).await?;
        }
        stage.wait(Duration::from_secs(3 * 3_600)).await;
        let told = told_alice(&stage).split_off(before);
        assert_eq!(told, ["Number 0.", "Number 1.", "Number 2.", "Number 3."], "{path} {times}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn that_access_is_back_is_not_told_before_that_it_was_paused() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let before = told_alice(&stage).len();
    let away = RestFaultKind::Status { status: 503, code: 0 };
    stage.on_discord().fail_requests(RestFault::once("POST", "channels/*/messages", away).times(1));
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(1)).await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(3_600)).await;
    let told = told_alice(&stage).split_off(before);
    assert!(told.last().is_none_or(|last| last.contains("back")), "{told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_person_who_can_not_be_reached_keeps_nobody_else_waiting() -> Result<()> {
    let stage = Stage::set().await?;
    let bob = stage.bob();
    tell_alice(&stage, "Number 0.").await?;
    stage.wait(Duration::from_secs(7_200)).await;
    let channel = stage.on_discord().direct_channel(UserId(stage.alice().0)).context("no channel")?;
    let path = format!("channels/{channel}/messages");
    let away = RestFaultKind::Status { status: 503, code: 0 };
    stage.on_discord().fail_requests(RestFault::once("POST", &path, away).times(1_000));
    tell_alice(&stage, "Number 1.").await?;
    stage.give_role(bob, stage.role()).await?;
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!(stage.messages(bob).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_restriction_is_not_told_while_the_lists_do_not_show_the_share() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let told = stage.messages(stage.alice()).len();
    let account = stage.account(stage.alice()).await?.plex_account.context("no Plex account")?;
    stage.at_plex().owner_ends_share(account.0, MACHINE)?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(600)).await;
    assert!(stage.writes().iter().all(|write| !write.contains("sharing_settings")));
    assert_eq!(stage.messages(stage.alice())[told..], [] as [String; 0]);
    Ok(())
}
