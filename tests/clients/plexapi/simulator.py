"""The simulated Plex as a child process, and the session that leads python-plexapi to it."""

import json
import os
import subprocess
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter


class Simulator:
    """`rolarr-sim plex`, running: its first line is in `world`."""

    def __init__(self):
        self._process = subprocess.Popen(
            [os.environ["ROLARR_SIM"], "plex"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.world = json.loads(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The end of its input ends the simulator.
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def do(self, command, **fields):
        """Gives one command; what it answers."""
        self._process.stdin.write(json.dumps({"do": command, **fields}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["ok"]

    def session(self):
        """A session whose requests to plex.tv go to the simulator, and that reaches nothing else."""
        session = requests.Session()
        session.trust_env = False
        session.recorded = []
        session.mount("https://", Refuse())
        session.mount("http://", Refuse())
        session.mount("https://plex.tv", Lead(self.world["plex_tv"], session.recorded))
        session.mount("https://clients.plex.tv", Lead(self.world["clients"], session.recorded))
        session.mount(self.world["server"], HTTPAdapter())
        return session


class Refuse(HTTPAdapter):
    """Nothing else is ever contacted."""

    def send(self, request, **kwargs):
        raise requests.ConnectionError(f"{urlsplit(request.url).hostname} is not simulated")


class Lead(HTTPAdapter):
    """Sends a request to another base address, and notes it down."""

    def __init__(self, base, recorded):
        super().__init__()
        self._base = base
        self._recorded = recorded

    def send(self, request, **kwargs):
        asked = urlsplit(request.url)
        self._recorded.append(
            {
                "host": asked.hostname,
                "method": request.method,
                "path": asked.path,
                "query": [list(pair) for pair in parse_qsl(asked.query, keep_blank_values=True)],
                "content_type": request.headers.get("Content-Type"),
                "body": json.loads(request.body) if request.body else None,
            }
        )
        request = request.copy()
        request.url = self._base + asked.path + (f"?{asked.query}" if asked.query else "")
        return super().send(request, **kwargs)
