"""Runs discord.py against the simulated Discord.

Each check is a function; they share one simulated world and one signed-in bot, and run in the order in which
they stand here.

usage: check.py [PROGRAM]      (otherwise the path of rolarr-sim is in ROLARR_SIM)
"""

import asyncio
import sys
import traceback
from pathlib import Path

# -I keeps this folder out of the module path.
sys.path.append(str(Path(__file__).parent))

import discord  # noqa: E402

from bot import Bot, Prompt  # noqa: E402
from simulator import LoopbackConnector, Simulator, redirect  # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
async def it_connects_and_knows_the_guild(sim, bot):
    assert await bot.hears("ready") == 1
    (guild,) = bot.guilds
    assert (guild.name, guild.member_count) == ("Example", 5), guild
    assert [role.name for role in guild.roles] == ["@everyone", "Subscriber", "Moderator"]
    assert [member.id for member in guild.members] == [bot.user.id], "only the bot itself"
    assert str(bot.application_id) == sim.world["application"]


@check
async def members_come_in_chunks(sim, bot):
    sim.do("create-members", count=1200)
    (guild,) = bot.guilds
    members = await guild.chunk()
    assert len(members) == 1205, len(members)
    assert guild.chunked


@check
async def members_are_asked_for_by_id(sim, bot):
    (guild,) = bot.guilds
    alice = int(sim.members["alice"])
    members = await guild.query_members(user_ids=[alice, 900000001], cache=False)
    assert [member.id for member in members] == [alice]


@check
async def members_are_listed_over_rest(sim, bot):
    (guild,) = bot.guilds
    members = [member async for member in guild.fetch_members(limit=None)]
    assert len(members) == 1205, len(members)
    moderator = await guild.fetch_member(int(sim.members["moderator"]))
    assert [role.name for role in moderator.roles] == ["@everyone", "Moderator"]
    try:
        await guild.fetch_member(900000001)
    except discord.NotFound as refused:
        assert refused.code == 10013, refused.code
    else:
        raise AssertionError("found somebody who does not exist")


@check
async def a_member_update_is_heard(sim, bot):
    alice, role = sim.members["alice"], sim.roles["subscriber"]
    sim.do("add-role", user=alice, role=role)
    assert await bot.hears("roles") == ["Subscriber"]
    sim.do("remove-role", user=alice, role=role)
    assert await bot.hears("roles") == []


@check
async def leaving_and_joining_is_heard(sim, bot):
    bob = sim.members["bob"]
    sim.do("leave", user=bob)
    assert await bot.hears("left") == bob
    sim.do("join", user=bob)
    assert await bot.hears("joined") == bob


@check
async def a_role_is_renamed_and_deleted(sim, bot):
    role = sim.do("create-role", name="Patron")
    sim.do("rename-role", role=role, name="Supporter")
    assert await bot.hears("renamed") == "Supporter"
    sim.do("delete-role", role=role)
    assert await bot.hears("deleted") == "Supporter"


@check
async def a_direct_message_is_sent_edited_and_answered(sim, bot):
    alice = sim.members["alice"]
    message = await bot.get_user(int(alice)).send("hello")
    await message.edit(content="goodbye")
    (shown,) = sim.do("messages", user=alice)
    assert (shown["content"], shown["content_before"]) == ("goodbye", ["hello"]), shown
    sim.do("type-direct-message", user=alice, text="who are you?")
    assert await bot.hears("message") == "who are you?"
    history = [past.content async for past in message.channel.history(limit=10)]
    assert history == ["who are you?", "goodbye"], history


@check
async def closed_direct_messages_are_refused(sim, bot):
    bob = sim.members["bob"]
    sim.do("direct-messages", user=bob, open=False)
    try:
        await bot.get_user(int(bob)).send("hello")
    except discord.Forbidden as refused:
        assert refused.code == 50007, refused.code
    else:
        raise AssertionError("a closed person was reached")


@check
async def a_slash_command_is_registered_and_answered(sim, bot):
    guild = discord.Object(sim.world["guild"])
    bot.tree.copy_global_to(guild=guild)
    (command,) = await bot.tree.sync(guild=guild)
    assert command.name == "plex", command
    assert [known.name for known in await bot.tree.fetch_commands(guild=guild)] == ["plex"]
    used = sim.do(
        "slash",
        user=sim.members["moderator"],
        command="plex invite",
        options={"email": "alice@example.org"},
        users={"member": sim.members["alice"]},
    )
    answer = await sim.until("interaction", lambda shown: shown["followups"], interaction=used)
    assert answer["reply"]["content"] == "alice@example.org for alice, manages: True", answer
    assert answer["reply"]["only_for"] == sim.members["moderator"]
    assert [more["content"] for more in answer["followups"]] == ["and more"]


@check
async def a_button_opens_a_form_and_the_form_is_answered(sim, bot):
    alice = sim.members["alice"]
    message = await bot.get_user(int(alice)).send("Which address?", view=Prompt())
    pressed = sim.do("press-button", user=alice, message=str(message.id), button="prompt:1")
    answer = await sim.until("interaction", lambda shown: shown["form"], interaction=pressed)
    assert answer["form"]["custom_id"] == "form:1", answer
    sent = sim.do("submit-modal", interaction=pressed, values={"email": "alice@example.org"})
    answer = await sim.until("interaction", lambda shown: shown["reply"], interaction=sent)
    assert answer["reply"]["content"] == "form said alice@example.org", answer


@check
async def a_rate_limit_is_waited_for(sim, bot):
    limited = {"too-many-requests": {"retry_after_ms": 300, "global": False}}
    fault = {"method": "POST", "path": "channels/*/messages", "times": 1, "kind": limited}
    sim.do("fail-requests", fault=fault)
    alice = sim.members["alice"]
    await bot.get_user(int(alice)).send("after the wait")
    assert sim.do("messages", user=alice)[-1]["content"] == "after the wait"
    statuses = [seen["status"] for seen in sim.do("requests") if seen["path"].endswith("/messages")]
    assert statuses[-2:] == [429, 200], statuses


@check
async def a_broken_connection_is_resumed(sim, bot):
    alice, role = sim.members["alice"], sim.roles["subscriber"]
    sim.do("disconnect")
    sim.do("add-role", user=alice, role=role)
    assert await bot.hears("roles") == ["Subscriber"]
    await bot.hears("resumed")
    gateway = sim.do("gateway")
    assert (gateway["identified"], gateway["resumed"]) == (1, 1), gateway


@check
async def an_invalid_session_begins_anew(sim, bot):
    sim.do("invalidate-sessions", resumable=False)
    assert await bot.hears("ready") == 1
    assert sim.do("gateway")["identified"] == 2


async def run():
    passed = failed = 0
    with Simulator() as sim:
        redirect(sim)
        async with Bot(LoopbackConnector(limit=0)) as bot:
            running = asyncio.create_task(bot.start(sim.world["token"]))
            for function in CHECKS:
                try:
                    await asyncio.wait_for(function(sim, bot), 60)
                    passed += 1
                    print(f"ok      {function.__name__}")
                except Exception:
                    failed += 1
                    print(f"FAILED  {function.__name__}")
                    traceback.print_exc(file=sys.stdout)
            await bot.close()
            await asyncio.wait_for(running, 20)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
