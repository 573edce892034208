-- An address that a member gave in place of the one that is invited, until the invitation to that one is withdrawn; and
-- how often they did so.
ALTER TABLE accounts ADD COLUMN correction TEXT;
ALTER TABLE accounts ADD COLUMN corrections INTEGER NOT NULL DEFAULT 0;
