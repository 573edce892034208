-- What is known of each field that Rolarr wrote: the owner's own value, and every value that was sent and is not
-- proven superseded. A field belongs to the Plex account that it was written for; 0 until that account is known.
CREATE TABLE ledgers (
    account      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    plex_account INTEGER NOT NULL,
    field        TEXT    NOT NULL,
    base         TEXT    NOT NULL,
    sent         TEXT    NOT NULL CHECK (json_valid(sent)),
    confirmed    INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
    reported     TEXT,
    PRIMARY KEY (account, plex_account, field)
) STRICT, WITHOUT ROWID;

INSERT INTO ledgers (account, plex_account, field, base, sent, confirmed, reported)
SELECT f.account, coalesce(a.plex_account, 0), f.field,
       coalesce(f.owner, CASE WHEN f.field IN ('"downloads"', '"live-tv"') THEN coalesce(f.written, '0') ELSE '' END),
       CASE
           WHEN f.written IS NULL AND f.intended IS NULL THEN json_array()
           WHEN f.written IS NULL THEN json_array(f.intended)
           WHEN f.intended IS NULL THEN json_array(f.written)
           ELSE json_array(f.written, f.intended)
       END,
       f.intended IS NULL AND f.written IS NOT NULL,
       CASE WHEN f.observed IS NOT f.written AND f.observed IS NOT f.intended AND f.observed IS NOT f.owner
            THEN f.observed END
FROM fields f JOIN accounts a ON a.id = f.account;

DROP TABLE fields;

-- Every list of libraries that was sent and is not proven superseded; null in it stands for all libraries.
ALTER TABLE libraries ADD COLUMN sent TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(sent));
ALTER TABLE libraries ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1));
UPDATE libraries SET
    sent = CASE
        WHEN written IS NULL AND intended IS NULL THEN '[]'
        WHEN written IS NULL THEN json_array(json(intended))
        WHEN intended IS NULL THEN json_array(json(written))
        ELSE json_array(json(written), json(intended))
    END,
    confirmed = intended IS NULL AND written IS NOT NULL;
ALTER TABLE libraries DROP COLUMN intended;
ALTER TABLE libraries DROP COLUMN written;

-- Until when an earlier request for the account can still take effect at Plex, or its old state can still show.
ALTER TABLE accounts ADD COLUMN created_until INTEGER;
ALTER TABLE accounts ADD COLUMN ended_until INTEGER;
ALTER TABLE accounts ADD COLUMN written_until INTEGER;
-- When the first of the reads began that show no share although there should be one.
ALTER TABLE accounts ADD COLUMN absent_since INTEGER;
-- When running streams are to be ended once more.
ALTER TABLE accounts ADD COLUMN streams_due INTEGER;
