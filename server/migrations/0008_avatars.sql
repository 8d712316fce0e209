-- The picture of an operator: PNG, JPEG or WebP, small; none: the first letter of the name.
ALTER TABLE operators ADD COLUMN avatar BLOB;
