-- Where a visitor can be written to when nobody is there; personal, and gone with the dialog.
ALTER TABLE dialogs ADD COLUMN email TEXT;

CREATE TRIGGER contacts_go_with_their_dialogs AFTER UPDATE OF deleted ON dialogs
    WHEN new.deleted = 1 AND new.email IS NOT NULL
BEGIN
    UPDATE dialogs SET email = NULL WHERE id = new.id;
END;
