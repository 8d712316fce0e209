//! `rejoin operator`: people who answer.

use std::collections::BTreeSet;
use std::io::Read;

use clap::{Args, Subcommand};
use protocol::Secret;
use server_core::access::Sites;

use super::failure::Failure;
use super::site::{text, unknown};
use crate::avatar;
use crate::clock;
use crate::config::DataConfig;
use crate::credentials::{self, Credentials, Passwords};
use crate::store::Operator;
use crate::store::sqlite::{Admin, NewOperator};

const DAY_MS: u64 = 86_400_000;

/// Bytes that are read as a password.
const MOST_BYTES: u64 = 4_096;

#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Make an operator, and print a password for it
    Add(AddArgs),
    /// Give an operator a new password, and print it; tokens from before, of consoles and programs, are good no more
    Password(PasswordArgs),
    /// Change an operator; what is not named stays
    Set(SetArgs),
    /// Take an operator away: neither password nor tokens are good any more, and what it wrote stays
    ///
    /// Open consoles and links of the operator end with the next heartbeat, within 25 seconds. Its messages stay in their
    /// dialogs, with the name that they were sent under. Its address may be used for a new operator.
    Remove(RemoveArgs),
    /// Print a token, for programs that connect as the operator; it is good until it ends, or the password is changed
    Token(TokenArgs),
    /// List all operators
    List,
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// The address to log in with
    email: String,
    /// The name that visitors see
    #[arg(long, value_parser = text)]
    name: String,
    /// The token of a site to answer for; may be given more than once; all sites without it
    #[arg(long, value_name = "TOKEN")]
    site: Vec<String>,
    /// Read the password from standard input, and print none
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args, Debug)]
pub(super) struct PasswordArgs {
    /// The address to log in with
    email: String,
    /// Read the password from standard input, and print none
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// The address to log in with
    email: String,
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Change {
    /// The name that visitors see; messages that were sent keep the one from before
    #[arg(long, value_parser = text)]
    name: Option<String>,
    /// The token of a site to answer for, in place of all those from before; may be given more than once
    #[arg(long, value_name = "TOKEN", conflicts_with = "all_sites")]
    site: Vec<String>,
    /// Answer for all sites
    #[arg(long)]
    all_sites: bool,
    /// The picture that visitors see: a PNG, a JPEG or a WebP file; "" for the first letter of the name
    #[arg(long, value_name = "FILE")]
    avatar: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct RemoveArgs {
    /// The address to log in with
    email: String,
}

#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    /// The operator's address; `demo` for the demo's
    email: String,
    /// How long the token is good
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
}

impl OperatorCommand {
    pub(super) fn run(self, data: &DataConfig) -> Result<(), Failure> {
        let mut admin = match self {
            Self::Add(_) => Admin::open(&data.data)?,
            Self::Password(_) | Self::Set(_) | Self::Remove(_) | Self::Token(_) | Self::List => data.admin()?,
        };
        match self {
            Self::Add(args) => add(&mut admin, args),
            Self::Password(args) => {
                let operator = known(&admin, &args.email)?;
                let password = Password::make(args.password_stdin)?;
                admin.set_password(operator.id, &password.hash, credentials::epoch()?)?;
                println!("new password for {}{}", args.email, password.shown);
                println!("tokens from before are good no more");
                Ok(())
            }
            Self::Set(args) => set(&mut admin, args),
            Self::Remove(args) => {
                let operator = known(&admin, &args.email)?;
                admin.remove_operator(operator.id)?;
                println!("{} is no operator any more; what {} wrote stays", operator.email, operator.name);
                Ok(())
            }
            Self::Token(args) => {
                let operator = known(&admin, &args.email)?;
                let tokens = Credentials::new(&data.secret()?).operators;
                let valid_ms = args.days * DAY_MS;
                let token = tokens.issue(operator.id, operator.token_epoch, &operator.name, clock::wall(), valid_ms);
                println!("{}", token.map_err(|error| Failure::new(error.to_string()))?.expose());
                Ok(())
            }
            Self::List => {
                for operator in admin.operators()? {
                    println!("{}\t{}\t{}", operator.email, operator.name, reach(&operator.sites));
                }
                Ok(())
            }
        }
    }
}

fn add(admin: &mut Admin, args: AddArgs) -> Result<(), Failure> {
    let (name, host) = args.email.trim().split_once('@').unwrap_or_default();
    if name.is_empty() || host.is_empty() || args.email.len() > 254 || args.email.contains(char::is_whitespace) {
        return Err(Failure::usage(format!("{} is no e-mail address", args.email)));
    }
    if admin.operator(&args.email)?.is_some() {
        return Err(Failure::new(format!(
            "{} is an operator already: `rejoin operator password {}` makes a new password",
            args.email, args.email
        )));
    }
    let sites = if args.site.is_empty() { Sites::All } else { only(admin, &args.site)? };
    let password = Password::make(args.password_stdin)?;
    let new = NewOperator { email: args.email, name: args.name, password_hash: password.hash, sites };
    let operator = admin.put_operator(&new)?;
    println!("operator {}{}", operator.email, password.shown);
    println!("log in at /console on your server");
    Ok(())
}

fn only(admin: &Admin, tokens: &[String]) -> Result<Sites, Failure> {
    let mut sites = BTreeSet::new();
    for token in tokens {
        sites.insert(admin.site(token)?.ok_or_else(|| unknown(token))?.id);
    }
    Ok(Sites::Only(sites))
}

fn set(admin: &mut Admin, args: SetArgs) -> Result<(), Failure> {
    let Operator { email, name, password_hash, sites, .. } = known(admin, &args.email)?;
    let change = args.change;
    // All is read before anything is changed: half a change is none that anybody asked for.
    let picture = change.avatar.as_deref().map(picture).transpose()?;
    let sites = match (change.all_sites, &change.site) {
        (true, _) => Sites::All,
        (false, tokens) if tokens.is_empty() => sites,
        (false, tokens) => only(admin, tokens)?,
    };
    if let Some(picture) = picture {
        admin.set_avatar(&email, picture.as_deref())?;
        match picture {
            Some(picture) => println!("{email} has a picture ({} bytes)", picture.len()),
            None => println!("{email} has no picture"),
        }
    }
    let operator =
        admin.put_operator(&NewOperator { email, name: change.name.unwrap_or(name), password_hash, sites })?;
    println!("{}\t{}\t{}", operator.email, operator.name, reach(&operator.sites));
    Ok(())
}

/// Reads a picture; none where the name is empty.
fn picture(path: &str) -> Result<Option<Vec<u8>>, Failure> {
    if path.is_empty() {
        return Ok(None);
    }
    let mut picture = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| Failure::new(format!("{path} cannot be read: {error}")))?;
    file.take(avatar::MOST_BYTES as u64 + 1).read_to_end(&mut picture)?;
    avatar::kind(&picture).map_err(|why| Failure::usage(format!("{path}: {why}")))?;
    Ok(Some(picture))
}

fn reach(sites: &Sites) -> String {
    match sites {
        Sites::All => "all sites".into(),
        Sites::Only(sites) if sites.len() == 1 => "1 site".into(),
        Sites::Only(sites) => format!("{} sites", sites.len()),
    }
}

fn known(admin: &Admin, email: &str) -> Result<Operator, Failure> {
    admin
        .operator(email)?
        .ok_or_else(|| Failure::new(format!("no operator has the address {email}: `rejoin operator list` shows them")))
}

struct Password {
    hash: Secret,
    /// What is printed after the operator's address: the password, where the server made it.
    shown: String,
}

impl Password {
    fn make(from_stdin: bool) -> Result<Self, Failure> {
        let (password, shown) = if from_stdin {
            let mut text = String::new();
            std::io::stdin().take(MOST_BYTES).read_to_string(&mut text)?;
            (text.trim_end_matches(['\r', '\n']).to_owned(), String::new())
        } else {
            let password = credentials::password()?;
            let shown = format!("\npassword: {password}");
            (password, shown)
        };
        let hash = Passwords::hash(&password)
            .ok_or_else(|| Failure::usage("a password has 10 characters or more, and 1024 bytes at most"))?;
        Ok(Self { hash, shown })
    }
}
