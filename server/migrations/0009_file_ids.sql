-- A file's id is one file in its dialog, whichever side uploaded it, and a dialog takes its files along.
CREATE TABLE files_new (
    -- Its name in the folder: random, and nothing of a client's making.
    blob TEXT NOT NULL PRIMARY KEY,
    -- The name that the client gave it.
    id TEXT NOT NULL,
    -- None: uploaded by a visitor who has no dialog yet, and whom the next three name.
    dialog_id INTEGER REFERENCES dialogs (id) ON DELETE CASCADE,
    site_id INTEGER NOT NULL DEFAULT 0,
    assistant_id INTEGER NOT NULL DEFAULT 0,
    key_hash BLOB CHECK (key_hash IS NULL OR length(key_hash) = 32),
    -- The kind of author that uploaded it, as in messages.
    author_kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    mime TEXT NOT NULL,
    size INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    -- SHA-256 of its bytes.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    -- When it was last uploaded, ms since 1970.
    at INTEGER NOT NULL,
    -- The message that it went with; none: not sent, and forgotten after two days.
    seq INTEGER
) STRICT, WITHOUT ROWID;

-- Of two files under one id the one that was sent first keeps it; the bytes of another that was sent stay in backups.
INSERT INTO files_new
    SELECT f.blob, CASE WHEN f.dialog_id IS NOT NULL AND EXISTS (
            SELECT 1 FROM files g WHERE g.dialog_id = f.dialog_id AND g.id = f.id
            AND (coalesce(g.seq, 9e18), g.blob) < (coalesce(f.seq, 9e18), f.blob)
        ) THEN f.id || '/' || f.blob ELSE f.id END,
        f.dialog_id, f.site_id, f.assistant_id, f.key_hash, f.author_kind, f.name, f.mime, f.size, f.width, f.height,
        f.digest, f.at, f.seq
    FROM files f
    WHERE f.dialog_id IS NULL OR f.dialog_id IN (SELECT id FROM dialogs WHERE deleted = 0);

DROP TABLE files;

ALTER TABLE files_new RENAME TO files;

CREATE UNIQUE INDEX files_by_id ON files (dialog_id, id) WHERE dialog_id IS NOT NULL;

-- With all that counting reads.
CREATE INDEX files_of_newcomers ON files (site_id, assistant_id, key_hash, size, dialog_id) WHERE dialog_id IS NULL;

CREATE INDEX files_unsent ON files (at) WHERE seq IS NULL;

-- Their bytes are swept away when they are old enough.
CREATE TRIGGER files_go_with_their_dialogs AFTER UPDATE OF deleted ON dialogs WHEN new.deleted = 1
BEGIN
    DELETE FROM files WHERE dialog_id = new.id;
END;

-- When this log was last put in the place of another, ms since 1970; 0: never. The bytes of that other's files are kept
-- for a while, for the way back.
ALTER TABLE meta ADD COLUMN restored_at INTEGER NOT NULL DEFAULT 0;
