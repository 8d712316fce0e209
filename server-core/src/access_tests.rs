//! Who may touch which dialog: every kind of caller against every kind of dialog.

use super::*;

const ALICE: KeyHash = [1; 32];
const BOB: KeyHash = [2; 32];

fn dialog(site_id: u64, assistant_id: Option<u64>, key_hash: Option<KeyHash>) -> DialogFacts {
    DialogFacts { id: 17, site_id, assistant_id, key_hash, state: DialogState::Present }
}

fn visitor(site_id: u64, assistant_id: Option<u64>, key_hash: Option<KeyHash>, auth: VisitorAuth) -> Who {
    Who::Visitor { site_id, assistant_id, key_hash, auth }
}

fn operator(sites: Sites) -> Who {
    Who::Operator { id: 5, name: "Ann".into(), sites }
}

#[test]
fn every_caller_gets_its_own_dialogs_and_the_same_answer_for_all_others() {
    let alices = dialog(1, None, Some(ALICE));
    let keyless = dialog(1, None, None);
    let assisted = dialog(1, Some(3), Some(ALICE));
    let elsewhere = dialog(2, None, Some(ALICE));
    let deleted = DialogFacts { state: DialogState::Deleted, ..alices.clone() };

    let alice = visitor(1, None, Some(ALICE), VisitorAuth::Key);
    let bob = visitor(1, None, Some(BOB), VisitorAuth::Key);
    let nobody = visitor(1, None, None, VisitorAuth::Key);
    let open = visitor(1, None, None, VisitorAuth::Open);
    let open_bob = visitor(1, None, Some(BOB), VisitorAuth::Open);
    let alice_widget = visitor(1, Some(3), Some(ALICE), VisitorAuth::Key);
    let alice_other_widget = visitor(1, Some(4), Some(ALICE), VisitorAuth::Key);
    let open_widget = visitor(1, Some(3), None, VisitorAuth::Open);
    let everywhere = operator(Sites::All);
    let of_one = operator(Sites::Only([1].into()));
    let of_two = operator(Sites::Only([2].into()));
    let of_none = operator(Sites::Only(BTreeSet::new()));

    // Columns: alices, keyless, assisted, elsewhere.
    let rows = [
        ("alice", &alice, [true, false, true, false]),
        ("bob", &bob, [false, false, false, false]),
        ("nobody", &nobody, [false, false, false, false]),
        ("open", &open, [true, true, true, false]),
        ("open bob", &open_bob, [true, true, true, false]),
        ("alice, widget", &alice_widget, [false, false, true, false]),
        ("alice, other widget", &alice_other_widget, [false, false, false, false]),
        ("open, widget", &open_widget, [false, false, true, false]),
        ("operator everywhere", &everywhere, [true, true, true, true]),
        ("operator of one", &of_one, [true, true, true, false]),
        ("operator of two", &of_two, [false, false, false, true]),
        ("operator of none", &of_none, [false, false, false, false]),
    ];
    for (name, who, expected) in rows {
        for (facts, let_in) in [&alices, &keyless, &assisted, &elsewhere].into_iter().zip(expected) {
            let answer = authorize(who, Some(facts));
            assert_eq!(answer.is_ok(), let_in, "{name}: {facts:?}");
            assert_eq!(answer.map_or(17, ScopedDialog::id), 17);
        }
        assert_eq!(authorize(who, None), Err(Denied), "{name}: unknown");
        assert_eq!(authorize(who, Some(&deleted)), Err(Denied), "{name}: deleted");
    }
}

#[test]
fn the_side_decides_who_the_author_is() {
    let operator = operator(Sites::All);
    let visitor = visitor(1, None, Some(ALICE), VisitorAuth::Key);
    let facts = dialog(1, None, Some(ALICE));
    for (who, side) in [(&operator, Side::Operator), (&visitor, Side::Visitor)] {
        assert_eq!(authorize(who, Some(&facts)).map(ScopedDialog::side), Ok(side));
        assert_eq!(who.author().kind, side.author_kind());
    }
    assert_eq!(operator.author().name, "Ann");
}

#[test]
fn a_hash_that_differs_in_one_bit_anywhere_is_another() {
    let facts = dialog(1, None, Some(ALICE));
    for byte in 0..32 {
        let mut near = ALICE;
        near[byte] ^= 0x80;
        assert_eq!(authorize(&visitor(1, None, Some(near), VisitorAuth::Key), Some(&facts)), Err(Denied));
    }
}
