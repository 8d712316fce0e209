//! The server's memory for each idle socket.

use std::path::Path;
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::server::{Cores, Server};

/// What a socket may cost.
const GOAL_BYTES: f64 = 8.0 * 1_024.0;

/// Opens many sockets that say nothing, and prints what they cost.
pub(crate) async fn run(binary: &Path, sockets: usize) -> Result<()> {
    let server = Server::start(binary, Cores::Shared)?;
    let dialogs = server.dialogs(sockets.div_ceil(2)).await?;
    settle().await;
    let before = server.memory()?;
    let mut links = Vec::with_capacity(sockets);
    for dialog in &dialogs {
        links.push(server.visitor(dialog).await?);
        if links.len() < sockets {
            links.push(server.operator(dialog).await?);
        }
    }
    for link in &mut links {
        link.expect("{\"type\":\"synced\"").await?;
    }
    settle().await;
    let after = server.memory()?;
    if links.len() != sockets {
        return Err(Failure::new(format!("{} sockets were opened, not {sockets}", links.len())));
    }
    let each = after.saturating_sub(before) as f64 / sockets as f64;
    println!("idle sockets            {sockets} ({} dialogs, a visitor and an operator each)", dialogs.len());
    println!("resident before         {:.1} MB", megabytes(before));
    println!("resident with sockets   {:.1} MB", megabytes(after));
    let verdict = if each <= GOAL_BYTES { "within" } else { "above" };
    println!("memory per idle socket  {:.2} KB ({verdict} the goal of {:.0} KB)", each / 1_024.0, GOAL_BYTES / 1_024.0);
    Ok(())
}

/// Until the allocator and the store have come to rest; a figure of memory has no event to wait for.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1_024.0 * 1_024.0)
}
