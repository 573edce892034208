-- What of a decision waits, how fast a policy may ask, and what an administrator was shown.

-- Why an account is parked. `parked` holds the words for it.
ALTER TABLE accounts ADD COLUMN parked_for TEXT CHECK (parked_for IN ('token', 'refused'));
UPDATE accounts SET parked_for = CASE
        WHEN parked = 'Plex does not accept the token: sign in again and put the new token into the configuration'
        THEN 'token' ELSE 'refused' END
    WHERE parked IS NOT NULL;

-- When what is held last became something else.
ALTER TABLE holds ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE holds SET changed = since;
-- The message to administrators that names it. Once that is delivered, the hold was shown.
ALTER TABLE holds ADD COLUMN told_by INTEGER;

-- Access that was reduced by a decision of which the effects wait for the settling time.
CREATE TABLE settling (
    account INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- The last event whose decision waits.
    event   INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    -- What each guild had decided before: the access that goes on meanwhile.
    before  TEXT    NOT NULL CHECK (json_valid(before)),
    -- Messages of the policy's that wait with it.
    tell    TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tell)),
    -- What administrators are told of the decisions: event and text.
    reports TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(reports))
) STRICT;

CREATE INDEX settling_by_due ON settling (due);

-- Wakes of policies that do not decide now. They return if a policy of their name takes over again.
CREATE TABLE shelved_wakes (
    guild   INTEGER NOT NULL,
    user    INTEGER NOT NULL,
    tag     TEXT    NOT NULL,
    due     INTEGER NOT NULL,
    policy  TEXT    NOT NULL,
    -- When they were put here.
    shelved INTEGER NOT NULL,
    PRIMARY KEY (policy, guild, user, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX shelved_wakes_by_member ON shelved_wakes (user);

-- How often a policy was woken, and how often it sent messages, within the present hour.
CREATE TABLE pace (
    -- The member of a guild; 0 and 0: all of them together.
    guild   INTEGER NOT NULL,
    user    INTEGER NOT NULL,
    -- When the hour began.
    since   INTEGER NOT NULL,
    wakes   INTEGER NOT NULL DEFAULT 0,
    told    INTEGER NOT NULL DEFAULT 0,
    -- When it was stopped for asking for too much; none if it was not.
    stopped INTEGER,
    PRIMARY KEY (guild, user)
) STRICT, WITHOUT ROWID;
