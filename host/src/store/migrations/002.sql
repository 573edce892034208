-- What keeps access from shrinking by accident, and what somebody else changed at Plex.

-- Roles that were tracked and that Discord no longer has.
CREATE TABLE deleted_roles (
    guild INTEGER NOT NULL,
    role  INTEGER NOT NULL,
    key   TEXT    NOT NULL,
    since INTEGER NOT NULL,
    -- An administrator agreed that those who had it lose access.
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    PRIMARY KEY (guild, role)
) STRICT, WITHOUT ROWID;

-- Members whose access shrank, or was to shrink and is held: when that was last.
CREATE TABLE shrinks (
    user INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;

CREATE INDEX shrinks_by_time ON shrinks (at);

-- Accounts whose access is to shrink and does not until an administrator says so.
CREATE TABLE holds (
    account   INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- The event whose decision was the first to be held.
    event     INTEGER,
    reason    TEXT    NOT NULL CHECK (reason IN ('too-many', 'role-deleted', 'drift')),
    -- The operator's name of the deleted role.
    role      TEXT,
    since     INTEGER NOT NULL,
    -- What each guild had decided before: the access that goes on meanwhile.
    before    TEXT    NOT NULL CHECK (json_valid(before)),
    -- Messages of the policy's that wait with it.
    tell      TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tell)),
    -- Administrators were told.
    announced INTEGER NOT NULL DEFAULT 0 CHECK (announced IN (0, 1))
) STRICT;

-- What administrators decided on the command line, for the bot to carry out.
CREATE TABLE orders (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT    NOT NULL CHECK (json_valid(what))
) STRICT;

-- What stands at Plex and is not what Rolarr made so.
CREATE TABLE drift (
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    what    TEXT    NOT NULL,
    wanted  TEXT    NOT NULL,
    seen    TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    -- An administrator rejected that it is set again: it stays.
    accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted IN (0, 1)),
    PRIMARY KEY (account, what)
) STRICT, WITHOUT ROWID;

-- What somebody else changed is to be written over, once.
ALTER TABLE accounts ADD COLUMN mend INTEGER NOT NULL DEFAULT 0 CHECK (mend IN (0, 1));

-- An invitation to the address was sent at some time, or a share of theirs taken over: whoever has it may be a friend of the owner by that.
ALTER TABLE accounts ADD COLUMN invited INTEGER NOT NULL DEFAULT 0 CHECK (invited IN (0, 1));
UPDATE accounts SET invited = 1 WHERE stage <> 'none';
