//! The program itself: its commands, its signals, and what it says when it cannot start.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tests::app::{OPEN, new_id, new_key, read_log, site_socket, texts, widget_socket, world};
use tests::binary::{self, Binary, printed, run};
use tests::http::Ask;
use tests::socket::Socket;

async fn token(data: &Path, email: &str) -> String {
    let output = run(data, &["operator", "token", email]).await;
    assert!(output.status.success(), "{}", printed(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn fails(data: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = run(data, arguments).await;
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("listening on"), "{said}");
}

/// Returns the names and the contents of the files of a directory.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn options_that_do_not_exist_or_cannot_be_are_named_and_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let rows: [(&[&str], &str); 9] = [
        (&["serve", "--prot", "1"], "--prot"),
        (&["serve", "--port", "99999"], "99999"),
        (&["serve", "--port", "abc"], "a port is a whole number from 0 to 65535"),
        (&["serve", "--host", "nowhere"], "nowhere"),
        (&["serve", "--max-connections", "0"], "--max-connections"),
        (&["serve", "--messages-per-s", "0"], "--messages-per-s"),
        (&["serve", "--server", "not a url"], "not a url"),
        (&["dance"], "dance"),
        (&["site", "add"], "--name"),
    ];
    for (arguments, part) in rows {
        fails(&data, arguments, 2, &["error", part, "--help"]).await;
    }
    fails(&data, &["serve", "--port", "0", "--log", "server=loud"], 2, &["server=loud"]).await;
    fails(&data, &["site", "add", "--name", "Shop", "--origin", "shop.example/page"], 2, &["shop.example/page"]).await;
    assert!(!data.exists());
}

#[tokio::test]
async fn variables_set_what_options_set_and_options_win() {
    let (_directory, data) = world();
    let mut command = binary::command(&data, &["serve", "--port", "0"]);
    command.env("REJOIN_PORT", "1").env("REJOIN_MAX_CONNECTIONS", "1");
    let server = Binary::start(command).await;
    let mut first = Socket::open(server.address, &site_socket(100, OPEN)).await;
    first.frame("ready").await;
    let mut second = Socket::open(server.address, &site_socket(100, OPEN)).await;
    assert_eq!(second.closed().await.code, 4200);
    let mut wrong = binary::command(&data, &["serve"]);
    wrong.env("REJOIN_PORT", "many");
    let output = binary::finish(wrong).await;
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
}

#[tokio::test]
async fn a_port_in_use_is_named_and_the_other_server_carries_on() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &[]).await;
    let other = tempfile::tempdir().unwrap();
    let port = server.address.port().to_string();
    let free = other.path().join("data");
    fails(&free, &["serve", "--port", &port], 1, &[&format!("port {port} is in use"), "--port"]).await;
    assert!(!free.exists(), "nothing was touched");
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
}

#[tokio::test]
async fn a_data_directory_of_another_server_is_left_alone() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &[]).await;
    let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
    assert_eq!(socket.say_as("a", "before").await["seq"], 1);
    let shown = data.display().to_string();
    fails(&data, &["serve", "--port", "0"], 1, &["error", &shown]).await;
    assert_eq!(socket.say_as("b", "after").await["seq"], 2);
    // Commands work beside it.
    let listed = run(&data, &["site", "list"]).await;
    assert!(printed(&listed).contains(OPEN), "{}", printed(&listed));
    // As soon as it is gone, even by force, the next one may start.
    server.kill().await;
    let server = Binary::serve(&data, &[]).await;
    assert_eq!(
        texts(&read_log(server.address, 100, &token(&data, "all@desk.example").await).await),
        ["before", "after"]
    );
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_or_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    for data in [file.clone(), file.join("data"), "/proc/rejoin".into()] {
        let shown = data.display().to_string();
        fails(&data, &["serve", "--port", "0"], 1, &["error", &shown]).await;
        fails(&data, &["site", "add", "--name", "Shop"], 1, &["error", &shown]).await;
    }
    fails("/proc/rejoin".as_ref(), &["serve", "--port", "0"], 1, &["/proc takes no new directories", "--data"]).await;
    let below = file.join("data");
    fails(&below, &["serve", "--port", "0"], 1, &[&format!("{} is in its way", file.display()), "--data"]).await;
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_refused_and_stays_as_it_is() {
    let (_directory, data) = world();
    let database = data.join("rejoin.db");
    let good = {
        // Everything in one file.
        let conn = rusqlite::Connection::open(&database).unwrap();
        conn.pragma_update(None, "journal_mode", "DELETE").unwrap();
        drop(conn);
        fs::read(&database).unwrap()
    };
    let mut damaged = good.clone();
    for page in (1..good.len() / 4096).step_by(2) {
        damaged[page * 4096..page * 4096 + 200].fill(0xa5);
    }
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let newer = {
        let conn = rusqlite::Connection::open(&database).unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        drop(conn);
        fs::read(&database).unwrap()
    };
    let foreign = {
        let path = data.join("other.db");
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')").unwrap();
        drop(conn);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        content
    };
    let rows = [
        ("no database at all", b"this is a letter, and no database at all".repeat(200), "database"),
        ("damaged pages", damaged, "damaged"),
        ("half of it", cut, "damaged"),
        ("a newer program's", newer, "99"),
        ("another program's", foreign, "database"),
    ];
    for (what, content, part) in rows {
        fs::write(&database, &content).unwrap();
        for arguments in [&["serve", "--port", "0"][..], &["check"]] {
            fails(&data, arguments, 1, &["error", part]).await;
        }
        let now = fs::read(&database).unwrap();
        let changed = content.chunks(4096).zip(now.chunks(4096)).filter(|(before, after)| before != after).count();
        // Where the damage shows only later, the journal mode and the count of starts were written before.
        assert!(now.len() == content.len() && changed <= if part == "damaged" { 2 } else { 0 }, "{what}: {changed}");
    }
    fs::write(&database, &good).unwrap();
    let server = Binary::serve(&data, &[]).await;
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
}

#[tokio::test]
async fn a_secret_that_others_can_read_or_guess_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, data) = world();
    let secret = data.join("secret");
    run(&data, &["operator", "token", "all@desk.example"]).await;
    let own = fs::read_to_string(&secret).unwrap();
    assert!(own.trim().len() >= 32, "the server makes its own");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    fails(&data, &["serve", "--port", "0"], 1, &["chmod 600"]).await;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    for weak in ["", "short", "changeme-changeme-changeme-changeme-0123", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        fs::write(&secret, weak).unwrap();
        fails(&data, &["serve", "--port", "0"], 1, &["secret"]).await;
    }
}

#[tokio::test]
async fn on_sigterm_clients_are_told_and_the_program_ends_with_zero() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_directory, data) = world();
        let server = Binary::serve(&data, &[]).await;
        let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
        socket.frame("synced").await;
        socket.say_as("a", "stays").await;
        server.signal(signal);
        let drain = socket.frame("drain").await;
        assert!(drain["in_ms"].as_u64().unwrap() <= drain["spread_ms"].as_u64().unwrap(), "{drain}");
        assert_eq!(socket.closed().await.word(), (4100, "draining".into()));
        let (status, printed) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{printed}");
        let checked = run(&data, &["check"]).await;
        assert!(
            checked.status.success() && self::printed(&checked).contains("1 messages"),
            "{}",
            self::printed(&checked)
        );
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--drain-ms", "600000"]).await;
    let mut sockets = Vec::new();
    for _ in 0..200 {
        sockets.push(Socket::open(server.address, &site_socket(100, OPEN)).await);
    }
    server.signal(Signal::TERM);
    sockets[0].frame("drain").await;
    server.signal(Signal::TERM);
    let (status, _) = server.ended().await;
    assert_eq!(status.code(), Some(130));
}

#[tokio::test]
async fn what_was_answered_survives_kill_9_and_the_same_ids_get_the_same_answers() {
    let (_directory, data) = world();
    let mut server = Binary::serve(&data, &["--messages-per-s", "10000"]).await;
    let mut answered: Vec<(String, u64, u64)> = Vec::new();
    for round in 0..3 {
        let address = server.address;
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let tell = tell.clone();
                tokio::spawn(async move {
                    let mut socket = Socket::open(address, &site_socket(100, OPEN)).await;
                    for number in 0.. {
                        let id = format!("k-{round}-{writer}-{number}");
                        socket.send(&json!({"type": "message", "id": id, "text": id})).await;
                        loop {
                            match socket.next().await {
                                tests::socket::Down::Frame(frame) if frame["type"] == "stored" => {
                                    let of = |field: &str| frame[field].as_u64().unwrap();
                                    let _over = tell.send((id, of("seq"), of("at")));
                                    break;
                                }
                                tests::socket::Down::Frame(_) => {}
                                tests::socket::Down::Closed(_) => return,
                            }
                        }
                    }
                })
            })
            .collect();
        drop(tell);
        // In the middle of it.
        for _ in 0..200 {
            answered.push(told.recv().await.unwrap());
        }
        server.kill().await;
        while let Some(more) = told.recv().await {
            answered.push(more);
        }
        for writer in writers {
            writer.await.unwrap();
        }
        server = Binary::serve(&data, &["--messages-per-s", "10000"]).await;
    }
    let log = read_log(server.address, 100, &token(&data, "all@desk.example").await).await;
    for (place, message) in log.iter().enumerate() {
        assert_eq!(message["seq"], place as u64 + 1);
    }
    let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
    for (id, seq, at) in &answered {
        let message = &log[usize::try_from(*seq).unwrap() - 1];
        assert_eq!((&message["id"], &message["text"]), (&json!(id), &json!(id)));
        let again = socket.say_as(id, id).await;
        assert_eq!((&again["seq"], &again["at"], &again["duplicate"]), (&json!(seq), &json!(at), &json!(true)));
    }
    assert!(answered.len() >= 600, "{}", answered.len());
    server.signal(Signal::TERM);
    server.ended().await;
    let checked = run(&data, &["check"]).await;
    assert!(checked.status.success(), "{}", printed(&checked));
}

#[tokio::test]
async fn a_site_and_an_operator_made_by_commands_can_talk() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("new");
    let server = Binary::serve(&data, &[]).await;
    let made =
        run(&data, &["site", "add", "--name", "My shop", "--origin", "https://shop.example", "--welcome", "Hi!"]).await;
    assert!(made.status.success(), "{}", printed(&made));
    let said = printed(&made);
    let site = said.lines().find_map(|line| line.strip_prefix("site token: ")).unwrap().to_owned();
    assert!(said.contains(&format!("data-site-token=\"{site}\"")) && said.contains("https://shop.example"), "{said}");
    let mut command = binary::command(
        &data,
        &["operator", "add", "ann@shop.example", "--name", "Ann", "--site", &site, "--password-stdin"],
    );
    let secret = directory.path().join("password");
    fs::write(&secret, "a long enough password\n").unwrap();
    command.stdin(fs::File::open(&secret).unwrap());
    let output = binary::finish(command).await;
    assert!(output.status.success(), "{}", printed(&output));
    assert!(!printed(&output).contains("a long enough password"));

    // A running server sees both at once.
    let login = json!({"email": "Ann@shop.example", "password": "a long enough password"});
    let answer = Ask::new(server.address, "POST", "/api/login").json(&login).send().await.expect(200);
    assert_eq!(answer["name"], "Ann");
    let operator = answer["token"].as_str().unwrap();
    let key = new_key();
    let start = Ask::new(server.address, "POST", &format!("/api/site/dialogs?site_token={site}"))
        .origin("https://shop.example");
    let body = json!({"message": {"id": new_id(), "text": "Hello"}});
    let started = start.bearer(&key).json(&body).send().await.expect(201);
    let dialog = started["dialog_id"].as_u64().unwrap();
    assert!(dialog >= 1000, "{dialog}");
    let mut desk = Socket::open(server.address, &format!("/ws/dialogs/{dialog}?token={operator}&after=0")).await;
    assert_eq!(desk.frame("message").await["text"], "Hi!");
    assert_eq!(desk.frame("message").await["text"], "Hello");
    let path = format!("/ws/site/dialogs/{dialog}?site_token={site}");
    let mut foreign = Socket::open_with(server.address, &path, &[("origin", "https://evil.example")]).await;
    assert_eq!(foreign.closed().await.code, 4003);

    let again = run(&data, &["operator", "add", "ann@shop.example", "--name", "Ann"]).await;
    assert!(!again.status.success() && printed(&again).contains("already"), "{}", printed(&again));
    fails(&data, &["operator", "token", "nobody@shop.example"], 1, &["nobody@shop.example"]).await;
    let listed = run(&data, &["operator", "list"]).await;
    assert!(printed(&listed).contains("ann@shop.example"), "{}", printed(&listed));
    let generated = run(&data, &["operator", "add", "bob@shop.example", "--name", "Bob"]).await;
    assert!(generated.status.success(), "{}", printed(&generated));
}

#[tokio::test]
async fn the_demo_is_as_clients_in_the_field_know_it() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("demo");
    let server = Binary::serve(&data, &["--demo"]).await;
    let said = server.printed().text();
    let lines: Vec<_> = said.lines().filter(|line| !line.contains(" INFO ") && !line.contains(" WARN ")).collect();
    assert_eq!(lines.last(), Some(&format!("listening on http://{}", server.address).as_str()), "{said}");
    assert!(said.contains("/console") && said.contains("/demo/"), "{said}");
    let operator = token(&data, "demo").await;
    for (dialog, site) in [(100, "st_demo_one"), (200, "st_demo_two"), (300, "st_demo_three")] {
        let mut visitor = Socket::open(server.address, &site_socket(dialog, site)).await;
        visitor.frame("synced").await;
        let mut desk = Socket::open(server.address, &format!("/ws/dialogs/{dialog}?token={operator}")).await;
        desk.frame("synced").await;
        let path = format!("/api/site/dialogs/{dialog}/messages?site_token={site}");
        let posted = Ask::new(server.address, "POST", &path).json(&json!({"text": "Hello"})).send().await;
        assert_eq!(posted.status, 201);
        for socket in [&mut visitor, &mut desk] {
            socket.frame_where("Hello", |frame| frame["text"] == "Hello").await;
        }
        visitor.send(&json!({"type": "ping", "timestamp": 1_763_640_000_000_u64})).await;
        assert_eq!(visitor.frame("pong").await["timestamp"], 1_763_640_000_000_u64);
        desk.say("Good day").await;
        visitor.frame_where("Good day", |frame| frame["text"] == "Good day").await;
    }
    // The assistant answers in its dialog, once.
    let mut widget = Socket::open(server.address, &widget_socket(123, 3)).await;
    widget.frame("synced").await;
    widget.say("What does it cost?").await;
    let answer = widget.frame_where("answer", |frame| frame["author"]["kind"] == "assistant").await;
    assert!(answer["text"].as_str().unwrap().contains("free"), "{answer}");
    // Pages of its own port may embed it, and others may not.
    for (origin, expected) in
        [(format!("http://{}", server.address), None), ("https://evil.example".into(), Some(4003))]
    {
        let mut socket =
            Socket::open_with(server.address, &site_socket(100, "st_demo_one"), &[("origin", &origin)]).await;
        let code = match socket.next().await {
            tests::socket::Down::Frame(_) => None,
            tests::socket::Down::Closed(close) => Some(close.code),
        };
        assert_eq!(code, expected, "{origin}");
    }
    // Started again, it is the same, and nothing is there twice.
    server.signal(Signal::TERM);
    server.ended().await;
    let server = Binary::serve(&data, &["--demo"]).await;
    let log = texts(&read_log(server.address, 123, &operator).await);
    assert_eq!(log.iter().filter(|text| *text == "What does it cost?").count(), 1);
    assert_eq!(log.len(), 3, "welcome, question, answer: {log:?}");
}

#[tokio::test]
async fn a_backup_of_a_running_server_can_be_put_back_and_has_another_epoch() {
    let (directory, data) = world();
    let server = Binary::serve(&data, &[]).await;
    let operator = token(&data, "all@desk.example").await;
    let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
    let epoch = socket.frame("ready").await["epoch"].clone();
    socket.say_as("a", "in the backup").await;
    let file = directory.path().join("backup.db");
    let path = file.to_str().unwrap();
    let output = run(&data, &["backup", path]).await;
    assert!(output.status.success(), "{}", printed(&output));
    socket.say_as("b", "after it").await;
    fails(&data, &["backup", path], 1, &["error"]).await;
    // Not while a server runs.
    fails(&data, &["restore", path], 1, &["error"]).await;
    server.kill().await;
    fails(&data, &["restore", "/nowhere/backup.db"], 1, &["/nowhere/backup.db"]).await;
    let junk = directory.path().join("junk.db");
    fs::write(&junk, "junk".repeat(5_000)).unwrap();
    fails(&data, &["restore", junk.to_str().unwrap()], 1, &["error"]).await;
    let output = run(&data, &["restore", path]).await;
    assert!(output.status.success(), "{}", printed(&output));
    let server = Binary::serve(&data, &[]).await;
    assert_eq!(texts(&read_log(server.address, 100, &operator).await), ["in the backup"]);
    let hello = json!({"type": "hello", "v": 1, "after": 2, "epoch": epoch});
    let mut socket = Socket::open(server.address, &format!("{}&hello=1", site_socket(100, OPEN))).await;
    socket.send(&hello).await;
    let ready = socket.frame("ready").await;
    assert_eq!(ready["mode"], "reset");
    assert_ne!(ready["epoch"], epoch);
    // The file put back by hand is noticed, too.
    server.kill().await;
    for name in ["rejoin.db", "rejoin.db-wal", "rejoin.db-shm"] {
        let _absent = fs::remove_file(data.join(name));
    }
    fs::copy(&file, data.join("rejoin.db")).unwrap();
    let server = Binary::serve(&data, &[]).await;
    let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
    let third = socket.frame("ready").await["epoch"].clone();
    assert!(third != epoch && third != ready["epoch"], "{third}");
}

#[tokio::test]
async fn with_a_full_disk_messages_are_refused_by_name_and_everything_can_be_read() {
    let (_directory, data) = world();
    // A small file system of its own, in a namespace of its own.
    let script = format!(
        "mount -t tmpfs -o size=3m tmpfs '{0}' && cp -r '{0}.saved'/. '{0}' && chmod 700 '{0}' && exec \"$@\"",
        data.display()
    );
    fs::rename(&data, data.with_extension("saved")).unwrap();
    fs::create_dir(&data).unwrap();
    let mut command = tokio::process::Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"]).arg(binary::program());
    command.args(["serve", "--port", "0", "--messages-per-s", "10000", "--data"]).arg(&data);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
    let probe = tokio::process::Command::new("unshare")
        .args(["--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs"])
        .arg(&data)
        .output()
        .await;
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: this machine lets nobody mount a small file system");
        return;
    }
    let server = Binary::start(command).await;
    let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
    socket.frame("synced").await;
    let mut text = "z".repeat(9_000);
    let mut stored = 0;
    let refused = loop {
        let answer = socket.say_as(&format!("full-{stored}"), &text).await;
        match (answer["type"] == "refused", text.len()) {
            (true, 1) => break answer,
            // Something small may still fit.
            (true, _) => text.truncate(1),
            (false, _) => stored += 1,
        }
        assert!(stored < 5_000, "the disk is never full");
    };
    assert_eq!((&refused["code"], &refused["retry"]), (&json!("disk_full"), &json!(true)), "{refused}");
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    let posted = Ask::new(server.address, "POST", &path).json(&json!({"text": text})).send().await;
    assert_eq!(posted.error(), (503, "disk_full".into()));
    let ready = Ask::new(server.address, "GET", "/ready").send().await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("degraded")));
    // What was answered can be read, what was refused is not there.
    let page = Ask::new(server.address, "GET", &format!("{path}&limit=1")).send().await.expect(200);
    assert_eq!((&page["head"], &page["messages"][0]["id"]), (&json!(stored), &json!(format!("full-{}", stored - 1))));
    let mut resumed = Socket::open(server.address, &format!("{}&after={}", site_socket(100, OPEN), stored - 3)).await;
    for seq in stored - 2..=stored {
        assert_eq!(resumed.frame("message").await["seq"], seq);
    }
    // More room, and the same message is taken.
    let grown = tokio::process::Command::new("nsenter")
        .args(["--target", &server.id().to_string(), "--mount", "--user", "mount", "-o", "remount,size=64m"])
        .arg(&data)
        .output()
        .await;
    let grown = grown.unwrap();
    assert!(grown.status.success(), "{}", printed(&grown));
    let end = std::time::Instant::now() + tests::PATIENCE;
    while socket.say_as(&format!("full-{stored}"), &text).await["type"] != "stored" {
        assert!(std::time::Instant::now() < end, "there is room again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(Ask::new(server.address, "GET", "/ready").send().await.status, 200);
}

#[tokio::test]
async fn nothing_secret_stands_in_what_the_program_prints_while_it_runs() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--log", "debug"]).await;
    let operator = token(&data, "all@desk.example").await;
    let (key, text) = (new_key(), "canary-text-5d1b9");
    let start = Ask::new(server.address, "POST", "/api/site/dialogs?site_token=st_alpha").bearer(&key);
    let started = start.json(&json!({"message": {"id": new_id(), "text": text}})).send().await.expect(201);
    let dialog = started["dialog_id"].as_u64().unwrap();
    let mut desk = Socket::open(server.address, &format!("/ws/dialogs/{dialog}?token={operator}")).await;
    desk.frame("synced").await;
    desk.say_as(&new_id(), text).await;
    let mut page =
        Socket::open(server.address, &format!("/ws/site/dialogs/{dialog}?site_token=st_alpha&hello=1")).await;
    page.send(&json!({"type": "hello", "v": 1, "key": key, "after": 0})).await;
    page.frame("synced").await;
    let login = json!({"email": "all@desk.example", "password": "canary-password-0c4f"});
    Ask::new(server.address, "POST", "/api/login").json(&login).send().await;
    desk.close().await;
    server.signal(Signal::TERM);
    let (_, said) = server.ended().await;
    assert!(said.contains("[Site]") && said.contains("[Admin]"), "there is a log to look at: {said}");
    let secret = fs::read_to_string(data.join("secret")).unwrap();
    for secret in [text, "canary-password-0c4f", &key, &operator, secret.trim(), "all@desk.example"] {
        let found: Vec<_> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
    assert!(!said.lines().any(|line| line.split_whitespace().nth(1) == Some("ERROR")), "{said}");
}

#[tokio::test]
async fn what_a_data_directory_holds_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Binary::serve(&data, &[]).await;
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    server.kill().await;
    let names: Vec<_> = contents(&data).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"rejoin.db".to_owned()) && names.contains(&"secret".to_owned()), "{names:?}");
}

#[tokio::test]
async fn an_origin_that_is_added_stands_beside_the_others_until_it_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let made = run(data.path(), &["site", "add", "--name", "Tea", "--origin", "https://shop.example"]).await;
    let made = printed(&made);
    let token = made.split_whitespace().find(|word| word.starts_with("st_")).expect("the site's token is printed");
    let set =
        async |option| printed(&run(data.path(), &["site", "set", token, option, "https://www.shop.example"]).await);
    assert!(set("--origin").await.contains("https://shop.example https://www.shop.example"));
    let left = set("--remove-origin").await;
    assert!(left.contains("https://shop.example") && !left.contains("www"), "{left}");
    assert!(set("--remove-origin").await.contains("is not on the site's list"));
}

#[tokio::test]
async fn a_wrong_data_directory_is_named_and_not_made() {
    let data = tempfile::tempdir().unwrap();
    let nowhere = data.path().join("nowhere");
    for arguments in [&["site", "list"][..], &["operator", "list"], &["operator", "token", "demo"], &["check"]] {
        let output = run(&nowhere, arguments).await;
        assert!(!output.status.success(), "{arguments:?}");
        assert!(printed(&output).contains("there is no database in"), "{arguments:?}");
    }
    assert!(!nowhere.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_backup_and_what_is_restored_from_it_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup.db"));
    let file = backup.to_str().unwrap();
    for arguments in [&["site", "add", "--name", "Tea"][..], &["backup", file], &["restore", file]] {
        let output = run(&data, arguments).await;
        assert!(output.status.success(), "{}", printed(&output));
    }
    for path in [backup, data.join("rejoin.db")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}
