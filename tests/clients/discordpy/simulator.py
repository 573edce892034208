"""The simulated Discord as a child process, and the redirection that leads discord.py to it."""

import asyncio
import json
import os
import subprocess
import sys

import aiohttp
import discord
from discord.http import Route


class Simulator:
    """`rolarr-sim discord`, running: its first line is in `world`."""

    def __init__(self):
        program = sys.argv[1] if len(sys.argv) > 1 else os.environ["ROLARR_SIM"]
        self._process = subprocess.Popen(
            [program, "discord"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.world = json.loads(self._process.stdout.readline())
        self.members = self.world["members"]
        self.roles = self.world["roles"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The end of its input ends the simulator.
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def do(self, command, /, **fields):
        """Gives one command; what it answers."""
        self._process.stdin.write(json.dumps({"do": command, **fields}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["ok"]

    async def until(self, command, shows, /, **fields):
        """Looks until what is shown passes a test, for at most ten seconds."""
        for _ in range(200):
            shown = self.do(command, **fields)
            if shows(shown):
                return shown
            await asyncio.sleep(0.05)
        raise AssertionError(f"{command} never showed it, but {shown}")


class LoopbackConnector(aiohttp.TCPConnector):
    """Nothing but 127.0.0.1 is ever contacted."""

    async def _resolve_host(self, host, *args, **kwargs):
        if host != "127.0.0.1":
            raise OSError(f"{host} is not simulated")
        return await super()._resolve_host(host, *args, **kwargs)


def redirect(simulator):
    """Leads REST to the simulator. REST tells where the gateway is; the address to fall back on must not be
    a real one."""
    Route.BASE = simulator.world["url"] + "/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = discord.gateway.yarl.URL(simulator.world["gateway"])
