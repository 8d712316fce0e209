-- The first schema. A migration is never changed after it was released; the next one gets the next number.

CREATE TABLE meta (
    -- One row: what is true of the whole log.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Random, below 2^53; another one after a backup was restored, so that no client merges two histories.
    epoch INTEGER NOT NULL,
    -- How often a server has started on this file; with the file `rejoin.starts` it shows a file that was put back.
    starts INTEGER NOT NULL DEFAULT 0,
    -- 1: this file is a copy that `rejoin backup` made, and whoever opens it draws a new epoch.
    copied INTEGER NOT NULL DEFAULT 0,
    -- 1: the last server ended in order.
    ended INTEGER NOT NULL DEFAULT 1,
    -- When the store last proved that it can write, ms since 1970.
    checked_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE sites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    welcome TEXT NOT NULL DEFAULT '',
    color TEXT NOT NULL,
    visitor_auth TEXT NOT NULL CHECK (visitor_auth IN ('key', 'open'))
) STRICT;

CREATE TABLE origins (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    pattern TEXT NOT NULL,
    PRIMARY KEY (site_id, pattern)
) STRICT, WITHOUT ROWID;

CREATE TABLE assistants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    fallback TEXT NOT NULL,
    -- JSON: [{"keywords": […], "text": "…"}, …]
    answers TEXT NOT NULL
) STRICT;

CREATE INDEX assistants_by_site ON assistants (site_id);

CREATE TABLE operators (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- In lower case.
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    -- 1: may see every site; 0: those in operator_sites.
    all_sites INTEGER NOT NULL CHECK (all_sites IN (0, 1))
) STRICT;

CREATE TABLE operator_sites (
    operator_id INTEGER NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    PRIMARY KEY (operator_id, site_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX operator_sites_by_site ON operator_sites (site_id);

CREATE TABLE dialogs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id),
    assistant_id INTEGER REFERENCES assistants (id),
    -- SHA-256 of the visitor's key; none in a dialog that was not started by a visitor.
    key_hash BLOB CHECK (key_hash IS NULL OR length(key_hash) = 32),
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    -- The last seq; 0: empty.
    head INTEGER NOT NULL DEFAULT 0,
    -- When the last message was stored, or when the dialog was made while it has none; ms since 1970.
    at INTEGER NOT NULL,
    -- The same in seconds: the order of the latest dialogs, which is moved once a second at most.
    active_s INTEGER NOT NULL,
    -- When an operator last wrote; an assistant keeps out for a while after that.
    operator_at INTEGER NOT NULL DEFAULT 0,
    visitor_received INTEGER NOT NULL DEFAULT 0,
    visitor_read INTEGER NOT NULL DEFAULT 0,
    operator_received INTEGER NOT NULL DEFAULT 0,
    operator_read INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One dialog for each visitor of a site, and one more for each assistant that the visitor asks.
CREATE UNIQUE INDEX dialogs_by_visitor ON dialogs (site_id, coalesce(assistant_id, 0), key_hash)
    WHERE key_hash IS NOT NULL AND deleted = 0;

CREATE INDEX dialogs_by_activity ON dialogs (site_id, active_s, id);

CREATE INDEX dialogs_by_assistant ON dialogs (assistant_id);

-- Numbers up to 999 are given by hand.
INSERT INTO sqlite_sequence (name, seq) VALUES ('dialogs', 999), ('assistants', 999);

-- The log. Rows lie in the order of their writing, not of their dialogs: a commit that touches five hundred dialogs
-- then rewrites a handful of pages, not five hundred.
CREATE TABLE messages (
    position INTEGER PRIMARY KEY,
    dialog_id INTEGER NOT NULL REFERENCES dialogs (id),
    seq INTEGER NOT NULL,
    -- A UUID in its usual form is kept as its 16 bytes, anything else as text.
    id ANY NOT NULL,
    -- 0 visitor, 1 operator, 2 assistant, 3 system.
    author_kind INTEGER NOT NULL,
    author_name TEXT,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX messages_by_seq ON messages (dialog_id, seq);

-- The id stands first: ids are made in the order of time, so that new ones go to one end of the index.
CREATE UNIQUE INDEX messages_by_id ON messages (id, dialog_id);

-- The last n of each client; forgotten two days after its last message.
CREATE TABLE senders (
    dialog_id INTEGER NOT NULL,
    client TEXT NOT NULL,
    last_n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (dialog_id, client)
) STRICT, WITHOUT ROWID;

-- What a message has set going: an assistant's answer to the message at this seq.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dialog_id INTEGER NOT NULL REFERENCES dialogs (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (dialog_id, seq)
) STRICT;
