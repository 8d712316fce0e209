//! Moves bytes one way: late, in jerks, not at all, or only so many.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{State, Way, Weather};
use crate::chaos::bites::Bites;
use crate::sim::random::Random;

/// Chunks under way in one direction.
const UNDER_WAY: usize = 64;
const CHUNK_BYTES: usize = 16 * 1024;

/// How many bytes a connection may carry, both ways together.
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) fn new(bytes: Option<u64>) -> Self {
        Self(AtomicU64::new(bytes.unwrap_or(u64::MAX)))
    }

    /// Takes up to so many.
    fn take(&self, wanted: usize) -> usize {
        let take = |left: u64| (left < u64::MAX).then(|| left.saturating_sub(wanted as u64));
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(left) => usize::try_from(left).unwrap_or(wanted).min(wanted),
            Err(_) => wanted,
        }
    }
}

/// One direction of a connection.
pub(super) struct Pump<'a> {
    pub(super) state: watch::Receiver<State>,
    pub(super) way: fn(&Weather) -> Way,
    pub(super) budget: &'a Budget,
    pub(super) bites: &'a Bites,
}

impl Pump<'_> {
    pub(super) async fn run(
        mut self,
        mut from: impl AsyncReadExt + Unpin,
        mut to: impl AsyncWriteExt + Unpin,
        mut random: Random,
    ) -> io::Result<()> {
        let (enter, mut leave) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
        let (state, bites) = (self.state.clone(), self.bites);
        let entering = async move {
            let mut due = Instant::now();
            loop {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                let read = from.read_buf(&mut chunk).await?;
                let road = state.borrow().weather.road;
                let jitter = random.below(2 * road.jitter_ms + 1);
                let mut wait_ms = (road.delay_ms + jitter).saturating_sub(road.jitter_ms);
                if random.chance(road.loss_per_mille) {
                    bites.add("packets lost");
                    wait_ms += road.stall_ms;
                }
                if road.delay_ms > 0 {
                    bites.add("chunks delayed");
                }
                // TCP keeps the order: what is behind waits.
                due = due.max(Instant::now() + Duration::from_millis(wait_ms));
                if enter.send((due, chunk)).await.is_err() || read == 0 {
                    return io::Result::Ok(());
                }
            }
        };
        let leaving = async {
            while let Some((due, chunk)) = leave.recv().await {
                if due > Instant::now() {
                    sleep_until(due).await;
                }
                self.pass().await?;
                if chunk.is_empty() {
                    return to.shutdown().await;
                }
                let carried = self.budget.take(chunk.len());
                to.write_all(&chunk[..carried]).await?;
                if carried < chunk.len() {
                    to.flush().await?;
                    self.bites.add("cuts at a byte");
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
            Ok(())
        };
        tokio::try_join!(entering, leaving).map(|_| ())
    }

    /// Waits for as long as nothing gets through.
    async fn pass(&mut self) -> io::Result<()> {
        let way = self.way;
        if way(&self.state.borrow().weather) == Way::Open {
            return Ok(());
        }
        self.bites.add("chunks held");
        let open = self.state.wait_for(|state| way(&state.weather) == Way::Open).await;
        open.map(|_| ()).map_err(|_| io::ErrorKind::ConnectionReset.into())
    }
}
