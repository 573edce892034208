-- Policies that decided, so that one can be brought back, and a candidate that runs beside the one that decides.

-- The files of policies, each once.
CREATE TABLE modules (
    digest TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

-- Policies that were in force.
CREATE TABLE policies (
    -- Of module, settings and sources: what decisions name.
    digest   TEXT    PRIMARY KEY,
    name     TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    -- How the operator named the module.
    origin   TEXT    NOT NULL,
    module   TEXT    NOT NULL REFERENCES modules (digest),
    settings TEXT    NOT NULL CHECK (json_valid(settings)),
    sources  TEXT    NOT NULL CHECK (json_valid(sources)),
    -- When it last took over.
    since    INTEGER NOT NULL
) STRICT;

-- The bot carries the order out: it can't be taken back any more.
ALTER TABLE orders ADD COLUMN taken_up INTEGER NOT NULL DEFAULT 0 CHECK (taken_up IN (0, 1));

-- What came of orders from the command line, until somebody reads it.
CREATE TABLE answers (
    -- The order's.
    id   INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    text TEXT    NOT NULL
) STRICT;

-- Events that a policy failed on: what it was told, and what came of it.
CREATE TABLE failures (
    event   INTEGER PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    input   TEXT    NOT NULL CHECK (json_valid(input)),
    why     TEXT    NOT NULL,
    policy  TEXT    NOT NULL,
    version TEXT    NOT NULL,
    digest  TEXT    NOT NULL,
    fuel    INTEGER NOT NULL,
    micros  INTEGER NOT NULL,
    logs    TEXT    NOT NULL CHECK (json_valid(logs)),
    -- When the policy is to be asked anew, where the machine may be to blame.
    again   INTEGER
) STRICT;

CREATE INDEX failures_again ON failures (again) WHERE again IS NOT NULL;

-- What a candidate would have decided on events that were decided.
CREATE TABLE shadow (
    event     INTEGER PRIMARY KEY REFERENCES decisions (event) ON DELETE CASCADE,
    -- None while it is to be asked.
    candidate TEXT,
    outcome   TEXT NOT NULL CHECK (outcome IN ('waiting', 'same', 'words', 'access', 'failed')),
    -- Where it differs: its actions and its reason, or why it failed.
    actions   TEXT CHECK (actions IS NULL OR json_valid(actions)),
    reason    TEXT
) STRICT;

CREATE INDEX shadow_waiting ON shadow (event) WHERE outcome = 'waiting';

-- Why access is held, with one reason more, and who of those was shown to an administrator.
CREATE TABLE held (
    account   INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- The event whose decision was the first to be held.
    event     INTEGER,
    reason    TEXT    NOT NULL CHECK (reason IN ('too-many', 'role-deleted', 'drift', 'guild-unserved')),
    -- The name of the deleted role: the operator's, or Discord's where it was not tracked.
    role      TEXT,
    since     INTEGER NOT NULL,
    -- What each guild had decided before: the access that goes on meanwhile.
    before    TEXT    NOT NULL CHECK (json_valid(before)),
    -- Messages of the policy's that wait with it.
    tell      TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tell)),
    -- The message to administrators names it.
    announced INTEGER NOT NULL DEFAULT 0 CHECK (announced IN (0, 1)),
    -- An administrator was shown it: by that message, or by the list on the command line.
    shown     INTEGER NOT NULL DEFAULT 0 CHECK (shown IN (0, 1)),
    -- The order from the command line that decides on it.
    ordered   INTEGER
) STRICT;
INSERT INTO held
    SELECT account, event, reason, role, since, before, tell, announced, announced, NULL FROM holds;
DROP TABLE holds;
ALTER TABLE held RENAME TO holds;

-- An administrator decided on what members had lost up to an event: none of it holds anything any more.
-- (`deleted_roles.settled`, which said so of a role for everybody, is not set from here on.)
CREATE TABLE settled (
    user  INTEGER PRIMARY KEY,
    event INTEGER NOT NULL
) STRICT;

-- Protected roles as Discord showed them last: one that is gone was deleted.
CREATE TABLE protected_roles (
    role  INTEGER PRIMARY KEY,
    guild INTEGER NOT NULL,
    name  TEXT    NOT NULL
) STRICT;

-- A command of an administrator's is being carried out for the account: it goes before protection.
ALTER TABLE accounts ADD COLUMN commanded INTEGER NOT NULL DEFAULT 0 CHECK (commanded IN (0, 1));

-- The libraries that Rolarr shared with a person, as lists of plex.tv's numbers. Where no rule names any, there is
-- no row.
CREATE TABLE libraries (
    account  INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- What is being written and not yet read back.
    intended TEXT CHECK (intended IS NULL OR json_valid(intended)),
    -- What was written last and read back.
    written  TEXT CHECK (written IS NULL OR json_valid(written))
) STRICT;

-- What administrators must hear before everything else that waits for them.
ALTER TABLE tasks ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0 CHECK (urgent IN (0, 1));
