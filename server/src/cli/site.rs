//! `rejoin site`: websites that embed the widget.

use std::str::FromStr;

use clap::{Args, Subcommand};
use server_core::access::VisitorAuth;
use server_core::origin::Pattern;

use super::failure::Failure;
use super::identity::{IdentityArgs, fits};
use crate::clock;
use crate::config::{DataConfig, web_url};
use crate::credentials;
use crate::hours::{Hours, Week, Zone};
use crate::store::sqlite::{Admin, NewSite};
use crate::store::{FileKinds, Files, Identity, Metrics, Site};

/// The accent colour of a site that chose none.
const COLOR: &str = "#3b4cca";

/// What the panel speaks: the files of client-wasm/languages.
pub(super) const LANGUAGES: [&str; 10] = ["ar", "de", "en", "es", "fr", "he", "it", "pt", "ru", "zh"];

/// Characters in a name, and in a welcome.
const MOST_CHARS: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum SiteCommand {
    /// Make a site, and print its token and the line to embed
    Add(Box<AddArgs>),
    /// Change a site; what is not named stays
    Set(Box<SetArgs>),
    /// Print or change the secret with which a site's own backend says who its visitors are
    Identity(IdentityArgs),
    /// List all sites: token, name, who may open a dialog, origins; below, each setting that is not as in a new site
    List,
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// The name in the widget's header
    #[arg(long, value_parser = text)]
    name: String,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// The site's token
    token: String,
    /// The name in the widget's header
    #[arg(long, value_parser = text)]
    name: Option<String>,
    /// A page that may embed the widget no longer; may be given more than once
    #[arg(long, value_name = "ORIGIN", value_parser = pattern)]
    remove_origin: Vec<Pattern>,
    /// Whether visitors must say who they are, by a token that the site has signed
    #[arg(long, value_name = "required|optional", value_parser = identity)]
    identity: Option<Identity>,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Debug)]
struct Options {
    /// A page that may embed the widget, beside those that may already: https://shop.example, https://*.shop.example
    /// or http://127.0.0.1:*; may be given more than once
    #[arg(long, value_name = "ORIGIN", value_parser = pattern)]
    origin: Vec<Pattern>,
    /// What the widget says first
    #[arg(long, value_name = "TEXT", value_parser = text_or_nothing)]
    welcome: Option<String>,
    /// The accent colour
    #[arg(long, value_name = "#RRGGBB", value_parser = color)]
    color: Option<String>,
    /// Who may open a visitor's dialog: `key`, its own browser; `open`, everybody who knows its number
    #[arg(long, value_name = "key|open", value_parser = visitor_auth)]
    visitor_auth: Option<VisitorAuth>,
    /// Whether the clients tell how good their links are; operators read it at /api/debug/websocket/status
    #[arg(long, value_name = "on|off", value_parser = metrics)]
    metrics: Option<Metrics>,
    /// When somebody is there to answer: "Mon-Fri 09:00-18:00, Sat 10:00-14:00"; "" for always
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    hours: Option<HoursOption>,
    /// Where the clocks of these hours are: Europe/Berlin, America/New_York, UTC
    #[arg(long, value_name = "ZONE", value_parser = Zone::from_str)]
    timezone: Option<Zone>,
    /// What the widget says while nobody is there, beside when somebody is back
    #[arg(long, value_name = "TEXT", value_parser = text_or_nothing)]
    away: Option<String>,
    /// Which files may be sent: none, images only, or all that is safe to pass on
    #[arg(long, value_name = "off|images|on", value_parser = file_kinds)]
    files: Option<FileKinds>,
    /// How large one file may be, in MiB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    file_mb: Option<u32>,
    /// The language of the panel where a page names none that is there: de, pt-BR; "" for the visitor's own
    #[arg(long, value_name = "LOCALE", value_parser = locale)]
    locale: Option<String>,
    /// This server's address, as visitors see it, for the line to embed
    #[arg(
        long,
        value_name = "URL",
        env = "REJOIN_URL",
        default_value = "http://127.0.0.1:8787",
        value_parser = web_url
    )]
    url: String,
}

/// Hours as they are given, or none at all.
#[derive(Clone, Debug)]
struct HoursOption(Option<Week>);

impl SiteCommand {
    pub(super) fn run(self, data: &DataConfig) -> Result<(), Failure> {
        let mut admin = match self {
            Self::Add(_) => Admin::open(&data.data)?,
            Self::Set(_) | Self::Identity(_) | Self::List => data.admin()?,
        };
        match self {
            Self::Add(args) => {
                let token = credentials::site_token()?;
                let new = NewSite {
                    id: None,
                    token,
                    name: args.name,
                    welcome: args.options.welcome.unwrap_or_default(),
                    color: args.options.color.unwrap_or_else(|| COLOR.into()),
                    visitor_auth: args.options.visitor_auth.unwrap_or_default(),
                    metrics: args.options.metrics.unwrap_or_default(),
                    hours: args.options.hours.and_then(|hours| hours.0),
                    zone: args.options.timezone.unwrap_or_default(),
                    away: args.options.away.unwrap_or_default(),
                    files: Files {
                        kinds: args.options.files.unwrap_or_default(),
                        most_mb: args.options.file_mb.unwrap_or(Files::MOST_MB),
                    },
                    locale: args.options.locale.unwrap_or_default(),
                    origins: args.options.origin,
                };
                embed(&admin.put_site(&new)?, &args.options.url);
            }
            Self::Set(args) => {
                let Some(site) = admin.site(&args.token)? else { return Err(unknown(&args.token)) };
                fits(&site, args.identity, args.options.visitor_auth)?;
                let mut origins = site.origins;
                for gone in &args.remove_origin {
                    let Some(place) = origins.iter().position(|origin| origin == gone) else {
                        return Err(Failure::new(format!(
                            "{gone} is not on the site's list: `rejoin site list` shows it"
                        )));
                    };
                    origins.remove(place);
                }
                for origin in args.options.origin {
                    if !origins.contains(&origin) {
                        origins.push(origin);
                    }
                }
                let changed = NewSite {
                    id: Some(site.id),
                    token: site.token,
                    name: args.name.unwrap_or(site.name),
                    welcome: args.options.welcome.unwrap_or(site.welcome),
                    color: args.options.color.unwrap_or(site.color),
                    visitor_auth: args.options.visitor_auth.unwrap_or(site.visitor_auth),
                    metrics: args.options.metrics.unwrap_or(site.metrics),
                    hours: args.options.hours.map_or(site.hours, |hours| hours.0),
                    zone: args.options.timezone.unwrap_or(site.zone),
                    away: args.options.away.unwrap_or(site.away),
                    files: Files {
                        kinds: args.options.files.unwrap_or(site.files.kinds),
                        most_mb: args.options.file_mb.unwrap_or(site.files.most_mb),
                    },
                    locale: args.options.locale.unwrap_or(site.locale),
                    origins,
                };
                let site = admin.put_site(&changed)?;
                // Not before all else has been found good: half a change is none that anybody asked for.
                if let Some(identity) = args.identity {
                    admin.set_identity(site.id, identity)?;
                }
                embed(&site, &args.options.url);
            }
            Self::Identity(args) => args.run(&admin)?,
            Self::List => {
                for site in admin.sites()? {
                    let auth = match site.visitor_auth {
                        VisitorAuth::Key => "key",
                        VisitorAuth::Open => "open",
                    };
                    println!("{}\t{}\t{auth}\t{}", site.token, site.name, origins(&site));
                    for (option, value) in settings(&site) {
                        println!("  {option}: {value}");
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns the failure for a token that no site has.
pub(super) fn unknown(token: &str) -> Failure {
    Failure::new(format!("no site has the token {token}: `rejoin site list` shows them"))
}

/// Returns what is not as in a new site, by the names of the options that change it; a secret is never among it.
pub(super) fn settings(site: &Site) -> Vec<(&'static str, String)> {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let kinds = match site.files.kinds {
        FileKinds::Off => "off",
        FileKinds::Images => "images",
        FileKinds::On => "on",
    };
    let identity = match (site.identity_secrets.len(), site.identity) {
        (0, Identity::Optional) => None,
        (0, Identity::Required) => Some("required, and there is no secret".to_owned()),
        (1, Identity::Optional) => Some("optional, with a secret".into()),
        (1, Identity::Required) => Some("required, with a secret".into()),
        (_, Identity::Optional) => Some("optional, with a secret and the former one".into()),
        (_, Identity::Required) => Some("required, with a secret and the former one".into()),
    };
    [
        ("welcome", some(&site.welcome)),
        ("color", (site.color != COLOR).then(|| site.color.clone())),
        ("metrics", (site.metrics == Metrics::On).then(|| "on".into())),
        ("hours", site.hours.as_ref().map(ToString::to_string)),
        ("timezone", (site.zone != Zone::default()).then(|| site.zone.to_string())),
        ("away", some(&site.away)),
        ("files", (site.files.kinds != FileKinds::default()).then(|| kinds.into())),
        ("file-mb", (site.files.most_mb != Files::MOST_MB).then(|| site.files.most_mb.to_string())),
        ("locale", some(&site.locale)),
        ("identity", identity),
    ]
    .into_iter()
    .filter_map(|(option, value)| Some((option, value?)))
    .collect()
}

fn origins(site: &Site) -> String {
    let origins: Vec<String> = site.origins.iter().map(ToString::to_string).collect();
    if origins.is_empty() { "(no origin)".into() } else { origins.join(" ") }
}

fn embed(site: &Site, url: &str) {
    println!("site token: {}", site.token);
    println!("pages that may embed it: {}", origins(site));
    if let Some(week) = &site.hours {
        let opening = Hours { week: week.clone(), zone: site.zone.clone() }.at(clock::wall());
        println!("hours: {week} ({}), {} now", site.zone, if opening.open { "open" } else { "closed" });
    }
    if site.origins.is_empty() {
        println!("  none yet: `rejoin site set {} --origin https://your-site.example`", site.token);
    }
    println!("\nput this line before </body>:\n");
    println!("  <script async src=\"{url}/widget.js\" data-site-token=\"{}\"></script>", site.token);
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text.trim_end_matches('/')).map_err(|error| error.to_string())
}

fn color(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("a colour is # and six hexadecimal digits, as #3b4cca".into());
    }
    Ok(format!("#{}", digits.to_ascii_lowercase()))
}

fn visitor_auth(text: &str) -> Result<VisitorAuth, String> {
    match text {
        "key" => Ok(VisitorAuth::Key),
        "open" => Ok(VisitorAuth::Open),
        _ => Err("`key` or `open` is needed".into()),
    }
}

fn file_kinds(text: &str) -> Result<FileKinds, String> {
    match text {
        "off" => Ok(FileKinds::Off),
        "images" => Ok(FileKinds::Images),
        "on" => Ok(FileKinds::On),
        _ => Err("`off`, `images` or `on` is needed".into()),
    }
}

/// Takes a language that the panel speaks, with a region or without, or nothing.
fn locale(text: &str) -> Result<String, String> {
    let text = text.trim();
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|letter| letter.is_ascii_alphanumeric());
    if text.is_empty() || LANGUAGES.contains(&language.as_str()) && parts.all(is_part) {
        return Ok(text.to_owned());
    }
    Err(format!("the panel speaks {}, also with a region, as pt-BR", LANGUAGES.join(", ")))
}

fn metrics(text: &str) -> Result<Metrics, String> {
    match text {
        "on" => Ok(Metrics::On),
        "off" => Ok(Metrics::Off),
        _ => Err("`on` or `off` is needed".into()),
    }
}

fn hours(text: &str) -> Result<HoursOption, String> {
    if text.trim().is_empty() {
        return Ok(HoursOption(None));
    }
    if text.chars().count() > MOST_CHARS || text.chars().any(char::is_control) {
        return Err(format!("hours are up to {MOST_CHARS} characters in one line"));
    }
    text.parse().map(|week| HoursOption(Some(week)))
}

fn identity(text: &str) -> Result<Identity, String> {
    match text {
        "required" => Ok(Identity::Required),
        "optional" => Ok(Identity::Optional),
        _ => Err("`required` or `optional` is needed".into()),
    }
}

/// Takes a text that is shown to people.
pub(super) fn text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MOST_CHARS || text.chars().any(char::is_control) {
        return Err(format!("1 to {MOST_CHARS} characters in one line are needed"));
    }
    Ok(text.to_owned())
}

fn text_or_nothing(given: &str) -> Result<String, String> {
    if given.trim().is_empty() { Ok(String::new()) } else { text(given) }
}
