"""Runs python-plexapi against the simulated Plex.

Each check is a function; they share one simulated world and run in the order in which they stand here. The
requests of the operations that Rolarr has too are kept in requests.json, with names in place of numbers, so
that what Rolarr sends can be held against them.
"""

import json
import os
import sys
import traceback
from pathlib import Path

# -I keeps this folder out of the module path.
sys.path.append(str(Path(__file__).parent))

from plexapi import VERSION  # noqa: E402
from plexapi.exceptions import BadRequest, NotFound, Unauthorized  # noqa: E402
from plexapi.myplex import MyPlexAccount  # noqa: E402

from simulator import Simulator  # noqa: E402

REQUESTS = Path(__file__).parent / "requests.json"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Client:
    """A signed-in plexapi with the simulator behind it."""

    def __init__(self, simulator):
        self.sim = simulator
        self.world = simulator.world
        self.machine = self.world["machine"]
        self.session = simulator.session()
        self.account = None
        self.operations = {}

    def record(self, name, placeholders, operation):
        """Does an operation and keeps its requests under a name."""
        before = len(self.session.recorded)
        result = operation()
        requests = self.session.recorded[before:]
        self.operations[name] = [self._normalised(request, placeholders) for request in requests]
        return result

    def _normalised(self, request, placeholders):
        names = {self.machine: "{machine}", **{str(value): name for value, name in placeholders.items()}}
        for server in self.world["servers"]:
            for library in server["libraries"]:
                names[str(library["id"])] = f"{{section:{library['title']}}}"

        def replaced(value):
            if isinstance(value, dict):
                return {key: replaced(inner) for key, inner in value.items()}
            if isinstance(value, list):
                return [replaced(inner) for inner in value]
            if isinstance(value, bool):
                return value
            return names.get(str(value), value)

        path = "/".join(names.get(part, part) for part in request["path"].split("/"))
        return {**request, "path": path, "query": replaced(request["query"]), "body": replaced(request["body"])}

    def user(self, name):
        return self.account.user(name)

    def share(self, name):
        return next(share for share in self.user(name).servers if share.machineIdentifier == self.machine)


@check
def a_wrong_token_is_refused(c):
    try:
        MyPlexAccount(token="not-the-token", session=c.session)
    except Unauthorized as refusal:
        assert "1001" in str(refusal)
    else:
        raise AssertionError("signed in with a wrong token")


@check
def signs_in_with_a_token(c):
    c.account = c.record("sign-in", {}, lambda: MyPlexAccount(token=c.world["token"], session=c.session))
    assert c.account.username == c.world["owner"]["username"]
    assert c.account.email == c.world["owner"]["email"]
    assert c.account.id == c.world["owner"]["id"]
    assert c.account.subscriptionActive is True
    assert "plexpass" in c.account.roles
    assert "content_filter" in c.account.subscriptionFeatures


@check
def pings(c):
    assert c.account.ping() is True


@check
def finds_the_owned_server_and_connects_to_it(c):
    resources = c.record("discover", {}, c.account.resources)
    owned = {r.clientIdentifier: r for r in resources if r.owned and "server" in r.provides.split(",")}
    attic = owned[c.machine]
    assert attic.name == "Attic"
    assert attic.connections[0].local is True
    server = attic.connect(ssl=False, timeout=5)
    assert server.machineIdentifier == c.machine
    assert server.friendlyName == "Attic"


@check
def finds_libraries_by_name_and_by_key(c):
    (attic, _) = c.world["servers"]
    movies = attic["libraries"][0]
    found = c.record("list-sections", {}, lambda: c.account._getSectionIds(c.machine, ["MOVIES"]))
    assert found == [movies["id"]]
    assert movies["id"] != movies["key"]


@check
def lists_nobody_at_first(c):
    assert c.record("list-users", {}, c.account.users) == []
    invites = c.record("list-invites", {}, lambda: c.account.pendingInvites(includeReceived=False))
    assert invites == []


@check
def received_invites_are_gone(c):
    try:
        c.account.pendingInvites(includeSent=False)
    except BadRequest as refusal:
        assert "(410)" in str(refusal)
    else:
        raise AssertionError("the route for received invites still answers")


@check
def invites_with_libraries_by_name(c):
    c.record(
        "invite",
        {"ann@example.org": "{email}"},
        lambda: c.account.inviteFriend("ann@example.org", c.machine, sections=["Movies", "TV Shows"]),
    )
    assert c.account.users() == []
    (invite,) = c.account.pendingInvites(includeReceived=False)
    assert (invite.email, invite.username) == ("ann@example.org", "ann")
    assert (invite.friend, invite.home, invite.server) == (True, False, True)
    assert [(server.name, server.numLibraries) for server in invite.servers] == [("Attic", 2)]


@check
def inviting_twice_is_refused_with_the_persons_name(c):
    try:
        c.account.inviteFriend("ann@example.org", c.machine, sections=["Movies"])
    except BadRequest as refusal:
        assert "You're already sharing this server with Ann. Please edit your existing share." in str(refusal)
    else:
        raise AssertionError("the second invite was accepted")


@check
def cancels_an_invite(c):
    invite = c.account.pendingInvite("ann@example.org", includeReceived=False)
    c.record("cancel", {invite.id: "{invite}"}, lambda: c.account.cancelInvite(invite))
    assert c.account.pendingInvites(includeReceived=False) == []
    assert c.sim.do("state")["shares"] == {}


@check
def invites_again_after_cancelling_born_restricted(c):
    c.record(
        "invite-restricted",
        {"ann@example.org": "{email}"},
        lambda: c.account.inviteFriend(
            "ann@example.org",
            c.machine,
            sections=["Movies"],
            filterMovies={"label": ["noAccess"]},
            filterTelevision={"label": ["noAccess"]},
        ),
    )
    c.sim.do("accept", who="ann@example.org")
    ann = c.user("ann@example.org")
    assert ann.filterMovies == ann.filterTelevision == "label=noAccess"
    assert ann.filterMusic == ""
    assert c.sim.do("visible", account=ann.id) == []


@check
def an_unregistered_address_is_its_invites_id(c):
    c.account.inviteFriend("New.Person@example.org", c.machine, sections=["Movies"])
    (invite,) = c.account.pendingInvites(includeReceived=False)
    assert invite.username == ""
    assert invite.email == "New.Person@example.org"
    assert invite.id != invite.id, "plexapi reads a number and gets none"
    c.sim.do("decline", who="new.person@example.org")
    assert c.account.pendingInvites(includeReceived=False) == []


@check
def an_accepted_friend_is_listed_with_their_share(c):
    ann = c.user("ANN@example.org")
    share = c.share("ann")
    assert (share.name, share.pending, share.owned, share.allLibraries) == ("Attic", False, True, False)
    assert share.numLibraries == 1
    assert ann.id == c.account.user(str(ann.id)).id
    assert ann.home is False


@check
def lists_the_sections_of_a_share(c):
    share = c.share("ann")
    shown = c.record("show-share", {share.id: "{share}"}, share.sections)
    assert [(s.title, s.shared) for s in shown] == [
        ("Movies", True),
        ("TV Shows", False),
        ("Music", False),
        ("Photos", False),
    ]
    assert all(section.id != section.key for section in shown)


@check
def gets_the_token_of_a_share(c):
    assert c.user("ann").get_token(c.machine) == f"share-token-{c.share('ann').id}"


@check
def changes_the_libraries_of_a_share(c):
    share = c.share("ann")
    c.record(
        "set-libraries",
        {share.id: "{share}"},
        lambda: c.account.updateFriend("ann", c.machine, sections=["TV Shows", "Music"]),
    )
    assert [s.title for s in c.share("ann").sections() if s.shared] == ["TV Shows", "Music"]
    assert c.share("ann").id == share.id


@check
def sets_and_clears_filters(c):
    ann = c.user("ann")
    share = c.share("ann")
    c.record(
        "unrestrict",
        {ann.id: "{account}"},
        lambda: c.account.updateFriend(ann, c.machine, filterMovies={}, filterTelevision={}),
    )
    assert c.user("ann").filterMovies == c.user("ann").filterTelevision == ""
    assert c.sim.do("visible", account=ann.id) == ["Harbour", "The Sines"]
    c.record(
        "restrict",
        {ann.id: "{account}"},
        lambda: c.account.updateFriend(
            ann, c.machine, filterMovies={"label": ["noAccess"]}, filterTelevision={"label": ["a", "b"]}
        ),
    )
    assert c.user("ann").filterMovies == "label=noAccess"
    assert c.user("ann").filterTelevision == "label=a%2Cb"
    assert c.share("ann").id == share.id


@check
def flags_are_set_alone(c):
    c.account.updateFriend("ann", c.machine, allowSync=True)
    ann = c.user("ann")
    assert ann.allowSync is True
    assert ann.filterMovies == "label=noAccess"


@check
def removes_one_share_and_the_friend_stays(c):
    share = c.share("ann")
    c.record(
        "remove-share",
        {share.id: "{share}"},
        lambda: c.account.updateFriend("ann", c.machine, sections=["Music"], removeSections=True),
    )
    ann = c.user("ann")
    assert ann.servers == []
    assert ann.filterMovies == "label=noAccess"


@check
def shares_with_an_existing_friend(c):
    ann = c.user("ann")
    c.record(
        "share-with-friend",
        {ann.id: "{account}"},
        lambda: c.account.updateFriend(ann, c.machine, sections=["Movies"]),
    )
    assert c.share("ann").pending is True
    c.sim.do("accept", who="ann@example.org")
    assert c.share("ann").pending is False
    assert c.user("ann").filterMovies == "label=noAccess"


@check
def a_friend_without_a_share_gets_all_libraries_by_a_mere_filter(c):
    # Why Rolarr never restricts anybody by this call.
    ben = next(person for person in c.world["people"] if person["username"] == "ben")
    c.sim.do("share", account=ben["id"], machine=c.world["other_machine"], libraries=[])
    c.account.updateFriend("ben", c.machine, filterMovies={"label": ["noAccess"]})
    assert c.share("ben").allLibraries is True


@check
def removes_a_friend(c):
    ann = c.user("ann")
    c.record("remove-friendship", {ann.id: "{account}"}, lambda: c.account.removeFriend(ann))
    assert [user.username for user in c.account.users()] == ["ben"]
    try:
        c.account.removeFriend("ann")
    except NotFound:
        pass
    else:
        raise AssertionError("removed somebody who is no friend")


@check
def a_name_that_is_nobodys_is_refused(c):
    try:
        c.account.inviteFriend("no such name", c.machine, sections=["Movies"])
    except BadRequest as refusal:
        assert "The username or email entered appears to be invalid." in str(refusal)
    else:
        raise AssertionError("invited nobody")


@check
def an_unknown_server_is_not_found(c):
    try:
        c.account.inviteFriend("cleo@example.org", "no-such-machine")
    except NotFound:
        pass
    else:
        raise AssertionError("invited to a server that does not exist")


@check
def a_stream_is_listed_and_terminated(c):
    cleo = next(person for person in c.world["people"] if person["username"] == "cleo")
    c.sim.do("share", account=cleo["id"], machine=c.machine, libraries=["Movies"])
    c.sim.do("stream", account=cleo["id"], title="Shootout")
    server = c.account.resource("Attic").connect(ssl=False, timeout=5)
    (video,) = server.sessions()
    assert video.title == "Shootout"
    assert video.usernames == ["Cleo"]
    video.stop(reason="no longer shared")
    assert server.sessions() == []


@check
def a_token_that_becomes_invalid_is_refused(c):
    c.sim.do("token", valid=False)
    try:
        c.account.users()
    except Unauthorized:
        pass
    else:
        raise AssertionError("a revoked token was accepted")
    finally:
        c.sim.do("token", valid=True)


@check
def requests_are_as_recorded(c):
    written = json.dumps({"client": f"python-plexapi {VERSION}", "operations": c.operations}, indent=2) + "\n"
    known = REQUESTS.read_text() if REQUESTS.exists() else ""
    if written != known:
        REQUESTS.write_text(written)
        raise AssertionError(f"{REQUESTS.name} was not up to date and is now: look at the difference, commit it")


def main():
    os.environ.setdefault("NO_PROXY", "*")
    passed = failed = 0
    with Simulator() as simulator:
        client = Client(simulator)
        for function in CHECKS:
            try:
                function(client)
                passed += 1
                print(f"ok      {function.__name__}")
            except Exception:
                failed += 1
                print(f"FAILED  {function.__name__}")
                traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
