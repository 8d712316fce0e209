-- The rolling hash of the dialog's log up to this message; filled for those that are there when this is run.
ALTER TABLE messages ADD COLUMN hash INTEGER NOT NULL DEFAULT 0;
