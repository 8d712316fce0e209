//! One poll: the same session as on a stream, up to the first news or the end of the wait.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use protocol::{close, code, json};
use server_core::Millis;
use server_core::session::Ending;

use super::batch::Batch;
use super::link::{Drained, Link};
use super::outgoing::Frame;
use super::socket::Talk;

/// An answer that has become so large ends, before its `synced`; the client asks again from its new cursor.
const MOST_BYTES: usize = 256 * 1024;
/// What comes so soon after the first news goes along.
const GATHER_MS: Millis = 50;
/// Beyond its wait, an answer may take so long to be put together.
const STORE_MS: Millis = 5_000;
/// An operator who polls counts as there for so long after a poll.
const STAY: Duration = Duration::from_secs(45);

/// Puts the answer together: what the log has after the cursor, or what comes within `wait_ms`.
///
/// The server keeps nothing of it: whoever asks with the same cursor again is told the same again.
pub(crate) async fn poll(mut link: Link, wait_ms: Millis) -> Batch {
    let clock = *link.app().clock();
    let mut answer = Answer::default();
    let mut until = clock.mono() + wait_ms;
    let latest = until + STORE_MS;
    poll_fn(|context| {
        loop {
            let deadline = if clock.mono() < until { until } else { latest };
            link.set_stall(Some(deadline));
            link.poll(context);
            while let Some(frame) = link.next_frame() {
                answer.take(&frame);
                if answer.batch.len() > MOST_BYTES {
                    return Poll::Ready(());
                }
            }
            if link.ending().is_some() {
                return Poll::Ready(());
            }
            if link.note_drained() == Drained::GoesOn {
                continue;
            }
            let now = clock.mono();
            if link.is_settled() {
                let news = std::mem::take(&mut answer.news);
                match answer.stage {
                    Stage::Opening => {
                        answer.open();
                        until = if news { now } else { until };
                    }
                    Stage::Open => until = if news { until.min(now + GATHER_MS) } else { until },
                }
                if now >= until {
                    return Poll::Ready(());
                }
            } else if now >= latest {
                let reason = code::STORE_UNAVAILABLE;
                link.end(Ending { code: close::STORE_UNAVAILABLE, reason, retry_ms: Some(2_000) });
                return Poll::Ready(());
            }
            if deadline == until || until <= now {
                return Poll::Pending;
            }
        }
    })
    .await;
    answer.open();
    if let Some(ending) = link.ending() {
        answer.batch.push(&json::to_string(&ending.bye()));
    }
    link.stay_present(STAY);
    answer.batch
}

#[derive(Default)]
struct Answer {
    batch: Batch,
    stage: Stage,
    /// How the channels stand; told behind the stretch of the log.
    channels: Vec<String>,
    /// Whether something has come that the client waits for.
    news: bool,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It is told how things stand.
    #[default]
    Opening,
    /// It waits.
    Open,
}

impl Answer {
    fn take(&mut self, frame: &Frame) {
        match frame {
            // A client whose cursor is of another log must know at once.
            Frame::Ready(text) => self.news |= !text.contains("\"mode\":\"delta\""),
            Frame::Event(_) => self.news = true,
            Frame::Passing(text) if self.stage == Stage::Opening => return self.channels.push(text.clone()),
            Frame::Passing(_) => self.news = true,
            // Says that a link lives, which every answer does.
            Frame::Beat(_) => return,
            Frame::Synced(_) | Frame::Answer(_) => {}
        }
        self.batch.push(frame.text());
    }

    /// Ends the telling of how things stand.
    fn open(&mut self) {
        self.stage = Stage::Open;
        for frame in self.channels.drain(..) {
            self.batch.push(&frame);
        }
    }
}
