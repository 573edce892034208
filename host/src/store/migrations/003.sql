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

-- What came of orders from the command line, until somebody reads it.
CREATE TABLE answers (
    -- The order's.
    id   INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    text TEXT    NOT NULL
) STRICT;

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
