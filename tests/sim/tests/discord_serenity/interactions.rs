//! Commands, buttons and forms.

use rolarr_sim::discord::OptionValue;
use serde_json::json;
use serenity::all::{
    ButtonStyle, CommandOptionType, CreateActionRow, CreateButton, CreateCommand, CreateCommandOption,
    CreateMessage, GuildId, Permissions, UserId,
};

use crate::bot::{Bot, server, until};

fn plex() -> CreateCommand {
    let email = CreateCommandOption::new(CommandOptionType::String, "email", "The address").required(true);
    let member = CreateCommandOption::new(CommandOptionType::User, "member", "Whose it is");
    let invite = CreateCommandOption::new(CommandOptionType::SubCommand, "invite", "Invite somebody")
        .add_sub_option(email)
        .add_sub_option(member);
    CreateCommand::new("plex")
        .description("Access to Plex")
        .default_member_permissions(Permissions::MANAGE_GUILD)
        .add_option(invite)
}

#[tokio::test]
async fn a_slash_command_is_registered_used_deferred_and_answered() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    let guild = GuildId::new(scene.guild.0);
    let registered = guild.set_commands(&bot.http, vec![plex()]).await.unwrap();
    assert_eq!(registered[0].default_member_permissions, Some(Permissions::MANAGE_GUILD));
    let again = guild.set_commands(&bot.http, vec![plex()]).await.unwrap();
    assert_eq!(again[0].id, registered[0].id);
    assert_eq!(guild.get_commands(&bot.http).await.unwrap().len(), 1);
    let id = server.with(|sim, now| {
        assert!(sim.sees_command(scene.guild, scene.mod_user, "plex"));
        assert!(!sim.sees_command(scene.guild, scene.alice, "plex"));
        sim.slash_command(now, scene.channel, scene.mod_user, "plex remove", &[]).unwrap_err();
        sim.slash_command(now, scene.channel, scene.mod_user, "plex invite", &[]).unwrap_err();
        let options =
            [("email", OptionValue::from("alice@example.org")), ("member", OptionValue::from(scene.alice))];
        sim.slash_command(now, scene.channel, scene.mod_user, "plex invite", &options).unwrap()
    });
    let reply = until(&server, |sim| sim.reply(id).cloned()).await;
    assert!(reply.now.content.contains("alice@example.org"), "{reply:?}");
    assert!(reply.now.content.ends_with("manages: true"), "{reply:?}");
    assert_eq!(reply.only_for, Some(scene.mod_user));
    server.with(|sim, _| assert!(sim.messages_in(scene.channel).is_empty(), "nobody else sees it"));
    bot.stop().await;
}

#[tokio::test]
async fn a_button_opens_a_form_that_is_sent_off() {
    let (server, scene) = server().await;
    let mut bot = Bot::start(&server).await;
    bot.hears_guild().await;
    let channel = UserId::new(scene.alice.0).create_dm_channel(&bot.http).await.unwrap().id;
    let button = CreateButton::new("prompt:7").label("Link my Plex").style(ButtonStyle::Primary);
    let message = CreateMessage::new()
        .content("Which address?")
        .components(vec![CreateActionRow::Buttons(vec![button])]);
    let message = channel.send_message(&bot.http, message).await.unwrap();
    let message = rolarr_sim::discord::MessageId(message.id.get());
    let pressed = server.with(|sim, now| {
        assert_eq!(sim.message(message).unwrap().button(), Some("prompt:7"));
        sim.press_button(now, scene.bob, message, "prompt").unwrap_err();
        sim.press_button(now, scene.alice, message, "other").unwrap_err();
        sim.press_button(now, scene.alice, message, "prompt").unwrap()
    });
    let form = until(&server, |sim| sim.form(pressed).cloned()).await;
    assert_eq!((&form["title"], &form["custom_id"]), (&json!("Link Plex"), &json!("form:1")));
    let sent = server.with(|sim, now| {
        sim.submit_modal(now, pressed, &[("email", "a")]).unwrap_err();
        sim.submit_modal(now, pressed, &[("name", "alice@example.org")]).unwrap_err();
        sim.submit_modal(now, pressed, &[("email", "alice@example.org")]).unwrap()
    });
    let reply = until(&server, |sim| sim.reply(sent).cloned()).await;
    assert_eq!(reply.now.content, "form:1 with 1 row from alice");
    bot.stop().await;
}
