//! What the store knows besides dialogs: sites, assistants and operators.

use protocol::http::Opening;
use protocol::{FileLimits, Secret};
use server_core::Millis;
use server_core::access::{Sites, VisitorAuth};
use server_core::origin::Pattern;

use crate::hours::{Hours, Week, Zone};

/// A website that embeds the widget.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Its number.
    pub id: u64,
    /// Its public name in a page, `st_…`.
    pub token: String,
    /// The name in the widget's header.
    pub name: String,
    /// The welcome message; empty: none.
    pub welcome: String,
    /// The accent colour, `#rrggbb`.
    pub color: String,
    /// How its visitors prove who they are.
    pub visitor_auth: VisitorAuth,
    /// Whether its clients tell how good their links are.
    pub metrics: Metrics,
    /// When somebody is there to answer; always where none are named.
    pub hours: Option<Week>,
    /// Where the clocks of these hours are.
    pub zone: Zone,
    /// What the widget says while nobody is there; empty: nothing beside when somebody is back.
    pub away: String,
    /// The files that may be sent in its dialogs.
    pub files: Files,
    /// The language of the panel where a page names none that is spoken; empty: the visitor's own.
    pub locale: String,
    /// Pages that may embed the widget; empty: none.
    pub origins: Vec<Pattern>,
    /// Whether its visitors must say who they are.
    pub identity: Identity,
    /// What its backend signs their tokens with, the newest first; empty: nobody can say who they are.
    pub identity_secrets: Vec<Secret>,
}

/// Whether the visitors of a site must say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// They may.
    #[default]
    Optional,
    /// They must.
    Required,
}

impl Site {
    /// Says whether somebody is there by its hours; `None` where it has none.
    pub fn opening(&self, now: Millis) -> Option<Opening> {
        let week = self.hours.clone()?;
        Some(Hours { week, zone: self.zone.clone() }.at(now))
    }
}

/// The files that may be sent in the dialogs of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// Which.
    pub kinds: FileKinds,
    /// How large one of them may be, in MiB.
    pub most_mb: u32,
}

/// Which files may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileKinds {
    /// None.
    Off,
    /// Images.
    Images,
    /// All that is not dangerous to pass on.
    #[default]
    On,
}

impl Files {
    /// MiB in one file, where nothing else is said.
    pub const MOST_MB: u32 = 10;

    /// Takes none.
    pub const OFF: Self = Self { kinds: FileKinds::Off, most_mb: Self::MOST_MB };

    /// Returns what clients are told.
    pub fn told(self) -> Option<FileLimits> {
        let bytes = u64::from(self.most_mb) << 20;
        match self.kinds {
            FileKinds::Off => None,
            FileKinds::Images => Some(FileLimits { bytes, images: true }),
            FileKinds::On => Some(FileLimits { bytes, images: false }),
        }
    }
}

impl Default for Files {
    fn default() -> Self {
        Self { kinds: FileKinds::On, most_mb: Self::MOST_MB }
    }
}

/// Whether the clients of a site tell how good their links are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metrics {
    /// They keep it to themselves.
    #[default]
    Off,
    /// They do.
    On,
}

/// An automatic assistant of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct Assistant {
    /// Its number, `assistant_id` in a page.
    pub id: u64,
    /// The site whose visitors it answers.
    pub site_id: u64,
    /// Its shown name.
    pub name: String,
    /// What it says when it knows no answer.
    pub fallback: String,
    /// What it knows, in the order of asking.
    pub answers: Vec<CannedAnswer>,
}

/// One thing that an assistant knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct CannedAnswer {
    /// Words of which one must stand in the question; lower case.
    pub keywords: Vec<String>,
    /// The answer.
    pub text: String,
}

/// A person who answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Its number.
    pub id: u64,
    /// The address that it logs in with; `demo` for the demo's operator.
    pub email: String,
    /// Its shown name.
    pub name: String,
    /// The argon2id hash of its password, as a PHC string.
    pub password_hash: Secret,
    /// The sites it may see.
    pub sites: Sites,
    /// What its tokens must name to be good.
    pub token_epoch: u64,
}
