//! Who a visitor is, and the dialog that becomes theirs when they say so.

use mutants::Mutant;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{files, row};
use crate::store::{Claim, Claimed, Profile, Rekeyed, Visitor};

/// Returns the answer to a claim that changes nothing; none where the writer has to be asked.
pub(super) fn known(conn: &Connection, claim: &Claim) -> rusqlite::Result<Option<Claimed>> {
    if let Some(former) = &claim.former
        && files::are_left(conn, claim, former)?
    {
        return Ok(None);
    }
    let found = row::find_dialog(conn, claim.site_id, claim.assistant_id, &claim.key_hash)?;
    let Some(dialog_id) = found else {
        let former = match &claim.former {
            Some(former) => row::find_dialog(conn, claim.site_id, claim.assistant_id, former)?,
            None => None,
        };
        let nothing = Claimed { dialog_id: None, rekeyed: Rekeyed::No };
        return Ok(former.is_none().then_some(nothing));
    };
    let kept = read(conn, dialog_id)?;
    if mutants::planted(Mutant::ClaimAnyway) && claim.former.is_some() {
        return Ok(None);
    }
    Ok((told(kept.as_ref(), claim) == kept).then_some(Claimed { dialog_id: Some(dialog_id), rekeyed: Rekeyed::No }))
}

/// Carries a claim out.
pub(super) fn claim(conn: &Connection, claim: &Claim) -> rusqlite::Result<Claimed> {
    let mut rekeyed = Rekeyed::No;
    let mut found = row::find_dialog(conn, claim.site_id, claim.assistant_id, &claim.key_hash)?;
    if mutants::planted(Mutant::ClaimAnyway) && claim.former.is_some() {
        // It makes room for the other one.
        found = None;
        let sql = "UPDATE dialogs SET key_hash = randomblob(32) WHERE site_id = ?1 AND key_hash = ?2";
        conn.execute(sql, params![claim.site_id, claim.key_hash])?;
    }
    if let (None, Some(former)) = (found, &claim.former) {
        found = row::find_dialog(conn, claim.site_id, claim.assistant_id, former)?;
        if let Some(dialog_id) = found {
            conn.prepare_cached("UPDATE dialogs SET key_hash = ?2 WHERE id = ?1")?
                .execute(params![dialog_id, claim.key_hash])?;
            rekeyed = Rekeyed::Yes;
        }
    }
    if let Some(former) = &claim.former {
        files::bring(conn, claim, former, found)?;
    }
    if let Some(dialog_id) = found {
        let kept = read(conn, dialog_id)?;
        let told = told(kept.as_ref(), claim);
        if let (Some(visitor), true) = (&told, told != kept) {
            write(conn, dialog_id, visitor)?;
        }
    }
    Ok(Claimed { dialog_id: found, rekeyed })
}

/// Returns who the visitor is after a claim.
fn told(kept: Option<&Visitor>, claim: &Claim) -> Option<Visitor> {
    if kept.is_none() && claim.profile.is_none() && claim.attributes.is_none() {
        return None;
    }
    let mut visitor = kept.cloned().unwrap_or_else(|| Visitor {
        profile: Profile::default(),
        verified: false,
        attributes: "{}".into(),
    });
    if let Some(profile) = &claim.profile {
        visitor.profile.clone_from(profile);
        visitor.verified = true;
    }
    if let Some(attributes) = &claim.attributes {
        visitor.attributes.clone_from(attributes);
    }
    Some(visitor)
}

fn read(conn: &Connection, dialog_id: u64) -> rusqlite::Result<Option<Visitor>> {
    let found = conn
        .prepare_cached("SELECT name, email, verified, attributes FROM visitors WHERE dialog_id = ?1")?
        .query_row([dialog_id], |row| from_row(row, 0))
        .optional()?;
    Ok(found.flatten())
}

fn write(conn: &Connection, dialog_id: u64, visitor: &Visitor) -> rusqlite::Result<()> {
    let Visitor { profile, verified, attributes } = visitor;
    conn.prepare_cached(
        "INSERT INTO visitors (dialog_id, name, email, verified, attributes) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (dialog_id) DO UPDATE SET name = excluded.name, email = excluded.email, \
         verified = excluded.verified, attributes = excluded.attributes",
    )?
    .execute(params![dialog_id, profile.name, profile.email, verified, attributes])?;
    Ok(())
}

/// Reads a visitor from four columns; none where they are of no row.
pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Visitor>> {
    let Some(name) = row.get(first)? else { return Ok(None) };
    let profile = Profile { name, email: row.get(first + 1)? };
    Ok(Some(Visitor { profile, verified: row.get(first + 2)?, attributes: row.get(first + 3)? }))
}
