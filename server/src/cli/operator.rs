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
    /// Give an operator a new password, and print it
    Password(PasswordArgs),
    /// Change an operator; what is not named stays
    Set(SetArgs),
    /// Print a token, for programs that connect as the operator
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
    /// The picture that visitors see: a PNG, a JPEG or a WebP file; "" for the first letter of the name
    #[arg(long, value_name = "FILE")]
    avatar: String,
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
            Self::Password(_) | Self::Set(_) | Self::Token(_) | Self::List => data.admin()?,
        };
        match self {
            Self::Add(args) => add(&mut admin, args),
            Self::Password(args) => {
                let operator = known(&admin, &args.email)?;
                let password = Password::make(args.password_stdin)?;
                admin.put_operator(&NewOperator {
                    email: operator.email,
                    name: operator.name,
                    password_hash: password.hash,
                    sites: operator.sites,
                })?;
                println!("new password for {}{}", args.email, password.shown);
                Ok(())
            }
            Self::Set(args) => set(&mut admin, &args),
            Self::Token(args) => {
                let operator = known(&admin, &args.email)?;
                let tokens = Credentials::new(&data.secret()?).operators;
                let token = tokens.issue(operator.id, &operator.name, clock::wall(), args.days * DAY_MS);
                println!("{}", token.map_err(|error| Failure::new(error.to_string()))?.expose());
                Ok(())
            }
            Self::List => {
                for operator in admin.operators()? {
                    let sites = match operator.sites {
                        Sites::All => "all sites".into(),
                        Sites::Only(sites) => format!("{} sites", sites.len()),
                    };
                    println!("{}\t{}\t{sites}", operator.email, operator.name);
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
    let mut sites = BTreeSet::new();
    for token in &args.site {
        sites.insert(admin.site(token)?.ok_or_else(|| unknown(token))?.id);
    }
    let sites = if args.site.is_empty() { Sites::All } else { Sites::Only(sites) };
    let password = Password::make(args.password_stdin)?;
    let new = NewOperator { email: args.email, name: args.name, password_hash: password.hash, sites };
    let operator = admin.put_operator(&new)?;
    println!("operator {}{}", operator.email, password.shown);
    println!("log in at /console on your server");
    Ok(())
}

fn set(admin: &mut Admin, args: &SetArgs) -> Result<(), Failure> {
    let operator = known(admin, &args.email)?;
    if args.avatar.is_empty() {
        admin.set_avatar(&operator.email, None)?;
        println!("{} has no picture", operator.email);
        return Ok(());
    }
    let mut picture = Vec::new();
    let file = std::fs::File::open(&args.avatar)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", args.avatar)))?;
    file.take(avatar::MOST_BYTES as u64 + 1).read_to_end(&mut picture)?;
    let kind = avatar::kind(&picture).map_err(|why| Failure::usage(format!("{}: {why}", args.avatar)))?;
    admin.set_avatar(&operator.email, Some(&picture))?;
    println!("{} has a picture ({kind}, {} bytes)", operator.email, picture.len());
    Ok(())
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
