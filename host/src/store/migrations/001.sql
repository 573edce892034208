-- Everything that Rolarr remembers. Times are milliseconds since 1970. Discord ids fit 63 bits until 2084.

-- Small facts about this installation, such as the client identifier that plex.tv knows it by.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A guild that was listed completely at least once, with the roles that were tracked then.
CREATE TABLE guilds (
    guild   INTEGER PRIMARY KEY,
    tracked TEXT NOT NULL CHECK (json_valid(tracked))
) STRICT;

-- The role snapshot: what Discord showed last. All roles, not only tracked ones.
CREATE TABLE members (
    guild     INTEGER NOT NULL,
    user      INTEGER NOT NULL,
    username  TEXT    NOT NULL,
    roles     TEXT    NOT NULL CHECK (json_valid(roles)),
    joined_at INTEGER,
    screening INTEGER NOT NULL CHECK (screening IN (0, 1)),
    bot       INTEGER NOT NULL CHECK (bot IN (0, 1)),
    present   INTEGER NOT NULL CHECK (present IN (0, 1)),
    seen_at   INTEGER NOT NULL,
    PRIMARY KEY (guild, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user);

-- The journal. `skipped`: nobody's business (protected). `noted`: happened, and needs no decision.
-- `undecided`: the policy failed on it.
CREATE TABLE events (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    origin TEXT    NOT NULL,
    guild  INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    cause  TEXT    NOT NULL CHECK (json_valid(cause)),
    -- The tracked roles held after the whole change.
    roles  TEXT    NOT NULL CHECK (json_valid(roles)),
    state  TEXT    NOT NULL CHECK (state IN ('waiting', 'decided', 'undecided', 'skipped', 'noted')),
    -- Why it stayed undecided, or why it was skipped.
    remark TEXT
) STRICT;

CREATE INDEX events_waiting ON events (user, id) WHERE state = 'waiting';
CREATE INDEX events_by_member ON events (user, id);
CREATE INDEX events_by_time ON events (at);

-- What was decided, with the complete input: this row is the recording.
CREATE TABLE decisions (
    event   INTEGER PRIMARY KEY REFERENCES events (id),
    at      INTEGER NOT NULL,
    input   TEXT    NOT NULL CHECK (json_valid(input)),
    actions TEXT    NOT NULL CHECK (json_valid(actions)),
    reason  TEXT    NOT NULL,
    policy  TEXT    NOT NULL,
    version TEXT    NOT NULL,
    digest  TEXT    NOT NULL,
    fuel    INTEGER NOT NULL,
    micros  INTEGER NOT NULL,
    logs    TEXT    NOT NULL CHECK (json_valid(logs))
) STRICT;

CREATE INDEX decisions_by_time ON decisions (at);

-- What the decisions of one guild made true for one person.
CREATE TABLE grants (
    guild  INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    access TEXT    NOT NULL CHECK (json_valid(access)),
    since  INTEGER,
    memo   TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (guild, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_by_user ON grants (user);

-- Events that the policy asked for.
CREATE TABLE wakes (
    guild  INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    tag    TEXT    NOT NULL,
    due    INTEGER NOT NULL,
    policy TEXT    NOT NULL,
    PRIMARY KEY (guild, user, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX wakes_by_due ON wakes (due);

-- One person's (or one bare address's) place at Plex.
CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- None: an address that an administrator invited, without a member.
    user         INTEGER UNIQUE,
    email        TEXT,
    email_key    TEXT    UNIQUE,
    -- An address that the member gave and that somebody else's share stands against.
    claim        TEXT,
    plex_account INTEGER UNIQUE,
    share        INTEGER UNIQUE,
    stage        TEXT    NOT NULL DEFAULT 'none'
                 CHECK (stage IN ('none', 'inviting', 'invited', 'joined', 'leaving', 'declined', 'lost')),
    -- What an administrator granted to a bare address.
    granted      TEXT    CHECK (granted IS NULL OR json_valid(granted)),
    -- The event whose decision allows one share to be created; none once it was used.
    invite_for   INTEGER,
    -- A share that Rolarr did not create may be taken over: an administrator said so.
    adopt        INTEGER NOT NULL DEFAULT 0 CHECK (adopt IN (0, 1)),
    -- The last event whose decision concerns this account.
    decided_by   INTEGER,
    -- Why an administrator must decide first.
    held         TEXT,
    -- Plex's words for a refusal that repeating can't mend.
    parked       TEXT,
    -- What the member was last told of their access.
    told         TEXT    NOT NULL DEFAULT 'nothing'
                 CHECK (told IN ('nothing', 'invited', 'granted', 'restricted')),
    -- The policy wants no messages for this event's decision.
    quiet_for    INTEGER,
    -- A message of the policy's that waits until Plex agrees with this event's decision.
    tell_for     INTEGER,
    tell         TEXT,
    -- When to look at Plex again; none if there is nothing to do.
    due          INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- Rises whenever what should be true changes, so that work for an earlier wish is noticed as overtaken.
    wish         INTEGER NOT NULL DEFAULT 0,
    CHECK ((email IS NULL) = (email_key IS NULL))
) STRICT;

CREATE INDEX accounts_by_due ON accounts (due) WHERE due IS NOT NULL;

-- The values of what Rolarr wrote for a person. A field that it never wrote has no row.
CREATE TABLE fields (
    account  INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    field    TEXT    NOT NULL,
    -- What the owner had set before; none if there was nothing but what Rolarr would write.
    owner    TEXT,
    -- What is being written and not yet read back.
    intended TEXT,
    -- What was written last and read back.
    written  TEXT,
    -- What was seen last.
    observed TEXT,
    PRIMARY KEY (account, field)
) STRICT, WITHOUT ROWID;

-- Questions for e-mail addresses.
CREATE TABLE prompts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user       INTEGER NOT NULL,
    guild      INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'expired', 'closed', 'answered')),
    opened_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    channel    INTEGER,
    message    INTEGER
) STRICT;

CREATE UNIQUE INDEX one_prompt_at_a_time ON prompts (user) WHERE state = 'open';
CREATE INDEX prompts_by_user ON prompts (user);

-- Messages to send and to change, each once.
CREATE TABLE tasks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The event that it follows from.
    event      INTEGER,
    user       INTEGER,
    work       TEXT    NOT NULL CHECK (json_valid(work)),
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'sending', 'done', 'dropped', 'inbox')),
    due        INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    channel    INTEGER,
    message    INTEGER,
    sent_at    INTEGER
) STRICT;

CREATE INDEX tasks_by_due ON tasks (due) WHERE state IN ('waiting', 'sending');
CREATE INDEX tasks_inbox ON tasks (user) WHERE state = 'inbox';

-- What administrators are told.
CREATE TABLE audit (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    event INTEGER,
    user  INTEGER,
    kind  TEXT    NOT NULL,
    text  TEXT    NOT NULL
) STRICT;
