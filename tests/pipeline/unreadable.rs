//! A row that no version of Rolarr writes concerns one member, and keeps nobody else waiting.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{
        AccountId, GuildId, RoleId, Timestamp, UserId,
        contract::{Access, AccountChange, Cause, Grant, Origin},
        reconcile::fields::FieldLedger,
    },
    pipeline::ports::Command,
    plex::{Field, FieldValue},
    store::{
        EventState, HoldReason, HoldRow, LedgerRow, NewEvent, Order, Scope, StoreError, Tx, WakeRow, Work,
    },
};
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

const HOUR: Duration = Duration::from_secs(3600);

/// A role that was deleted.
const DELETED: RoleId = RoleId(900_000_077);

/// Each table, and a row of the first member's in it that SQLite takes and nobody can read. `{text}` is text that is
/// no UTF-8.
const DAMAGE: [&str; 25] = [
    "UPDATE accounts SET email = 'x', email_key = 'x' WHERE user = {user}",
    "UPDATE accounts SET held = {text} WHERE user = {user}",
    "UPDATE accounts SET due = -1 WHERE user = {user}",
    "UPDATE holds SET before = '{}' WHERE account = {account}",
    "UPDATE holds SET since = -1 WHERE account = {account}",
    "UPDATE holds SET role = {text} WHERE account = {account}",
    "UPDATE members SET roles = '{}' WHERE user = {user}",
    "UPDATE members SET username = {text} WHERE user = {user}",
    "UPDATE members SET seen_at = -1 WHERE user = {user}",
    "UPDATE prompts SET expires_at = -1 WHERE user = {user}",
    "UPDATE prompts SET channel = -1 WHERE user = {user}",
    "UPDATE wakes SET due = -1 WHERE user = {user}",
    "UPDATE wakes SET tag = {text} WHERE user = {user}",
    "UPDATE wakes SET user = -1 WHERE user = {user}",
    "UPDATE grants SET access = '{}' WHERE user = {user}",
    "UPDATE grants SET memo = {text} WHERE user = {user}",
    "UPDATE ledgers SET field = '\"nonsense\"' WHERE account = {account}",
    "UPDATE ledgers SET base = {text} WHERE account = {account}",
    "UPDATE events SET cause = '\"nonsense\"' WHERE user = {user}",
    "UPDATE events SET remark = {text} WHERE user = {user}",
    "UPDATE events SET user = -1 WHERE user = {user}",
    "UPDATE tasks SET work = '{\"nonsense\":1}' WHERE user = {user}",
    "UPDATE tasks SET due = -1 WHERE user = {user}",
    "UPDATE orders SET what = '{\"nonsense\":1}' WHERE id = 1",
    "UPDATE deleted_roles SET key = {text}",
];

/// What there is of a member: a row in every table that is read for more than one of them.
fn fill(tx: &Tx<'_>, stage: &Known, user: UserId) -> Result<(), StoreError> {
    let (guild, now) = (stage.guild, stage.now);
    tx.journal(&NewEvent {
        at: now,
        origin: Origin::Live,
        guild,
        user,
        cause: Cause::Wake("earlier".to_owned()),
        roles: Vec::new(),
        state: EventState::Waiting,
        remark: None,
    })?;
    tx.make_due(user, now)?;
    tx.open_prompt(user, guild, now, now)?;
    let work = Work::Tell { text: "hello".to_owned() };
    tx.add_task(None, Some(user), &work, now)?;
    tx.put_wake(&WakeRow { guild, user, tag: "now".to_owned(), due: now, policy: stage.policy.clone() })
}

/// What the rows are made of.
#[derive(Clone)]
struct Known {
    guild: GuildId,
    now: Timestamp,
    policy: String,
}

/// Two members with access who lose their role while the bot is stopped, and a row of the first one's that somebody
/// else changed. Returns what should have happened all the same, and did not.
async fn missing_after(damage: &str) -> Result<Vec<&'static str>> {
    let mut stage = Stage::with(Setting::default()).await?;
    let members = stage.populate(2).await?;
    let (bad, good) = (members[0], members[1]);
    stage.stop().await;
    for member in &members {
        let (user, now) = (rolarr_sim::discord::UserId(member.user.0), stage.now());
        stage.on_discord().remove_role(now, stage.scene.guild, user, stage.scene.subscriber)?;
    }
    let policy = stage.policies.configured()?.active.policy.metadata().name.clone();
    let known = Known { guild: stage.guild(), now: Timestamp(stage.now()), policy };
    let account = stage.account(bad.user).await?.id;
    let order = stage
        .change(move |tx| {
            fill(tx, &known, bad.user)?;
            fill(tx, &known, good.user)?;
            held(tx, &known, account)?;
            let ledger =
                FieldLedger { sent: vec![FieldValue("label=a".to_owned())], ..FieldLedger::default() };
            tx.put_ledger(account, &LedgerRow { of: None, field: Field::Music, ledger })?;
            tx.put_deleted_role(known.guild, DELETED, "gone", known.now)?;
            tx.put_order(&Order::Plan(Scope::Everybody))?;
            tx.put_order(&Order::Plan(Scope::NeverAsked))
        })
        .await?;
    let sql = damage.replace("{text}", "CAST(x'41ff42' AS TEXT)");
    let sql = sql.replace("{user}", &bad.user.to_string()).replace("{account}", &account.to_string());
    let db = rusqlite::Connection::open(stage.folder.path().join("rolarr.db"))?;
    assert!(db.execute(&sql, [])? > 0, "{damage}");
    drop(db);
    let mut missing = Vec::new();
    if stage.start().await.is_err() {
        return Ok(vec!["the bot starts"]);
    }
    stage.wait(HOUR / 4).await;
    let mut expect = |what, is: bool| missing.extend((!is).then_some(what));
    expect("the other one is restricted", stage.is_restricted(good.plex));
    expect("the first one is not", !stage.is_restricted(bad.plex));
    expect("the other one gets a message", stage.messages(good.user).iter().any(|text| text == "hello"));
    let about = format!("<@{}>", good.user);
    expect("administrators are told of it", stage.audit().iter().any(|text| text.contains(&about)));
    let causes = causes_of(&stage, good.user).await?;
    expect("the other one's wake fires", causes.contains(&Cause::Wake("now".to_owned())));
    let expired = Cause::Account(AccountChange::AskExpired);
    expect("the other one's question expires", causes.contains(&expired));
    expect("the order is taken up", !stage.read(move |tx| tx.order_waits(order)).await?);
    stage.at_plex().owner_sets_filter(good.plex.0, "filterMovies", "label=Party")?;
    stage.wait(HOUR * 7).await;
    let is_compared = stage.audit().iter().any(|text| text.contains("by somebody else"));
    expect("the other one is compared with Plex", is_compared);
    // What names nobody, an order and the name of a role concern no member.
    let is_nobodys =
        ["user = -1", "UPDATE orders", "UPDATE deleted_roles"].iter().any(|part| damage.contains(part));
    let told = alarms(&stage).await?;
    expect("administrators are told of the row", told > 0 || is_nobodys);
    stage.wait(HOUR * 12).await;
    expect("they are told once", alarms(&stage).await? == told);
    for member in &members {
        stage.give_role(member.user, stage.vip).await?;
    }
    stage.settle().await;
    let changed = causes_of(&stage, good.user).await?;
    let is_seen = changed.iter().any(|cause| matches!(cause, Cause::RoleAdded(_)));
    expect("the other one's next change is seen at once", is_seen);
    Ok(missing)
}

/// What the first member is held for stays, whatever is decided.
fn held(tx: &Tx<'_>, known: &Known, account: AccountId) -> Result<(), StoreError> {
    tx.put_hold(&HoldRow {
        account,
        event: None,
        reason: HoldReason::Drift,
        role: None,
        since: known.now,
        before: vec![(known.guild, Access::Granted(Grant::default()))],
        tell: Vec::new(),
        announced: false,
        shown: false,
        ordered: None,
        changed: Timestamp(7),
        told_by: None,
    })?;
    tx.announce_at(known.now)
}

async fn causes_of(stage: &Stage, user: UserId) -> Result<Vec<Cause>> {
    let story = stage.read(move |tx| tx.story(user)).await?;
    Ok(story.into_iter().map(|row| row.event.cause).collect())
}

#[tokio::test(start_paused = true)]
async fn a_row_that_can_not_be_read_stops_nothing_for_the_other_members() -> Result<()> {
    let mut stopped = Vec::new();
    for damage in DAMAGE {
        let missing = missing_after(damage).await?;
        stopped.extend(missing.into_iter().map(|what| format!("{damage}: not so: {what}")));
    }
    assert!(stopped.is_empty(), "{stopped:#?}");
    Ok(())
}

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

/// What makes the row of a message, or of the question that it asks, unreadable.
const MESSAGE_DAMAGE: [&str; 8] = [
    "UPDATE tasks SET work = '{\"nonsense\":1}' WHERE id = {task}",
    "UPDATE tasks SET work = '{\"tell\":1}' WHERE id = {task}",
    "UPDATE tasks SET work = '{\"tell\":{\"text\":1}}' WHERE id = {task}",
    "UPDATE tasks SET work = '{\"ask\":\"x\"}' WHERE id = {task}",
    "UPDATE tasks SET channel = -1 WHERE id = {task}",
    "UPDATE tasks SET sent_at = -1 WHERE id = {task}",
    "UPDATE tasks SET attempts = -1 WHERE id = {task}",
    "UPDATE prompts SET expires_at = -1; UPDATE tasks SET work = '{\"ask\":1}' WHERE id = {task}",
];

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_keeps_no_later_one_to_the_same_person_waiting() -> Result<()> {
    let mut blocked = Vec::new();
    for damage in MESSAGE_DAMAGE {
        let mut stage = Stage::set().await?;
        stage.stop().await;
        let (alice, guild, now) = (stage.alice(), stage.guild(), Timestamp(stage.now()));
        let say = |number: u32| Work::Tell { text: format!("Number {number}.") };
        let [first, second, third] = [1, 2, 3].map(say);
        let task = stage
            .change(move |tx| {
                tx.open_prompt(alice, guild, now, now)?;
                let task = tx.add_task(None, Some(alice), &first, now)?;
                tx.add_task(None, Some(alice), &second, now)?;
                Ok(task)
            })
            .await?;
        let file = stage.folder.path().join("rolarr.db");
        let by_hand = |sql: &str| -> Result<()> {
            let db = rusqlite::Connection::open(&file)?;
            Ok(db.execute_batch(&sql.replace("{task}", &task.to_string()))?)
        };
        by_hand(damage)?;
        stage.start().await?;
        stage.wait(HOUR / 4).await;
        let mut told = vec![stage.messages(alice)];
        assert!(alarms(&stage).await? >= 1, "{damage}: administrators are told");
        // After a restart too.
        stage.stop().await;
        stage.change(move |tx| tx.add_task(None, Some(alice), &third, now)).await?;
        stage.start().await?;
        stage.wait(HOUR / 4).await;
        told.push(stage.messages(alice));
        // Whoever mends it has it sent.
        by_hand(
            "UPDATE tasks SET work = '{\"tell\":{\"text\":\"Number 1.\"}}', channel = NULL, sent_at = NULL, \
             attempts = 0 WHERE id = {task}",
        )?;
        stage.wait(HOUR * 2).await;
        told.push(stage.messages(alice));
        let expected =
            [vec!["Number 2."], vec!["Number 2.", "Number 3."], vec!["Number 2.", "Number 3.", "Number 1."]];
        if told != expected {
            blocked.push(format!("{damage}: {told:?}"));
        }
    }
    assert!(blocked.is_empty(), "{blocked:#?}");
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

#[tokio::test(start_paused = true)]
async fn a_hold_that_can_not_be_read_holds_and_the_others_are_decided_on() -> Result<()> {
    let none = |settings: &mut rolarr::pipeline::settings::Settings| settings.brake.members = 0;
    let mut stage = Stage::with(Setting { change: none, ..Setting::default() }).await?;
    let members = stage.populate(2).await?;
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(HOUR).await;
    stage.stop().await;
    let account = stage.account(members[0].user).await?.id;
    let db = rusqlite::Connection::open(stage.folder.path().join("rolarr.db"))?;
    let sql = "UPDATE holds SET before = '{}' WHERE account = ?1";
    assert_eq!(db.execute(sql, [account.to_string()])?, 1);
    drop(db);
    stage.start().await?;
    let one = Command::Approve { member: Some(members[0].user) };
    let reply = stage.command(stage.bob(), true, one).await?;
    assert_eq!(reply.text, "What is stored of one member who is held can't be read: they stay held.");
    let reply = stage.command(stage.bob(), true, Command::Approve { member: None }).await?;
    assert_eq!(
        reply.text,
        "Approved: the access of 1 member shrinks now. What is stored of one member who is held can't be read: they stay held."
    );
    stage.wait(HOUR * 12).await;
    assert!(stage.is_restricted(members[1].plex));
    assert!(!stage.is_restricted(members[0].plex));
    assert_eq!(stage.read(|tx| tx.holds()).await?, [Err(account)]);
    Ok(())
}
