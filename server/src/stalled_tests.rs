//! A stream that nobody reads for a while, and what it says when it is read again.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use clap::Parser;
use http_body_util::BodyExt;
use protocol::{Author, AuthorKind};
use server_core::access::{KeyHash, ScopedDialog, Sites, Who, authorize};
use server_core::append::NewMessage;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::config::ServeConfig;
use crate::credentials::{Credentials, ServerSecret, hash_visitor_key};
use crate::store::sqlite::{Admin, SqliteStore};
use crate::store::{Claim, NewDialog, Rekeyed, Store};
use crate::{App, Hub, clock, demo, routes};

const KEY: &str = "vk_0123456789abcdefghijklmnop";
/// What nobody may read who has no right to the dialog any more.
const LATER: &str = "written later";

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: ServeConfig,
}

/// A server without sockets, with one visitor's dialog.
struct Scene {
    app: App,
    router: Router,
    admin: Admin,
    site_id: u64,
    dialog: ScopedDialog,
    operator: (u64, String),
    _directory: TempDir,
}

/// A stream that is read only when the test does.
struct Stream(Body);

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        let secret = ServerSecret::open(data).unwrap();
        let hub = Hub::new();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data, hub.published()).unwrap());
        let mut admin = Admin::open(data).unwrap();
        demo::seed(&mut admin, &secret, ([127, 0, 0, 1], 8787).into(), &[], clock::wall()).unwrap();
        let site_id = admin.site("st_demo").unwrap().unwrap().id;
        let message = message("first");
        let key_hash = hash_visitor_key(KEY).unwrap();
        let new = NewDialog { site_id, assistant_id: None, key_hash, message };
        let id = store.start_dialog(new).await.unwrap().dialog_id.unwrap();
        let facts = store.dialog_facts(id).await.unwrap();
        let who = Who::Operator { id: 1, name: "Ada".into(), sites: Sites::All };
        let dialog = authorize(&who, facts.as_ref()).unwrap();
        let config = Options::try_parse_from(["rejoin", "--heartbeat-ms", "100"]).unwrap().serve;
        let credentials = Credentials::new(&secret);
        let operator = admin.operator(demo::OPERATOR).unwrap().unwrap();
        let token = |valid_ms| {
            let issued = credentials.operators.issue(operator.id, 0, &operator.name, clock::wall(), valid_ms);
            issued.unwrap().expose().to_owned()
        };
        let operator = (operator.id, token(3_600_000));
        let app = App::new(&config, store, hub, credentials);
        let router = routes::router(app.clone());
        Self { app, router, admin, site_id, dialog, operator, _directory: directory }
    }

    /// Opens a stream and reads up to where it is live.
    async fn open(&self, path: &str, bearer: &str) -> Stream {
        let path = format!("/api{path}/dialogs/{}/events?after=0&site_token=st_demo", self.dialog.id());
        let request = Request::get(path).header("authorization", format!("Bearer {bearer}")).body(Body::empty());
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = Stream(response.into_body());
        let mut text = String::new();
        while !text.contains("\"type\":\"synced\"") {
            text += &stream.next().await.unwrap();
        }
        assert!(text.contains("first"), "{text}");
        stream
    }

    async fn write(&self, text: &str) {
        self.app.store().append(self.dialog, message(text)).await.unwrap().unwrap();
    }

    /// Keeps the dialog under the hash of a person from now on, as `POST …/dialogs` does.
    async fn claim(&self) {
        let person: KeyHash = [9; 32];
        let former = Some(hash_visitor_key(KEY).unwrap());
        let (site_id, assistant_id) = (self.site_id, None);
        let claim = Claim { site_id, assistant_id, key_hash: person, former, profile: None, attributes: None };
        let claimed = self.app.store().claim(claim).await.unwrap();
        assert_eq!((claimed.dialog_id, claimed.rekeyed), (Some(self.dialog.id()), Rekeyed::Yes));
        for card in self.app.hub().members(self.dialog.id()) {
            card.rekey(person);
        }
    }
}

impl Stream {
    async fn next(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(Duration::from_secs(20), self.0.frame()).await.expect("something comes");
        let data = frame?.unwrap().into_data().unwrap();
        Some(String::from_utf8(data.to_vec()).unwrap())
    }

    /// Reads to the end.
    async fn rest(mut self) -> String {
        let mut text = String::new();
        while let Some(more) = self.next().await {
            text += &more;
        }
        text
    }
}

fn message(text: &str) -> NewMessage {
    let author = Author { kind: AuthorKind::Visitor, name: String::new() };
    NewMessage { id: format!("m-{text}"), n: None, client: None, author, text: text.into(), file: None }
}

#[tokio::test]
async fn nothing_that_is_written_after_a_claim_leaves_by_the_old_key() {
    let scene = Scene::new().await;
    let (idle, behind) = (scene.open("/site", KEY).await, scene.open("/site", KEY).await);
    scene.claim().await;
    scene.write(LATER).await;
    for stream in [idle, behind] {
        let rest = stream.rest().await;
        assert!(rest.contains("dialog_not_found") && !rest.contains(LATER), "{rest}");
    }
}

#[tokio::test]
async fn nothing_that_is_written_after_a_token_has_expired_leaves_by_it() {
    let scene = Scene::new().await;
    let operators = &scene.app.credentials().operators;
    let soon = operators.issue(scene.operator.0, 0, "Ada", clock::wall(), 2_000).unwrap();
    let stream = scene.open("", soon.expose()).await;
    let expires_at = operators.check(soon.expose()).unwrap().expires_at;
    while clock::wall() <= expires_at {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.write(LATER).await;
    let rest = stream.rest().await;
    assert!(rest.contains("\"expired\"") && !rest.contains(LATER), "{rest}");
}

#[tokio::test]
async fn nothing_that_is_written_after_the_next_look_leaves_for_an_operator_who_was_removed() {
    let scene = Scene::new().await;
    let stream = scene.open("", &scene.operator.1).await;
    scene.admin.remove_operator(scene.operator.0).unwrap();
    let look_at = scene.app.clock().mono() + 150;
    while scene.app.clock().mono() < look_at {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.write(LATER).await;
    let rest = stream.rest().await;
    assert!(rest.contains("unauthorized") && !rest.contains(LATER), "{rest}");
}
