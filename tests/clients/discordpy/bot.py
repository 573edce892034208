"""A small bot on discord.py: a slash command, a button, a form."""

import asyncio

import discord
from discord import app_commands


async def invite(interaction: discord.Interaction, email: str, member: discord.Member | None = None):
    await interaction.response.defer(ephemeral=True)
    manages = interaction.permissions.manage_guild
    name = member.name if member else "nobody"
    await interaction.edit_original_response(content=f"{email} for {name}, manages: {manages}")
    await interaction.followup.send("and more", ephemeral=True)


class EmailForm(discord.ui.Modal, title="Link Plex"):
    email = discord.ui.TextInput(label="E-mail", custom_id="email", min_length=3)

    def __init__(self):
        super().__init__(custom_id="form:1")

    async def on_submit(self, interaction):
        await interaction.response.send_message(f"form said {self.email.value}", ephemeral=True)


class Prompt(discord.ui.View):
    def __init__(self):
        super().__init__(timeout=None)

    @discord.ui.button(label="Link my Plex", custom_id="prompt:1", style=discord.ButtonStyle.primary)
    async def link(self, interaction, button):
        await interaction.response.send_modal(EmailForm())


class Bot(discord.Client):
    """Keeps what it heard, in order."""

    def __init__(self, connector):
        # The least: without presences the guild arrives with the bot as its only member.
        intents = discord.Intents(guilds=True, members=True, dm_messages=True)
        super().__init__(intents=intents, connector=connector, chunk_guilds_at_startup=False)
        self.tree = app_commands.CommandTree(self)
        self.heard = asyncio.Queue()
        plex = app_commands.Group(name="plex", description="Access to Plex")
        plex.command(name="invite", description="Invite somebody")(invite)
        self.tree.add_command(plex)

    async def setup_hook(self):
        self.add_view(Prompt())

    async def on_ready(self):
        self.heard.put_nowait(("ready", len(self.guilds)))

    async def on_resumed(self):
        self.heard.put_nowait(("resumed", None))

    async def on_raw_member_remove(self, payload):
        self.heard.put_nowait(("left", str(payload.user.id)))

    async def on_member_join(self, member):
        self.heard.put_nowait(("joined", str(member.id)))

    async def on_member_update(self, before, after):
        self.heard.put_nowait(("roles", [role.name for role in after.roles[1:]]))

    async def on_guild_role_update(self, before, after):
        self.heard.put_nowait(("renamed", after.name))

    async def on_guild_role_delete(self, role):
        self.heard.put_nowait(("deleted", role.name))

    async def on_message(self, message):
        if message.author != self.user:
            self.heard.put_nowait(("message", message.content))

    async def hears(self, kind):
        """The next thing of a kind that it hears, for at most twenty seconds."""

        async def wait():
            while True:
                heard, what = await self.heard.get()
                if heard == kind:
                    return what

        return await asyncio.wait_for(wait(), 20)
