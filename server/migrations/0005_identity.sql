-- Whether visitors must say who they are.
ALTER TABLE sites ADD COLUMN identity_required INTEGER NOT NULL DEFAULT 0 CHECK (identity_required IN (0, 1));

-- What a site's own backend signs its visitors' tokens with; the newest is the one to sign with, all are taken.
CREATE TABLE identity_secrets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    -- 256 random bits in base64url.
    secret TEXT NOT NULL UNIQUE
) STRICT;

CREATE INDEX identity_secrets_by_site ON identity_secrets (site_id);

-- Who the visitor of a dialog is, as far as anybody has said.
CREATE TABLE visitors (
    dialog_id INTEGER PRIMARY KEY REFERENCES dialogs (id) ON DELETE CASCADE,
    -- As the site signed them; empty: not known.
    name TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    -- 1: the site has signed who this is.
    verified INTEGER NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)),
    -- JSON: {"name": text, number or true/false, …}, as the page says it; nobody vouches for it.
    attributes TEXT NOT NULL DEFAULT '{}'
) STRICT;
