//! `rejoin site identity`: the secret with which a site's own backend says who its visitors are.

use clap::Args;
use server_core::access::VisitorAuth;

use super::failure::Failure;
use super::site::unknown;
use crate::credentials;
use crate::store::sqlite::Admin;
use crate::store::{Identity, Site};

/// Secrets of one site that are good at the same time.
const MOST: usize = 2;

#[derive(Args, Debug)]
#[group(multiple = false)]
struct Change {
    /// Make a new secret; the one before stays good until it is dropped
    #[arg(long)]
    rotate: bool,
    /// Take back the secret from before the last `--rotate`
    #[arg(long)]
    drop_old: bool,
    /// Take all secrets back: nobody can say who they are any more
    #[arg(long)]
    off: bool,
}

#[derive(Args, Debug)]
pub(super) struct IdentityArgs {
    /// The site's token
    token: String,
    #[command(flatten)]
    change: Change,
}

impl IdentityArgs {
    pub(super) fn run(self, admin: &Admin) -> Result<(), Failure> {
        let site = |token| admin.site(token)?.ok_or_else(|| unknown(token));
        let Site { id, identity, identity_secrets: secrets, visitor_auth, .. } = site(&self.token)?;
        let Change { rotate, drop_old, off } = self.change;
        if off {
            if identity == Identity::Required {
                return Err(Failure::new(format!(
                    "visitors of this site must say who they are: first `rejoin site set {} --identity optional`",
                    self.token
                )));
            }
            admin.drop_identity_secrets(id, 0)?;
            println!("no secret is left: all visitors are anonymous, and dialogs of known ones wait for a new secret");
            return Ok(());
        }
        if visitor_auth == VisitorAuth::Open {
            return Err(Failure::new(format!(
                "everybody may open every dialog of this site: first `rejoin site set {} --visitor-auth key`",
                self.token
            )));
        }
        if drop_old {
            admin.drop_identity_secrets(id, 1)?;
        } else if rotate && secrets.len() >= MOST {
            return Err(Failure::new("two secrets are good already: sign with the newer one, then `--drop-old`"));
        } else if rotate || secrets.is_empty() {
            admin.add_identity_secret(id, &credentials::identity_secret()?)?;
        }
        let secrets = site(&self.token)?.identity_secrets;
        for (place, secret) in secrets.iter().enumerate() {
            let word = if place == 0 { "identity secret" } else { "former secret, good until --drop-old" };
            // Exposed to be handed to the site's owner: it is what this command is for.
            println!("{word}: {}", secret.expose());
        }
        println!("\nsign on your server only, with HS256: {{\"sub\": \"<your user's id>\", \"exp\": <now + 3600>}}");
        Ok(())
    }
}

/// Refuses settings that contradict each other.
///
/// # Errors
/// The failure says what to do first.
pub(super) fn fits(site: &Site, identity: Option<Identity>, auth: Option<VisitorAuth>) -> Result<(), Failure> {
    if auth == Some(VisitorAuth::Open) && !site.identity_secrets.is_empty() {
        return Err(Failure::new(format!(
            "this site knows its visitors, so it cannot be open to everybody: first `rejoin site identity {} --off`",
            site.token
        )));
    }
    if identity == Some(Identity::Required) && site.identity_secrets.is_empty() {
        return Err(Failure::new(format!(
            "nobody could say who they are: first make a secret with `rejoin site identity {}`",
            site.token
        )));
    }
    Ok(())
}
