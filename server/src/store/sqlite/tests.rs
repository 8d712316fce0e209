use std::path::Path;
use std::sync::Mutex;

use server_core::access::VisitorAuth;

use super::*;
use crate::hours::Zone;
use crate::store::conformance::{Scene, WELCOME, conformance};
use crate::store::{Files, Metrics};

mod faults;
mod files;
mod hashes;
mod throughput;

fn admin(data: &Path) -> Admin {
    Admin::open(data).unwrap()
}

fn site(token: &str, welcome: &str) -> NewSite {
    NewSite {
        id: None,
        token: token.into(),
        name: token.into(),
        welcome: welcome.into(),
        color: "#336699".into(),
        visitor_auth: VisitorAuth::Key,
        metrics: Metrics::Off,
        hours: None,
        zone: Zone::default(),
        away: String::new(),
        files: Files::default(),
        locale: String::new(),
        origins: Vec::new(),
    }
}

fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let mut admin = admin(directory.path());
    let site_id = admin.put_site(&site("st_loud", WELCOME)).unwrap().id;
    let quiet_site_id = admin.put_site(&site("st_quiet", "")).unwrap().id;
    let assistant =
        NewAssistant { id: None, site_id, name: "Robin".into(), fallback: "Hm.".into(), answers: Vec::new() };
    let assistant_id = admin.put_assistant(&assistant).unwrap().id;
    let published = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&published);
    let store =
        SqliteStore::open(directory.path(), Box::new(move |events| to.lock().unwrap().extend_from_slice(events)));
    Scene {
        store: Arc::new(store.unwrap()),
        published,
        site_id,
        quiet_site_id,
        assistant_id,
        keep: Box::new(directory),
    }
}

conformance! { scene:
    a_message_sent_again_is_stored_once_and_keeps_its_place,
    a_known_id_with_other_contents_is_a_conflict,
    the_same_id_in_two_dialogs_is_two_messages,
    messages_of_a_client_are_taken_in_their_order_only,
    a_known_id_moves_the_number_of_its_client_on,
    two_hundred_parallel_first_messages_make_one_dialog_with_one_welcome,
    the_welcome_comes_with_a_visitors_first_message_only,
    a_first_message_that_is_not_taken_makes_no_dialog,
    a_visitor_finds_the_dialog_of_its_own_key_only,
    the_log_has_no_holes_and_is_published_in_its_order,
    pages_join_without_a_gap_in_both_directions,
    a_session_learns_what_is_known_of_what_it_has_in_doubt,
    marks_go_forward_up_to_the_head_for_each_side,
    the_list_of_dialogs_shows_the_latest_first_and_only_allowed_sites,
    texts_are_kept_as_the_text_they_are,
    an_assistants_answer_is_appended_once,
    an_assistant_leaves_a_dialog_to_the_operator_who_wrote_in_it,
    a_message_of_nobodys_dialog_does_not_spoil_its_neighbours,
    a_file_goes_with_one_message_of_the_side_that_uploaded_it,
    a_visitor_without_a_dialog_begins_one_with_a_file,
    uploads_are_the_same_for_ever_and_have_bounds,
    uploads_that_nobody_sends_are_forgotten,
    a_dropped_answer_does_not_undo_the_request,
    a_closed_store_says_so,
}
