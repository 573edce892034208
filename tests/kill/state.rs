//! What stands at Plex, at Discord and in the database, as a text in which two runs of the same story are
//! the same. Numbers that are made up on the way are names in it.

use rolarr_sim::{
    discord::UserId,
    plex::{Invitee, Recorded},
};
use rolarr_tests::World;

/// The tables, without ids, times and what only says how often something was tried.
const QUERIES: [&str; 8] = [
    "SELECT 'member', user, roles, present FROM members ORDER BY user",
    "SELECT 'event', user, cause, roles, state, remark FROM events ORDER BY user, id",
    "SELECT 'decision', events.user, actions, reason FROM decisions JOIN events ON events.id = event
        ORDER BY events.user, event",
    "SELECT 'grant', user, access, since IS NULL, memo FROM grants ORDER BY user",
    "SELECT 'account', user, stage, email, claim, plex_account IS NULL, share IS NULL, invite_for IS NULL, adopt,
        held, parked, told FROM accounts ORDER BY user",
    "SELECT 'field', accounts.user, field, base, json_extract(sent, '$[#-1]'), reported FROM ledgers
        JOIN accounts ON accounts.id = account ORDER BY accounts.user, field",
    "SELECT 'prompt', user, state FROM prompts ORDER BY user, id",
    "SELECT 'audit', user, kind, text FROM audit ORDER BY user, id",
];

/// The state.
pub(crate) fn of(world: &World) -> String {
    let scene = world.scene;
    let mut lines = Vec::new();
    world.plex(|sim, _| {
        for share in sim.world.shares.values() {
            let with = match &share.with {
                Invitee::Account(account) => sim.world.people[account].email.clone(),
                Invitee::Address(address) => address.clone(),
            };
            let accepted = share.accepted_at.is_some();
            lines.push(format!("share with {with}: {:?}, accepted {accepted}", share.libraries));
        }
        for invite in sim.invites() {
            lines.push(format!("invitation to {}", invite.typed));
        }
        for account in sim.world.ties.keys() {
            let email = &sim.world.people[account].email;
            lines.push(format!("friend {email}: {:?}", sim.filters(*account)));
        }
        let sent = |write: &&&Recorded| write.path.ends_with("/shared_servers") && write.method == "POST";
        let invited = sim.writes().iter().filter(sent).count();
        lines.push(format!("{invited} invitations were sent"));
    });
    world.discord(|sim, _| {
        let people: [(&str, UserId); 2] = [("alice", scene.alice), ("bob", scene.bob)];
        for (name, user) in people {
            for told in sim.told(user) {
                let first = told.before.first().unwrap_or(&told.now);
                let open = told.button().is_some();
                lines.push(format!(
                    "{name} was told: {} (now: {}, to press: {open})",
                    first.content, told.now.content
                ));
            }
        }
        let mut audit: Vec<String> =
            sim.messages_in(scene.channel).iter().map(|message| message.now.content.clone()).collect();
        // Of different members in whatever order.
        audit.sort();
        lines.extend(audit.into_iter().map(|text| format!("audit: {text}")));
    });
    let database = world.database().unwrap();
    lines.extend(QUERIES.iter().flat_map(|query| database.rows(query)));
    let mut text = lines.join("\n");
    let names = [
        (scene.alice.0, "alice"),
        (scene.bob.0, "bob"),
        (scene.mod_user.0, "moderator"),
        (scene.owner.0, "owner"),
        (scene.guild.0, "guild"),
        (scene.subscriber.0, "subscriber"),
        (scene.moderator.0, "moderators"),
        (world.discord(|sim, _| sim.bot()).0, "bot"),
    ];
    for (number, name) in names {
        text = text.replace(&number.to_string(), name);
    }
    text
}
