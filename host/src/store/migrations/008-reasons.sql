-- Why an administrator must decide on an account: the reason for the program, beside the words for people.
ALTER TABLE accounts ADD COLUMN held_for TEXT;
UPDATE accounts SET held_for = CASE
    WHEN held LIKE 'gave the address of the Plex owner %' THEN 'owners-address'
    WHEN held LIKE 'gave the address of somebody with whom the owner shares already.%' THEN 'shared-already'
    WHEN held LIKE 'gave an address that belongs to another member.%' THEN 'others-address'
    WHEN held LIKE 'the account belongs to the owner''s Plex Home%' THEN 'owners-home'
    WHEN held LIKE 'the Plex account or share belongs to another member.%' THEN 'others-share'
    ELSE 'earlier'
END WHERE held IS NOT NULL;

-- The counter that rises with each change of what should be true.
ALTER TABLE accounts RENAME COLUMN wish TO generation;
