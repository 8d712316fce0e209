-- Which tokens of an operator are good: those that name this number. 0 before the first new password, then random.
ALTER TABLE operators ADD COLUMN token_epoch INTEGER NOT NULL DEFAULT 0;
