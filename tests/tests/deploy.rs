//! Nobody notices a deploy: the supervisor, the hand-over, sockets that the system keeps, and pages of the build before.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::PATIENCE;
use tests::app::{OPEN, new_id, site_socket, world};
use tests::binary::{self, Binary, printed, run};
use tests::http::{Ask, NoAnswer};
use tests::socket::Socket;

/// Returns the servers that a supervisor has started and that run.
fn children(parent: u32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < end, "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns the one child that is not `old`.
async fn child_after(server: &Binary, old: i32) -> i32 {
    let mut found = 0;
    until("another child", async || match children(server.id())[..] {
        [child] if child != old => {
            found = child;
            true
        }
        _ => false,
    })
    .await;
    found
}

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Clients that post messages one after the other, each over a connection of its own.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<BTreeMap<String, u64>>>,
    failed: Arc<Mutex<Vec<String>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(address: SocketAddr, clients: usize) -> Self {
        let mut load =
            Self { stop: Arc::default(), answered: Arc::default(), failed: Arc::default(), tasks: Vec::new() };
        for client in 0..clients {
            let (stop, answered, failed) =
                (Arc::clone(&load.stop), Arc::clone(&load.answered), Arc::clone(&load.failed));
            load.tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let id = new_id();
                    let path = format!("/api/site/dialogs/{}/messages?site_token={OPEN}", 100 + client);
                    let ask = Ask::new(address, "POST", &path).json(&json!({"id": id, "text": "under load"}));
                    match ask.attempt().await {
                        Ok(answer) if answer.status == 201 => {
                            answered.lock().unwrap().insert(id, answer.json()["seq"].as_u64().unwrap());
                        }
                        Ok(answer) if answer.status == 429 => tokio::time::sleep(Duration::from_millis(20)).await,
                        Ok(answer) => failed.lock().unwrap().push(format!("{}: {}", answer.status, answer.text())),
                        Err(NoAnswer(why)) => failed.lock().unwrap().push(why),
                    }
                }
            }));
        }
        load
    }

    async fn answered_more(&self) {
        let before = self.answered.lock().unwrap().len();
        until("more answers", async || self.answered.lock().unwrap().len() > before + 20).await;
    }

    async fn end(self) -> (BTreeMap<String, u64>, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let failed = self.failed.lock().unwrap().clone();
        (self.answered.lock().unwrap().clone(), failed)
    }
}

#[tokio::test]
async fn when_the_server_is_killed_under_load_no_connection_is_refused_and_nothing_answered_is_lost() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--supervise", "--messages-per-s", "10000"]).await;
    let load = Load::start(server.address, 4);
    let mut child = 0;
    for _ in 0..5 {
        load.answered_more().await;
        child = child_after(&server, child).await;
        kill(child, Signal::KILL);
    }
    load.answered_more().await;
    let (answered, failed) = load.end().await;
    // A request that the dead server had taken is broken off; none is refused.
    let refused: Vec<_> = failed.iter().filter(|why| why.to_lowercase().contains("refused")).collect();
    assert!(refused.is_empty(), "{refused:?} of {failed:?}");
    assert!(failed.len() <= 5 * 4, "each kill breaks at most what was under way: {failed:?}");
    for (id, seq) in answered.iter().take(200) {
        let again = (0..4).map(|client| format!("/api/site/dialogs/{}/messages?site_token={OPEN}", 100 + client));
        let mut seqs = Vec::new();
        for path in again {
            let answer = Ask::new(server.address, "POST", &path).json(&json!({"id": id, "text": "under load"}));
            let answer = answer.send().await;
            seqs.extend((answer.status == 200).then(|| answer.json()["seq"].as_u64().unwrap()));
        }
        assert!(seqs.contains(seq), "{id} was answered with {seq}: {seqs:?}");
    }
    server.signal(Signal::TERM);
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
}

#[tokio::test]
async fn on_sighup_a_new_server_takes_over_and_no_request_fails() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--supervise", "--messages-per-s", "10000"]).await;
    let load = Load::start(server.address, 4);
    let mut child = child_after(&server, 0).await;
    let mut socket = Socket::open(server.address, &site_socket(150, OPEN)).await;
    socket.frame("synced").await;
    for _ in 0..3 {
        load.answered_more().await;
        server.signal(Signal::HUP);
        child = child_after(&server, child).await;
    }
    load.answered_more().await;
    assert_eq!(socket.closed().await.word(), (4100, "draining".into()));
    let (answered, failed) = load.end().await;
    assert!(failed.is_empty(), "{failed:?}\n{}", server.printed().text());
    assert!(answered.len() > 80);
    server.signal(Signal::TERM);
    assert!(server.ended().await.0.success());
    assert!(children(u32::try_from(child).unwrap()).is_empty());
}

#[tokio::test]
async fn a_server_that_cannot_start_is_not_started_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    let output = run(&file.join("data"), &["serve", "--supervise", "--port", "0"]).await;
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("file/data") && said.contains("not trying again"), "{said}");
    assert_eq!(said.matches("error:").count(), 2, "the reason, and that it is believed: {said}");
}

#[tokio::test]
async fn a_new_server_that_cannot_start_leaves_the_old_one_in_its_place() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--supervise"]).await;
    let child = child_after(&server, 0).await;
    let secret = data.join("secret");
    let kept = fs::read(&secret).unwrap();
    fs::write(&secret, "short").unwrap();
    server.signal(Signal::HUP);
    until("a word about it", async || server.printed().text().contains("the old one goes on")).await;
    assert_eq!(children(server.id()), [child]);
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
    fs::write(&secret, kept).unwrap();
    server.signal(Signal::HUP);
    child_after(&server, child).await;
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
}

#[tokio::test]
async fn a_new_server_that_cannot_read_the_data_leaves_the_old_one_in_its_place() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--supervise"]).await;
    let child = child_after(&server, 0).await;
    // As if a newer release had written it, and this is the one that somebody goes back to.
    let conn = rusqlite::Connection::open(data.join("rejoin.db")).unwrap();
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    server.signal(Signal::HUP);
    until("a word about it", async || server.printed().text().contains("the old one goes on")).await;
    assert_eq!(children(server.id()), [child]);
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
    conn.pragma_update(None, "user_version", version).unwrap();
    drop(conn);
    server.signal(Signal::HUP);
    child_after(&server, child).await;
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
}

#[tokio::test]
async fn a_server_whose_supervisor_is_killed_leaves_too() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--supervise"]).await;
    let child = child_after(&server, 0).await;
    let address = server.address;
    let printed = server.kill().await;
    until("gone", async || !fs::exists(format!("/proc/{child}/fd/0")).unwrap_or(false)).await;
    let next = Binary::serve_at(&data, address, &[]).await;
    assert_eq!(Ask::new(next.address, "GET", "/ready").send().await.status, 200, "{}", printed.text());
}

#[tokio::test]
async fn a_program_that_is_away_for_a_moment_is_started_when_it_is_back_and_the_socket_stays_open() {
    let (_directory, data) = world();
    // A second name of the program: a copy could still be open for writing in another test's child.
    let folder = tempfile::tempdir_in(binary::program().parent().unwrap()).unwrap();
    let program = folder.path().join("rejoin");
    fs::hard_link(binary::program(), &program).unwrap();
    let mut command = under_name(&program, &binary::command(&data, &["serve", "--port", "0", "--supervise"]));
    command.stdin(Stdio::null());
    let server = Binary::start(command).await;
    let child = child_after(&server, 0).await;
    let away = program.with_extension("away");
    fs::rename(&program, &away).unwrap();
    kill(child, Signal::KILL);
    until("a word about it", async || server.printed().text().matches("cannot be started").count() >= 2).await;
    let asked = tokio::spawn(Ask::new(server.address, "GET", "/ready").send());
    fs::rename(&away, &program).unwrap();
    child_after(&server, child).await;
    assert_eq!(asked.await.unwrap().status, 200);
    server.signal(Signal::TERM);
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
}

/// Returns the same command of a program under another name, its input still open.
fn under_name(program: &std::path::Path, command: &tokio::process::Command) -> tokio::process::Command {
    let command = command.as_std();
    let mut named = tokio::process::Command::new(program);
    named.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => named.env(name, value),
            None => named.env_remove(name),
        };
    }
    named.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    named
}

/// Starts a server on a socket that this test keeps, as systemd does.
async fn activated(data: &std::path::Path, listener: &TcpListener) -> Binary {
    let serve = binary::command(data, &["serve"]);
    let serve = serve.as_std();
    // Only a shell can put a socket in the place that the protocol asks for.
    let mut command = tokio::process::Command::new("sh");
    command.arg("-c").arg("exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"").arg("sh");
    command.arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    Binary::start(command).await
}

#[tokio::test]
async fn on_a_socket_that_the_system_keeps_a_restart_is_a_pause_and_nothing_more() {
    let (_directory, data) = world();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = activated(&data, &listener).await;
    assert_eq!(server.address, listener.local_addr().unwrap());
    let address = server.address;
    let mut socket = Socket::open(address, &site_socket(100, OPEN)).await;
    assert_eq!(socket.say_as("a", "before").await["seq"], 1);
    server.signal(Signal::TERM);
    assert_eq!(socket.closed().await.word(), (4100, "draining".into()));
    assert!(server.ended().await.0.success());
    // Asked while nobody serves.
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    let asked = tokio::spawn(Ask::new(address, "POST", &path).json(&json!({"id": "b", "text": "between"})).send());
    let _server = activated(&data, &listener).await;
    assert_eq!(asked.await.unwrap().expect(201)["seq"], 2);
}

#[tokio::test]
async fn a_server_may_wait_for_the_one_before_to_leave_the_data() {
    let (_directory, data) = world();
    let first = Binary::serve(&data, &[]).await;
    let second = tokio::spawn({
        let data = data.clone();
        async move { Binary::serve(&data, &["--wait-s", "60"]).await }
    });
    let mut socket = Socket::open(first.address, &site_socket(100, OPEN)).await;
    assert_eq!(socket.say_as("a", "first").await["seq"], 1);
    assert!(!second.is_finished());
    first.signal(Signal::TERM);
    assert!(first.ended().await.0.success());
    let second = second.await.unwrap();
    let mut socket = Socket::open(second.address, &site_socket(100, OPEN)).await;
    assert_eq!(socket.say_as("b", "second").await["seq"], 2);
}

#[tokio::test]
async fn a_page_of_an_earlier_build_finds_what_that_build_left() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    Binary::serve(&data, &[]).await.kill().await;
    fs::write(data.join("assets/client-0123abcd.wasm"), b"\0asm").unwrap();
    let server = Binary::serve(&data, &[]).await;
    let ask = |path: &'static str| Ask::new(server.address, "GET", path).send();
    let found = ask("/assets/client-0123abcd.wasm").await;
    assert_eq!((found.status, found.header("content-type")), (200, "application/wasm"));
    assert_eq!(found.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(found.header("access-control-allow-origin"), "*");
    for path in ["/assets/client-0123abce.wasm", "/assets/..%2fsecret", "/assets/../secret", "/assets/secret"] {
        assert_eq!(ask(path).await.status, 404, "{path}");
    }
}
