//! An honest client beside a thousand who do not read and two thousand who never finish a request.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::failure::{Failure, Result};
use crate::latency::{Latencies, Percentiles};
use crate::link::{self, Link};
use crate::server::{Cores, Dialog, Server};

/// The pause between two messages of the honest client.
const PAUSE: Duration = Duration::from_millis(10);
/// The size of what is written to those who do not read.
const BIG_BYTES: usize = 8_000;

/// Measures an honest client alone and among others, and prints both.
pub(crate) async fn run(binary: &Path, slow: usize, half_open: usize, seconds: u64) -> Result<()> {
    let server = Server::start(binary, Cores::Shared)?;
    let dialogs = server.dialogs(2).await?;
    let [honest, flooded] = dialogs.as_slice() else { return Err(Failure::new("two dialogs were made")) };
    let before = server.memory()?;
    println!("alone                   {}", converse(&server, honest, seconds, "alone").await?);

    let mut readers = Vec::with_capacity(slow);
    for _ in 0..slow {
        readers.push(unread(&server, flooded).await?);
    }
    let written = Arc::new(AtomicU64::new(0));
    let path = format!("/api/dialogs/{}/messages", flooded.id());
    let flood = tokio::spawn(flood(server.address.clone(), path, server.token(), Arc::clone(&written)));
    let with_slow = converse(&server, honest, seconds, "slow").await?;
    println!("beside slow readers     {with_slow}");
    let messages = written.load(Ordering::Relaxed);
    println!("                        {slow} that read nothing of {messages} messages of {BIG_BYTES} bytes");
    flood.abort();
    println!("memory                  {:.1} MB, {:.1} MB before", megabytes(server.memory()?), megabytes(before));
    drop(readers);

    let attackers: Vec<_> = (0..half_open).map(|n| tokio::spawn(attack(server.address.clone(), n))).collect();
    let with_attackers = converse(&server, honest, seconds, "attacked").await?;
    println!("beside attackers        {with_attackers}");
    println!("                        {half_open} half-open or dribbling, which begin again when they are cut off");
    let cut = attackers.iter().filter(|attacker| attacker.is_finished()).count();
    println!("attackers that gave up  {cut}");
    attackers.iter().for_each(JoinHandle::abort);
    Ok(())
}

/// Sends messages one after the other and measures how long each takes to be durable.
async fn converse(server: &Server, dialog: &Dialog, seconds: u64, name: &str) -> Result<Percentiles> {
    let mut link = server.visitor(dialog).await?;
    link.expect("{\"type\":\"synced\"").await?;
    let (mut latencies, end) = (Latencies::default(), Instant::now() + Duration::from_secs(seconds));
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let started = Instant::now();
        link.send(&format!("{{\"type\":\"message\",\"id\":\"{name}-{number}\",\"text\":\"calm\"}}")).await?;
        link.expect("{\"type\":\"stored\"").await?;
        latencies.add(started.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(latencies.percentiles())
}

/// Opens a socket of a visitor who never reads.
async fn unread(server: &Server, dialog: &Dialog) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 * 1024)?;
    let address = server.address.parse().map_err(|_| Failure::new("the server has no address"))?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(Link::request(&server.address, &dialog.operator_path(), Some(&server.token())).as_bytes()).await?;
    Ok(stream)
}

/// Writes into a dialog as fast as it is answered.
async fn flood(address: String, path: String, token: String, written: Arc<AtomicU64>) -> Result<()> {
    let body = format!("{{\"text\":\"{}\"}}", "y".repeat(BIG_BYTES));
    loop {
        link::post(&address, &path, &token, &body).await?;
        written.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Connects and says nothing, or a byte now and then, again and again.
async fn attack(address: String, number: usize) {
    while let Ok(mut stream) = TcpStream::connect(&address).await {
        let request =
            b"GET /health?ws=1 HTTP/1.1\r\nHost: x\r\nX-Slow: ".iter().copied().chain(std::iter::repeat(b'z'));
        if number.is_multiple_of(2) {
            // Half-open: not a word.
            let _closed = stream.readable().await;
            continue;
        }
        for byte in request {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1_024.0 * 1_024.0)
}
