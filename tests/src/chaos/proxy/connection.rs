//! One connection: what it asks for, and what becomes of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::pump::{Budget, Pump};
use super::{Blow, Cut, End, Posts, Shared, State, Streams, Upgrades, Weather, post};
use crate::PATIENCE;
use crate::sim::random::Random;

/// Bytes in which the beginning of a request is looked for.
const HEAD_BYTES: usize = 16 * 1024;
/// How long an end that was left alone stays open.
const STRANDED: Duration = Duration::from_secs(120);

/// The beginning of a request or an answer, and what came with it.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    text: String,
    /// Where the body begins.
    pub(super) body: usize,
}

impl Head {
    pub(super) async fn read(from: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
                return Ok(Some(Self { bytes, text, body: at + 4 }));
            }
            if bytes.len() >= HEAD_BYTES || from.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub(super) fn says(&self, part: &str) -> bool {
        self.text.contains(part)
    }

    /// Returns how long the body is, where it says so.
    pub(super) fn length(&self) -> Option<usize> {
        self.text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
    }
}

pub(super) async fn carry(
    mut client: TcpStream,
    number: u64,
    mut state: watch::Receiver<State>,
    shared: Arc<Shared>,
    mut random: Random,
) {
    let _as_it_was = client.set_nodelay(true);
    let mut generation = state.borrow().generation;
    let mut server = None;
    let mut fate = Random::new(random.next());
    let mut serving = Box::pin(serve(&mut client, &mut server, number, state.clone(), &shared, &mut random));
    let ended = loop {
        tokio::select! {
            ended = &mut serving => break Some(ended),
            changed = state.wait_for(|state| state.generation > generation) => {
                let Ok(now) = changed else { return };
                generation = now.generation;
                if fate.chance(now.per_mille) {
                    break None;
                }
            }
        }
    };
    drop(serving);
    match ended {
        Some(Ok(())) => {}
        Some(Err(_)) => reset(&client),
        None => {
            let blow = state.borrow().blow;
            shared.bites.add("connections broken");
            match blow {
                Blow::Reset => {
                    reset(&client);
                    if let Some(server) = &server {
                        reset(server);
                    }
                }
                Blow::Strand => {
                    drop(server);
                    outlive(client).await;
                }
                Blow::Desert => {
                    reset(&client);
                    drop(client);
                    if let Some(server) = server {
                        outlive(server).await;
                    }
                }
            }
        }
    }
}

async fn serve(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    number: u64,
    state: watch::Receiver<State>,
    shared: &Shared,
    random: &mut Random,
) -> io::Result<()> {
    let Ok(head) = timeout(PATIENCE, Head::read(client)).await else { return Ok(()) };
    let Some(head) = head? else { return Ok(()) };
    // Both ends must be able to be told when this is dropped half-way.
    let weather: Weather = state.borrow().weather;
    let upgrade = head.says("upgrade: websocket");
    if upgrade && weather.upgrades == Upgrades::Refused {
        shared.bites.add("upgrades refused");
        client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        return client.shutdown().await;
    }
    if let Posts::Shuffled { delay_ms, twice_per_mille, unanswered_per_mille } = weather.posts
        && head.says("post /")
    {
        let harm = post::Harm {
            delay_ms: random.below(delay_ms + 1),
            twice: random.chance(twice_per_mille),
            unanswered: random.chance(unanswered_per_mille),
        };
        return post::shuffle(client, head, harm, shared, number).await;
    }
    let server = server.insert(shared.connect(number).await?);
    server.write_all(&head.bytes).await?;
    if upgrade && weather.upgrades == Upgrades::Silenced {
        let Some(answer) = Head::read(server).await? else { return Ok(()) };
        client.write_all(&answer.bytes[..answer.body]).await?;
        shared.bites.add("upgrades silenced");
        return std::future::pending().await;
    }
    let buffered = head.says("text/event-stream") && weather.streams == Streams::Buffered;
    if buffered {
        shared.bites.add("streams buffered");
        // What a stream that never ends has to say never comes.
        return std::future::pending().await;
    }
    let end = weather.cut.map_or(End::Reset, |cut: Cut| cut.end);
    let carried = both_ways(client, server, &state, random, shared, weather.cut);
    let killed = async {
        match weather.upgrades {
            Upgrades::Killed { after_ms } if upgrade => sleep(Duration::from_millis(after_ms)).await,
            Upgrades::Killed { .. } | Upgrades::Carried | Upgrades::Refused | Upgrades::Silenced => {
                std::future::pending().await
            }
        }
    };
    let ended = tokio::select! {
        ended = carried => ended,
        () = killed => {
            shared.bites.add("upgrades killed");
            Err(io::ErrorKind::ConnectionReset.into())
        }
    };
    if ended.is_err() && end == End::Reset {
        reset(server);
        return ended;
    }
    Ok(())
}

async fn both_ways(
    client: &mut TcpStream,
    server: &mut TcpStream,
    state: &watch::Receiver<State>,
    random: &mut Random,
    shared: &Shared,
    cut: Option<Cut>,
) -> io::Result<()> {
    let budget = Budget::new(cut.map(|cut| cut.draw(random)));
    let (client_in, client_out) = client.split();
    let (server_in, server_out) = server.split();
    let up = Pump { state: state.clone(), way: |weather| weather.up, budget: &budget, bites: &shared.bites };
    let down = Pump { state: state.clone(), way: |weather| weather.down, budget: &budget, bites: &shared.bites };
    let (random_up, random_down) = (Random::new(random.next()), Random::new(random.next()));
    tokio::try_join!(up.run(client_in, server_out, random_up), down.run(server_in, client_out, random_down))?;
    Ok(())
}

/// Keeps one end open and says nothing, until it gives up.
async fn outlive(mut end: TcpStream) {
    let mut unheard = vec![0; 4096];
    let reading = async { while end.read(&mut unheard).await.is_ok_and(|read| read > 0) {} };
    let _it_may_wait_for_ever = timeout(STRANDED, reading).await;
}

/// Has the connection end with a reset, as one that was cut does.
pub(super) fn reset(stream: &TcpStream) {
    let _already_gone = stream.set_zero_linger();
}
