-- When a member's loss before the last one was: it counts still if the last one is cancelled before it is carried out.
ALTER TABLE shrinks ADD COLUMN earlier INTEGER;
