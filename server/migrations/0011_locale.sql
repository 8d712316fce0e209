-- The language of a site, for pages that name none that is spoken.

ALTER TABLE sites ADD COLUMN locale TEXT NOT NULL DEFAULT '';
