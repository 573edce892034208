-- How often in a row Plex refused what was asked for an account.
ALTER TABLE accounts ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;

-- A person's messages go out in the order in which they came to be.
CREATE INDEX tasks_by_user ON tasks (user, id) WHERE state IN ('waiting', 'sending');
