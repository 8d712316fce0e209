//! One WebSocket: what the client sends goes in, what the conversation has to say goes out.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use protocol::close;
use server_core::Millis;
use server_core::session::Ending;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use super::decode::{self, Unreadable};
use super::handshake::Accepted;
use super::link::Drained;
use super::outgoing::Frame;
use super::wire::Wire;
use crate::accept::Place;
use crate::app::App;
use crate::hub::Card;

/// Frames that are read before others have their turn.
const READS: u32 = 32;
/// Without progress in writing for so long, the client is too slow.
const STALL_MS: Millis = 15_000;
/// How long a client may take to answer a close frame.
const CLOSE_MS: Millis = 2_000;
/// After a frame that broke the rules, what still comes is read and thrown away until it is quiet for so long …
const QUIET_MS: Millis = 500;
/// … but no longer than this …
const DISCARD_MS: Millis = 5_000;
/// … and no more than this.
const DISCARD_BYTES: usize = 64 * 1024 * 1024;

/// What a socket carries.
pub(crate) trait Talk {
    /// Takes a text of the client.
    fn take_text(&mut self, text: &str);
    /// Takes something else of the client.
    fn take_unreadable(&mut self, unreadable: Unreadable);
    /// Takes a binary message of the client.
    fn take_binary(&mut self, _bytes: &[u8]) {
        self.take_unreadable(decode::BINARY);
    }
    /// Returns whether the client is read now.
    fn is_reading(&self) -> bool;
    /// Does everything that can be done now, and has the task woken when there is more.
    fn poll(&mut self, context: &mut Context<'_>);
    /// Takes the next frame to be written.
    fn next_frame(&mut self) -> Option<Frame>;
    /// Takes the next frame to be written, as a message.
    fn next_message(&mut self) -> Option<Message> {
        self.next_frame().map(|frame| Message::text(frame.text()))
    }
    /// Returns whether there is one.
    fn has_frames(&self) -> bool;
    /// Notes that everything is written; says whether that makes room for something that waits.
    fn note_drained(&mut self) -> Drained;
    /// Sets or lifts another moment at which the task is to be woken.
    fn set_stall(&mut self, stall_at: Option<Millis>);
    /// Returns how it ends, once it does.
    fn ending(&self) -> Option<&Ending>;
    /// Ends it from outside.
    fn end(&mut self, ending: Ending);
    /// Returns its link.
    fn card(&self) -> Option<&Arc<Card>>;
    /// Returns its dialog; 0 where it has none.
    fn dialog_id(&self) -> u64;
    /// Returns the server.
    fn app(&self) -> &App;
}

/// One WebSocket, as a task.
pub(crate) struct Socket<T> {
    socket: WebSocket<Wire>,
    talk: T,
    state: State,
    /// Since when nothing has left, and how much had by then.
    blocked: Option<(Millis, u64)>,
    /// The deadline that the conversation knows of.
    stall: Option<Millis>,
    opened_at: Millis,
    _place: Option<Arc<Place>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    /// The close frame is on its way; the client's is awaited.
    Closing {
        until: Millis,
    },
    /// The client broke the rules: what it still sends is read, or a reset would overtake the close frame.
    Discarding {
        until: Millis,
        quiet_until: Millis,
        bytes: usize,
    },
}

/// What came of reading or writing.
enum Step {
    /// Nothing more can be done now.
    Waits,
    /// More can be done.
    GoesOn,
    /// The connection is gone.
    Gone,
}

impl<T: Talk> Socket<T> {
    pub(crate) fn new(accepted: Accepted, talk: T) -> Self {
        let opened_at = talk.app().clock().mono();
        let Accepted { socket, place } = accepted;
        Self { socket, talk, state: State::Live, blocked: None, stall: None, opened_at, _place: place }
    }

    /// Reads while the conversation takes it.
    fn read(&mut self, context: &mut Context<'_>) -> Step {
        for _ in 0..READS {
            if self.state != State::Live || !self.talk.is_reading() {
                return Step::GoesOn;
            }
            match self.socket.read() {
                Ok(Message::Text(text)) => self.talk.take_text(&text),
                Ok(Message::Binary(bytes)) => self.talk.take_binary(&bytes),
                // Pongs are sent by the library, and the answer to a close frame with the next read.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
                Err(error) if would_block(&error) => match self.socket.get_ref().poll_readable(context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Step::Gone,
                    Poll::Pending => return Step::Waits,
                },
                Err(error) => return self.take_error(&error),
            }
        }
        context.waker().wake_by_ref();
        Step::Waits
    }

    /// Ends the connection with a client that broke the rules of WebSocket.
    fn take_error(&mut self, error: &Error) -> Step {
        use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        let (code, reason) = match error {
            Error::Capacity(_) => (close::TOO_BIG, protocol::code::TOO_BIG),
            Error::Utf8(_) => (1007, "invalid_utf8"),
            Error::Protocol(fault) if *fault != ResetWithoutClosingHandshake => (1002, "protocol_error"),
            Error::Protocol(_)
            | Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::WriteBufferFull(_)
            | Error::AttackAttempt
            | Error::Url(_)
            | Error::Http(_)
            | Error::HttpFormat(_)
            | Error::Tls(_) => return Step::Gone,
        };
        let ending = Ending { code, reason, retry_ms: None };
        // Only what fits into the kernel's buffer: a client that floods is not waited for.
        if self.socket.close(Some(close_frame(&ending))).is_ok() {
            // Nothing follows: a client that has understood need not wait until it has been quiet for long enough.
            self.socket.get_ref().end_writing();
        }
        self.talk.end(ending);
        let now = self.now();
        self.state = State::Discarding { until: now + DISCARD_MS, quiet_until: now + QUIET_MS, bytes: 0 };
        Step::GoesOn
    }

    /// Writes what there is to say.
    fn write(&mut self, context: &mut Context<'_>) -> Step {
        loop {
            if self.blocked.is_none() && self.state == State::Live {
                while let Some(message) = self.talk.next_message() {
                    match self.socket.write(message) {
                        Ok(()) => {}
                        Err(error) if would_block(&error) => break,
                        Err(_) => return Step::Gone,
                    }
                }
                if let Some(ending) = self.talk.ending()
                    && !self.talk.has_frames()
                {
                    let frame = close_frame(ending);
                    self.state = State::Closing { until: self.now() + CLOSE_MS };
                    match self.socket.close(Some(frame)) {
                        Ok(()) => {}
                        Err(error) if would_block(&error) => {}
                        Err(_) => return Step::Gone,
                    }
                }
            }
            match self.socket.flush() {
                Ok(()) => {
                    self.blocked = None;
                    let drained = match self.state {
                        State::Live => self.talk.note_drained(),
                        State::Closing { .. } | State::Discarding { .. } => Drained::Idle,
                    };
                    return match drained {
                        Drained::Idle => Step::Waits,
                        Drained::GoesOn => Step::GoesOn,
                    };
                }
                Err(error) if would_block(&error) => match self.socket.get_ref().poll_writable(context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Step::Gone,
                    Poll::Pending => return self.note_blocked(),
                },
                Err(_) => return Step::Gone,
            }
        }
    }

    /// Notes that nothing more can leave now, and gives up on a client that has read nothing for too long.
    fn note_blocked(&mut self) -> Step {
        let (now, sent) = (self.now(), self.socket.get_ref().sent());
        let since = match self.blocked {
            Some((since, before)) if before == sent => since,
            Some(_) | None => now,
        };
        self.blocked = Some((since, sent));
        if self.state == State::Live && now >= since + STALL_MS {
            self.talk.end(Ending { code: close::TOO_SLOW, reason: "too_slow", retry_ms: Some(1_000) });
            self.state = State::Closing { until: now + CLOSE_MS };
            // Behind everything that waits already: it arrives if the client reads on at last.
            let _blocked = self.socket.close(self.talk.ending().map(close_frame));
        }
        Step::Waits
    }

    /// Waits for the client's close frame; what it sends besides is thrown away.
    fn await_close(&mut self, context: &mut Context<'_>) -> Step {
        for _ in 0..READS {
            match self.socket.read() {
                Ok(_) => {}
                Err(error) if would_block(&error) => match self.socket.get_ref().poll_readable(context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Step::Gone,
                    Poll::Pending => return Step::Waits,
                },
                Err(_) => return Step::Gone,
            }
        }
        context.waker().wake_by_ref();
        Step::Waits
    }

    /// Reads and throws away what comes below the frames.
    fn discard(&mut self, context: &mut Context<'_>) -> Step {
        let mut thrown = [0; 8 * 1024];
        for _ in 0..READS {
            match self.socket.get_mut().read(&mut thrown) {
                Ok(0) => return Step::Gone,
                Ok(read) => {
                    let now = self.now();
                    if let State::Discarding { quiet_until, bytes, .. } = &mut self.state {
                        *quiet_until = now + QUIET_MS;
                        *bytes += read;
                        if *bytes > DISCARD_BYTES {
                            return Step::Gone;
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.socket.get_ref().poll_readable(context) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => return Step::Gone,
                        Poll::Pending => return Step::Waits,
                    }
                }
                Err(_) => return Step::Gone,
            }
        }
        context.waker().wake_by_ref();
        Step::Waits
    }

    /// Returns when the socket must be looked at again, whatever happens.
    fn deadline(&self) -> Option<Millis> {
        match self.state {
            State::Live => self.blocked.map(|(since, _)| since + STALL_MS),
            State::Closing { until } => Some(until),
            State::Discarding { until, quiet_until, .. } => Some(until.min(quiet_until)),
        }
    }

    fn is_over(&self) -> bool {
        match self.state {
            State::Live => false,
            State::Closing { .. } | State::Discarding { .. } => self.deadline().is_some_and(|at| self.now() >= at),
        }
    }

    fn now(&self) -> Millis {
        self.talk.app().clock().mono()
    }
}

impl<T: Talk + Unpin> Future for Socket<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let read = match this.state {
                State::Live => this.read(context),
                State::Closing { .. } => this.await_close(context),
                State::Discarding { .. } => this.discard(context),
            };
            this.talk.poll(context);
            let written = match this.state {
                State::Live | State::Closing { .. } => this.write(context),
                State::Discarding { .. } => Step::Waits,
            };
            let over = matches!(read, Step::Gone) || matches!(written, Step::Gone) || this.is_over();
            if over {
                log_end(&this.talk, this.opened_at);
                return Poll::Ready(());
            }
            // A client that was not read, because it had too much to read itself, may be read again by now; a state
            // that has just begun has not been looked at yet.
            let unread = matches!(read, Step::GoesOn) && (this.state != State::Live || this.talk.is_reading());
            if unread || matches!(written, Step::GoesOn) {
                continue;
            }
            let deadline = this.deadline();
            if deadline == this.stall {
                return Poll::Pending;
            }
            this.stall = deadline;
            this.talk.set_stall(deadline);
        }
    }
}

/// Logs that a link has ended.
pub(super) fn log_end(talk: &impl Talk, opened_at: Millis) {
    let Some(card) = talk.card() else { return };
    let (code, reason) = talk.ending().map_or((1005, "left"), |ending| (ending.code, ending.reason));
    tracing::info!(
        tag = card.pool.tag(),
        link = card.id,
        dialog = talk.dialog_id(),
        code,
        reason,
        lasted_ms = talk.app().clock().mono() - opened_at,
        "link closed"
    );
}

/// Refuses a socket: it was accepted, and is closed with the reason.
pub(crate) async fn refuse(accepted: Accepted, ending: Ending) {
    let Accepted { mut socket, place } = accepted;
    let farewell = async {
        // A fresh socket takes a small frame at once.
        if socket.close(Some(close_frame(&ending))).is_err() {
            return;
        }
        loop {
            match socket.read() {
                Ok(_) => {}
                Err(error) if would_block(&error) => {
                    if socket.get_ref().readable().await.is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    };
    let _too_slow = tokio::time::timeout(Duration::from_millis(CLOSE_MS), farewell).await;
    drop(place);
}

fn close_frame(ending: &Ending) -> CloseFrame {
    CloseFrame { code: ending.code.into(), reason: ending.close_reason().into() }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}
