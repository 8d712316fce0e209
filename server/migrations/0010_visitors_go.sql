-- Who a visitor is, is personal as well: it goes with the dialog, and is gone from those that have gone.
CREATE TRIGGER visitors_go_with_their_dialogs AFTER UPDATE OF deleted ON dialogs WHEN new.deleted = 1
BEGIN
    DELETE FROM visitors WHERE dialog_id = new.id;
END;

DELETE FROM visitors WHERE dialog_id IN (SELECT id FROM dialogs WHERE deleted = 1);
