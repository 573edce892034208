"""{{name}}: what follows when a member's roles change.

Rolarr calls `configure` when the policy is loaded and `evaluate` for each event, each time in a fresh
interpreter: nothing is kept from one event to the next. wit/policy.wit describes every word. There is no
clock, no randomness, no file, no network and no `print`; an exception other than `Err` stops the policy
without a word, so raise `Err`.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import host
from wit_world.imports.types import (
    Access_Absent,
    Access_Granted,
    Access_Restricted,
    Action,
    Action_Invite,
    Action_Remove,
    Action_RestrictTo,
    Action_Unrestrict,
    Cause_Account,
    Cause_MemberLeft,
    Cause_Review,
    Cause_RoleAdded,
    Cause_RoleRemoved,
    Cause_Wake,
    Combine,
    Decision,
    Event,
    Filter_Keep,
    Filter_Only,
    Grant,
    Metadata,
    Progress,
    Restriction,
    Rule,
    Source,
)

# The label that a restricted member's filters ask for. No item carries it, so nothing is shown.
label = "noAccess"

SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"label": {"type": "string", "minLength": 1, "default": "noAccess"}},
}


class Rules(exports.Rules):
    def describe(self) -> Metadata:
        return Metadata(
            name="{{name}}",
            version="0.1.0",
            description="A member with a tracked role has access. Without one the share stays and shows "
            "nothing. Who leaves the Discord server is removed.",
            settings_schema=json.dumps(SETTINGS),
            wants=[],
        )

    # The text of an `Err` is shown to the operator.
    def configure(self, settings: str, sources: list[Source]) -> None:
        global label
        given = json.loads(settings)
        for name in given:
            if name != "label":
                raise Err(f"there is no setting `{name}`; there is `label`")
        label = given.get("label", "noAccess")
        if not isinstance(label, str) or label == "":
            raise Err("setting `label`: it must be a text that is not empty")

    def evaluate(self, event: Event) -> Decision:
        roles = event.member.roles
        match event.cause:
            case Cause_RoleAdded(role):
                return with_role(event, f"has the role `{role.key}` now")
            case Cause_RoleRemoved(_) if roles:
                return nothing(f"still has the role `{roles[0].key}`")
            case Cause_RoleRemoved(role):
                return without_role(event, f"lost the last role `{role.key}`")
            case Cause_MemberLeft():
                return left(event, "left the Discord server")
            case Cause_Review(_) if roles:
                return with_role(event, f"has the role `{roles[0].key}`")
            case Cause_Review(_):
                return without_role(event, "has no tracked role")
            case Cause_Wake(_):
                return nothing("this policy asks for no wakes")
            case Cause_Account(_):
                return nothing("only roles count for this policy")
            case other:
                host.log(host.Level.DEBUG, f"nothing is done about {type(other).__name__}")
                return nothing("this policy asks for no other causes")


def with_role(event: Event, why: str) -> Decision:
    """The member holds a tracked role."""
    match event.account.access:
        case Access_Absent():
            # None of the three is said: it is what the operator configured.
            return decision([Action_Invite(Grant(None, None, None))], why)
        case Access_Restricted(_):
            return decision([Action_Unrestrict()], why)
        case Access_Granted(_):
            return nothing(f"{why}, and access already")


def without_role(event: Event, why: str) -> Decision:
    """The member holds no tracked role."""
    match event.account.access:
        case Access_Restricted(_):
            return nothing(f"{why}, and is restricted already")
        # Nothing is shared, but a question for the address may still stand: the restriction closes it.
        case Access_Absent() if event.account.progress != Progress.ASKING:
            return nothing(f"{why}, and had no access")
        case _:
            return decision([Action_RestrictTo(restriction())], why)


def left(event: Event, why: str) -> Decision:
    """The member left the Discord server."""
    match event.account.access:
        case Access_Absent() if event.account.progress != Progress.ASKING:
            return nothing(f"{why}, and had no access")
        case _:
            return decision([Action_Remove()], why)


def restriction() -> Restriction:
    """Of movies and television only what carries the label. The rest stays as it is."""
    labelled = Filter_Only(Rule(labels=[label], not_labels=[], ratings=[], not_ratings=[]))
    return Restriction(
        movies=labelled,
        television=labelled,
        music=Filter_Keep(),
        photos=Filter_Keep(),
        combine=Combine.REPLACE,
        downloads=None,
        live_tv=None,
        # A filter alone leaves what is playing on.
        end_streams=True,
    )


def decision(actions: list[Action], reason: str) -> Decision:
    return Decision(actions=actions, reason=reason)


def nothing(reason: str) -> Decision:
    return decision([], reason)
