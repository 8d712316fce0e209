-- When somebody is there to answer: the hours of a week, empty where there are none, and the time zone of its clocks.
ALTER TABLE sites ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE sites ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
-- What the widget says while nobody is there.
ALTER TABLE sites ADD COLUMN away TEXT NOT NULL DEFAULT '';
