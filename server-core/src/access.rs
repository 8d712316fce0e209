//! The only way to a dialog.

use std::collections::BTreeSet;

use mutants::Mutant;
use protocol::{Author, AuthorKind};

/// The SHA-256 of a visitor key.
pub type KeyHash = [u8; 32];

/// Somebody whose credentials have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The visitor of a site.
    Visitor {
        /// The site that the token or the assistant belongs to.
        site_id: u64,
        /// The assistant of the widget path; none on the site path.
        assistant_id: Option<u64>,
        /// The hash of the visitor's key, where one was given.
        key_hash: Option<KeyHash>,
        /// What the site asks of its visitors.
        auth: VisitorAuth,
    },
    /// A person who answers.
    Operator {
        /// The operator's number.
        id: u64,
        /// The shown name.
        name: String,
        /// The sites whose dialogs the operator may see.
        sites: Sites,
    },
}

/// What a site asks of its visitors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VisitorAuth {
    /// The key that the dialog was made with.
    #[default]
    Key,
    /// The site's token alone.
    Open,
}

/// The sites of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sites {
    /// Every site.
    All,
    /// These.
    Only(BTreeSet<u64>),
}

/// What the store knows about a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogFacts {
    /// Its number.
    pub id: u64,
    /// Its site.
    pub site_id: u64,
    /// The assistant that it was started with.
    pub assistant_id: Option<u64>,
    /// The hash of the key that it was started with.
    pub key_hash: Option<KeyHash>,
    /// Whether it can still be seen.
    pub state: DialogState,
}

/// Whether a dialog can still be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialogState {
    /// It can.
    #[default]
    Present,
    /// It was deleted.
    Deleted,
}

/// The side of a dialog that somebody is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The visitor's.
    Visitor,
    /// The site's: operators.
    Operator,
}

impl Side {
    /// Returns the kind of author on this side.
    pub const fn author_kind(self) -> AuthorKind {
        match self {
            Self::Visitor => AuthorKind::Visitor,
            Self::Operator => AuthorKind::Operator,
        }
    }
}

/// A dialog that somebody was let into: the only handle that a store's methods take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopedDialog {
    id: u64,
    side: Side,
}

impl ScopedDialog {
    /// Returns the dialog's number.
    pub const fn id(self) -> u64 {
        self.id
    }

    /// Returns the side that its holder is on.
    pub const fn side(self) -> Side {
        self.side
    }
}

/// There is no such dialog, or not for this one: the two look the same.
///
/// Its code is [`protocol::code::DIALOG_NOT_FOUND`], its close code [`protocol::close::NOT_FOUND`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

impl Who {
    /// Returns the author of what this one writes.
    pub fn author(&self) -> Author {
        match self {
            Self::Visitor { .. } => Author { kind: AuthorKind::Visitor, name: String::new() },
            Self::Operator { name, .. } => Author { kind: AuthorKind::Operator, name: name.clone() },
        }
    }
}

/// Lets `who` into a dialog, or not.
///
/// # Errors
/// [`Denied`] for a dialog that is unknown, deleted or somebody else's.
pub fn authorize(who: &Who, dialog: Option<&DialogFacts>) -> Result<ScopedDialog, Denied> {
    let dialog = dialog.ok_or(Denied)?;
    match dialog.state {
        DialogState::Present => {}
        DialogState::Deleted => return Err(Denied),
    }
    match who {
        Who::Visitor { site_id, assistant_id, key_hash, auth } => {
            let site = *site_id == dialog.site_id || mutants::planted(Mutant::AnySite);
            let assistant = assistant_id.is_none() || *assistant_id == dialog.assistant_id;
            let key = match auth {
                VisitorAuth::Open => true,
                VisitorAuth::Key => match (key_hash, &dialog.key_hash) {
                    (Some(given), Some(kept)) => same_hash(given, kept),
                    (Some(_) | None, None) | (None, Some(_)) => false,
                },
            };
            if site && assistant && key { Ok(ScopedDialog { id: dialog.id, side: Side::Visitor }) } else { Err(Denied) }
        }
        Who::Operator { sites, .. } => {
            let seen = match sites {
                Sites::All => true,
                Sites::Only(sites) => sites.contains(&dialog.site_id) || mutants::planted(Mutant::AnySite),
            };
            if seen { Ok(ScopedDialog { id: dialog.id, side: Side::Operator }) } else { Err(Denied) }
        }
    }
}

/// Compares without saying by its time where the first difference is.
fn same_hash(left: &KeyHash, right: &KeyHash) -> bool {
    left.iter().zip(right).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0 || mutants::planted(Mutant::AnyKey)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
