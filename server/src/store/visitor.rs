//! Who the visitor of a dialog is, as far as anybody has said.

use server_core::access::KeyHash;

/// What a site has signed about a visitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The shown name; empty: not known.
    pub name: String,
    /// The address; empty: not known.
    pub email: String,
}

/// Who the visitor of a dialog is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Name and address.
    pub profile: Profile,
    /// Whether the site has signed who this is.
    pub verified: bool,
    /// What the page says about the visitor: a JSON object; nobody vouches for it.
    pub attributes: String,
}

/// A visitor comes back, with more to say about themself than a message.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The site.
    pub site_id: u64,
    /// The assistant that answers, if one does.
    pub assistant_id: Option<u64>,
    /// What the visitor's dialog is kept under.
    pub key_hash: KeyHash,
    /// A dialog from before the visitor was known, kept under another key: it becomes theirs, where they have none yet.
    pub former: Option<KeyHash>,
    /// What the site has signed.
    pub profile: Option<Profile>,
    /// What the page says: a JSON object.
    pub attributes: Option<String>,
}

/// What became of a [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The visitor's dialog; none where there is none yet.
    pub dialog_id: Option<u64>,
    /// Whether it was kept under the former key until now: whoever came in by that one is to leave.
    pub rekeyed: Rekeyed,
}

/// Whether a dialog has got another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rekeyed {
    /// It has.
    Yes,
    /// It has not.
    No,
}
