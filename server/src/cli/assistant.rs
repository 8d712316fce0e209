//! `rejoin assistant`: automatic assistants.

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::site::{text, unknown};
use crate::config::{DataConfig, web_url};
use crate::store::CannedAnswer;
use crate::store::sqlite::{Admin, NewAssistant};

#[derive(Debug, Subcommand)]
pub(super) enum AssistantCommand {
    /// Make an assistant, and print its number and the frame to embed
    Add(AddArgs),
    /// List all assistants
    List,
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// Its shown name
    #[arg(long, value_parser = text)]
    name: String,
    /// The token of the site whose visitors it answers
    #[arg(long, value_name = "TOKEN")]
    site: String,
    /// What it says when it knows no answer
    #[arg(long, value_name = "TEXT", value_parser = text)]
    fallback: String,
    /// What it knows: words of which one must stand in the question, and the answer; may be given more than once
    #[arg(long, value_name = "WORD,WORD=TEXT", value_parser = canned)]
    answer: Vec<CannedAnswer>,
    /// This server's address, as visitors see it, for the frame to embed
    #[arg(
        long,
        value_name = "URL",
        env = "REJOIN_URL",
        default_value = "http://127.0.0.1:8787",
        value_parser = web_url
    )]
    url: String,
}

impl AssistantCommand {
    pub(super) fn run(self, data: &DataConfig) -> Result<(), Failure> {
        let mut admin = Admin::open(&data.data)?;
        match self {
            Self::Add(args) => {
                let Some(site) = admin.site(&args.site)? else { return Err(unknown(&args.site)) };
                let assistant = admin.put_assistant(&NewAssistant {
                    id: None,
                    site_id: site.id,
                    name: args.name,
                    fallback: args.fallback,
                    answers: args.answer,
                })?;
                let url = args.url;
                println!("assistant id: {}\n\nput one of these lines into a page of the site:\n", assistant.id);
                println!(
                    "  <script async src=\"{url}/widget.js\" data-assistant-id=\"{}\"></script>\n  <iframe title=\"Chat\" \
                     src=\"{url}/embed?assistant_id={}&amp;parent_origin=https%3A%2F%2Fyour-site.example\"></iframe>",
                    assistant.id, assistant.id
                );
            }
            Self::List => {
                let sites = admin.sites()?;
                for assistant in admin.assistants()? {
                    let site = sites.iter().find(|site| site.id == assistant.site_id);
                    let site = site.map_or("", |site| site.token.as_str());
                    println!("{}\t{}\t{site}\t{} answers", assistant.id, assistant.name, assistant.answers.len());
                }
            }
        }
        Ok(())
    }
}

fn canned(given: &str) -> Result<CannedAnswer, String> {
    let (words, answer) =
        given.split_once('=').ok_or("words, = and the answer are needed, as price,cost=It is free.")?;
    let keywords: Vec<String> =
        words.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()).collect();
    if keywords.is_empty() {
        return Err("at least one word is needed before the =".into());
    }
    Ok(CannedAnswer { keywords, text: text(answer)? })
}
