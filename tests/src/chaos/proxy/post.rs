//! POSTs that overtake each other, arrive twice, or whose answer is lost.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Shared;
use super::connection::{Head, reset};

/// What becomes of one POST.
pub(super) struct Harm {
    pub(super) delay_ms: u64,
    pub(super) twice: bool,
    pub(super) unanswered: bool,
}

/// Carries one POST, and the connection ends with its answer.
pub(super) async fn shuffle(
    client: &mut TcpStream,
    head: Head,
    harm: Harm,
    shared: &Shared,
    number: u64,
) -> io::Result<()> {
    let wanted = head.body + head.length().unwrap_or_default();
    let mut request = head.bytes;
    while request.len() < wanted {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    if harm.delay_ms > 0 {
        shared.bites.add("posts delayed");
        sleep(Duration::from_millis(harm.delay_ms)).await;
    }
    let answer = if harm.twice {
        shared.bites.add("posts repeated");
        // Both at once: which of them is first is up to the server.
        let (first, second) = tokio::join!(exchange(&request, shared, number), exchange(&request, shared, number + 1));
        first.and(second)?
    } else {
        exchange(&request, shared, number).await?
    };
    if harm.unanswered {
        shared.bites.add("answers lost");
        reset(client);
        return Ok(());
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// Sends a request over a connection of its own, and returns the whole answer.
async fn exchange(request: &[u8], shared: &Shared, number: u64) -> io::Result<Vec<u8>> {
    let mut server = shared.connect(number).await?;
    server.write_all(request).await?;
    let Some(head) = Head::read(&mut server).await? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    let wanted = head.length().map(|length| head.body + length);
    let mut answer = head.bytes;
    while wanted.is_none_or(|wanted| answer.len() < wanted) {
        if server.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(answer)
}
