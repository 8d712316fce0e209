-- Images and other files: their bytes are in the folder `files` beside this database, their messages in the log.
ALTER TABLE sites ADD COLUMN files TEXT NOT NULL DEFAULT 'off' CHECK (files IN ('off', 'images', 'on'));
ALTER TABLE sites ADD COLUMN file_mb INTEGER NOT NULL DEFAULT 10;

-- JSON, as the message's frame has it: {"id","name","mime","size","width","height"}.
ALTER TABLE messages ADD COLUMN file TEXT;

CREATE TABLE files (
    -- Its name in the folder: random, and nothing of a client's making.
    blob TEXT NOT NULL PRIMARY KEY,
    -- The name that the client gave it.
    id TEXT NOT NULL,
    -- None: uploaded by a visitor who has no dialog yet, and whom the next three name.
    dialog_id INTEGER REFERENCES dialogs (id),
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
    at INTEGER NOT NULL,
    -- The message that it went with; none: not sent, and forgotten after a day.
    seq INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX files_by_id ON files (id);

CREATE INDEX files_by_dialog ON files (dialog_id);

CREATE INDEX files_unsent ON files (at) WHERE seq IS NULL;
