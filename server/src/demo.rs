//! What `--demo` brings: three shops, three sites for clients in the field, an assistant, and an operator.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use server_core::Millis;
use server_core::access::{Sites, VisitorAuth};
use server_core::origin::Pattern;

use crate::credentials::{Passwords, ServerSecret};
use crate::hours::Zone;
use crate::store::sqlite::{Admin, NewAssistant, NewOperator, NewSite, OpenError};
use crate::store::{CannedAnswer, Files, Metrics};

/// What the demo's operator logs in with.
pub const OPERATOR: &str = "demo";

/// The demo's assistant.
pub const ASSISTANT: u64 = 3;

/// The dialog that the assistant answers in for clients in the field.
const ASSISTED_DIALOG: u64 = 123;

/// One site of the demo.
struct DemoSite {
    token: &'static str,
    name: &'static str,
    welcome: &'static str,
    color: &'static str,
    auth: VisitorAuth,
    /// A dialog that is there from the start.
    dialog: Option<u64>,
}

const SHOPS: [DemoSite; 3] = [
    DemoSite {
        token: "st_demo",
        name: "Morrow Stoneware",
        welcome: "Hello from the studio! Ask us anything about pots, glazes or the next course.",
        color: "#9c4a26",
        auth: VisitorAuth::Key,
        dialog: None,
    },
    DemoSite {
        token: "st_demo_b",
        name: "Fjordlight",
        welcome: "Hi! Tell us what you ride, and we find the light for it.",
        color: "#0b6573",
        auth: VisitorAuth::Key,
        dialog: None,
    },
    DemoSite {
        token: "st_demo_c",
        name: "Papaver Seeds",
        welcome: "Good day! What would you like to see in bloom?",
        color: "#b8321f",
        auth: VisitorAuth::Key,
        dialog: None,
    },
];

const OPEN_SITES: [DemoSite; 3] = [
    DemoSite {
        token: "st_demo_one",
        name: "Demo one",
        welcome: "Welcome to site one.",
        color: "#3b4cca",
        auth: VisitorAuth::Open,
        dialog: Some(100),
    },
    DemoSite {
        token: "st_demo_two",
        name: "Demo two",
        welcome: "Welcome to site two.",
        color: "#0b6573",
        auth: VisitorAuth::Open,
        dialog: Some(200),
    },
    DemoSite {
        token: "st_demo_three",
        name: "Demo three",
        welcome: "Welcome to site three.",
        color: "#9c4a26",
        auth: VisitorAuth::Open,
        dialog: Some(300),
    },
];

/// The assistant's own site, so that its frame can be tried with a key, and its dialog without one.
const ASSISTED: DemoSite = DemoSite {
    token: "st_demo_widget",
    name: "Rejoin",
    welcome: "Hello! I am Robin, an automatic assistant. Ask me about Rejoin: what it is, how to embed it, what happens \
              when the connection breaks.",
    color: "#3b4cca",
    auth: VisitorAuth::Open,
    dialog: Some(ASSISTED_DIALOG),
};

const FALLBACK: &str = "I only know a few things about Rejoin: what it is, how to embed it, what happens when the \
                        connection breaks, where the data lies, and how to reach a person. A person reads along here, \
                        too.";

/// Keywords and answers; of two that fit equally well, the first is given.
const ANSWERS: [(&str, &str); 9] = [
    (
        "offline,disconnect,connection,reconnect,break,breaks,lost,lose,network,tunnel,sleep",
        "Write on: what you send while the connection is down waits in your browser, survives a reload, and arrives \
         once, in its order, as soon as the way is free. Try it: stop the server, write, and start it again.",
    ),
    (
        "embed,install,snippet,script,integrate,add it,website,iframe",
        "One line before </body>: <script async src=\"https://your-server/widget.js\" data-site-token=\"…\"></script>. \
         Make the token with `rejoin site add --name \"My shop\" --origin https://shop.example`.",
    ),
    (
        "twice,duplicate,double,duplicates",
        "No message is shown twice: the browser names each one before it sends it, and the database takes a name once.",
    ),
    (
        "data,database,stored,store,privacy,gdpr,where",
        "Everything lies in one SQLite file on the server that you run, and nothing goes anywhere else. The page keeps \
         a random key, of which the server knows only a hash.",
    ),
    (
        "price,cost,free,license,licence,pay,money",
        "Rejoin is free software, under the MIT or the Apache 2.0 license, whichever you like better.",
    ),
    (
        "human,person,operator,agent,somebody,someone,talk",
        "An operator sees this dialog in the console at /console. When one writes here, I keep quiet for half an hour.",
    ),
    (
        "backup,restore",
        "`rejoin backup FILE` copies the database while the server runs, `rejoin restore FILE` puts it back; every \
         page then starts anew from the log, so that nothing is merged wrongly.",
    ),
    (
        "what is,rejoin,what can,about",
        "Rejoin is a live chat for websites whose link rejoins by itself: one program \
      that you run, one line in your page, and no message lost or shown twice.",
    ),
    ("hello,hi,hey,good morning,good day,hallo,moin", "Hello! What would you like to know about Rejoin?"),
];

/// What a visitor of the demo must know.
#[derive(Debug)]
pub struct Demo {
    /// The password of the operator `demo`.
    pub password: String,
}

/// Brings the demo up to date, for a server that listens on `address`; the dialogs stay as they are.
///
/// # Errors
/// Those of the database.
pub fn seed(
    admin: &mut Admin,
    secret: &ServerSecret,
    address: SocketAddr,
    servers: &[String],
    now: Millis,
) -> Result<Demo, OpenError> {
    let origins = origins(address, servers);
    let mut sites = BTreeSet::new();
    for site in SHOPS.iter().chain(&OPEN_SITES) {
        let id = put_site(admin, site, &origins)?;
        sites.insert(id);
        if let Some(dialog) = site.dialog {
            admin.put_dialog(dialog, id, None, now)?;
        }
    }
    let site_id = put_site(admin, &ASSISTED, &origins)?;
    sites.insert(site_id);
    let answers = ANSWERS.iter().map(|(keywords, text)| CannedAnswer {
        keywords: keywords.split(',').map(str::to_owned).collect(),
        text: (*text).to_owned(),
    });
    admin.put_assistant(&NewAssistant {
        id: Some(ASSISTANT),
        site_id,
        name: "Robin".into(),
        fallback: FALLBACK.into(),
        answers: answers.collect(),
    })?;
    admin.put_dialog(ASSISTED_DIALOG, site_id, Some(ASSISTANT), now)?;
    // The same on each start, known to nobody else, and no default that anybody could try elsewhere.
    let password = BASE64_URL_SAFE_NO_PAD.encode(&secret.key("demo password, 1")[..9]);
    let password_hash = Passwords::hash(&password).ok_or(OpenError::Random(crate::credentials::RandomError))?;
    let name = "Dana Demo".into();
    let sites = Sites::Only(sites);
    admin.put_operator(&NewOperator { email: OPERATOR.into(), name, password_hash, sites })?;
    Ok(Demo { password })
}

fn put_site(admin: &mut Admin, site: &DemoSite, origins: &[Pattern]) -> Result<u64, OpenError> {
    let id = admin.site(site.token)?.map(|known| known.id);
    let site = admin.put_site(&NewSite {
        id,
        token: site.token.into(),
        name: site.name.into(),
        welcome: site.welcome.into(),
        color: site.color.into(),
        visitor_auth: site.auth,
        metrics: Metrics::On,
        hours: None,
        zone: Zone::default(),
        away: String::new(),
        files: Files::default(),
        locale: String::new(),
        origins: origins.to_vec(),
    })?;
    Ok(site.id)
}

/// Returns the origins under which the demo's own pages are served.
fn origins(address: SocketAddr, servers: &[String]) -> Vec<Pattern> {
    let port = address.port();
    let mut hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned(), "[::1]".to_owned()];
    if !address.ip().is_unspecified() {
        hosts.push(match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
    }
    let own = hosts.iter().map(|host| format!("http://{host}:{port}"));
    own.chain(servers.iter().cloned()).filter_map(|origin| Pattern::parse(&origin).ok()).collect()
}

#[cfg(test)]
mod tests {
    use server_core::origin;

    use super::*;

    #[test]
    fn the_demo_is_brought_once_and_follows_the_port_of_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let secret = ServerSecret::open(directory.path()).unwrap();
        let mut admin = Admin::open(directory.path()).unwrap();
        let mut passwords = Vec::new();
        for port in [8787, 9000] {
            let demo = seed(&mut admin, &secret, ([127, 0, 0, 1], port).into(), &[], 1_000).unwrap();
            passwords.push(demo.password);
            let sites = admin.sites().unwrap();
            assert_eq!(sites.len(), 7);
            for site in sites {
                let allowed = |page: &str| origin::allowed(&site.origins, page);
                assert!(allowed(&format!("http://127.0.0.1:{port}")) && allowed(&format!("http://localhost:{port}")));
                assert!(!allowed("http://127.0.0.1:1") && !allowed("https://evil.example"));
            }
        }
        assert_eq!(passwords[0], passwords[1], "the same at each start");
        assert_eq!(admin.assistants().unwrap().iter().map(|robin| robin.id).collect::<Vec<_>>(), [ASSISTANT]);
        assert_eq!(admin.check().unwrap().dialogs, 4);
        let operator = admin.operator("demo").unwrap().unwrap();
        assert!(matches!(operator.sites, Sites::Only(sites) if sites.len() == 7), "and no site of anybody else");
    }

    #[test]
    fn every_keyword_is_in_the_form_that_questions_are_compared_in() {
        for (keywords, text) in ANSWERS {
            assert!(
                !text.is_empty() && keywords.split(',').all(|word| !word.is_empty() && *word == word.to_lowercase())
            );
        }
    }
}
