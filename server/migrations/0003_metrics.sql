-- Whether the clients of a site tell how good their links are.
ALTER TABLE sites ADD COLUMN metrics INTEGER NOT NULL DEFAULT 0 CHECK (metrics IN (0, 1));
