-- A large file comes in parts: the store's id of the unfinished upload.
ALTER TABLE upload ADD COLUMN store_upload VARCHAR(300) NOT NULL DEFAULT '';
-- Files of one account that are still in quarantine are counted before it may send more.
CREATE INDEX upload_under_way ON upload (reserved_by) WHERE state IN ('reserved', 'uploaded');
DROP INDEX upload_reserved_by;
-- What the sweep looks for, so that it reads no more than it ends.
CREATE INDEX upload_reserved ON upload (reserved_at) WHERE state = 'reserved';
CREATE INDEX upload_ends ON upload (expires_on) WHERE state = 'verified' AND expires_on IS NOT NULL;
