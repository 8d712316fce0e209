//! A WebSocket by hand, which may also do what no client should.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::PATIENCE;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    waiting: VecDeque<Value>,
    /// Every frame that came, for the message of a test that fails.
    seen: VecDeque<Value>,
}

/// Something that the server sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Down {
    /// A frame; batches are taken apart.
    Frame(Value),
    /// The end.
    Closed(Close),
}

/// How a socket ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Close {
    /// The close code; 1006 where there was none.
    pub code: u16,
    /// The close reason, as it came.
    pub text: String,
}

impl Close {
    /// Returns the reason as JSON; null where it is none.
    pub fn reason(&self) -> Value {
        assert!(self.text.len() <= 123, "a reason fits into a close frame: {}", self.text);
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Returns the code and the word.
    pub fn word(&self) -> (u16, String) {
        (self.code, self.reason()["reason"].as_str().unwrap_or_default().to_owned())
    }
}

/// Frames that are kept for the message of a test that fails.
const SEEN: usize = 40;

impl Socket {
    /// Opens a socket.
    ///
    /// # Panics
    /// The upgrade was refused: a server accepts first and closes then.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[]).await
    }

    /// Opens a socket with more headers.
    ///
    /// # Panics
    /// The upgrade was refused.
    pub async fn open_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        Self::upgrade(stream, request(address, path, headers)).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens a socket with small buffers in the kernel, so that what is not read is soon felt at the other end.
    ///
    /// # Panics
    /// The upgrade was refused.
    pub async fn open_narrow(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_recv_buffer_size(4 * 1024).expect("a buffer can be small");
        let stream = socket.connect(address).await.expect("the server listens");
        Self::upgrade(stream, request(address, path, &[])).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens a socket, which may fail.
    ///
    /// # Errors
    /// The network's, or the status that refused the upgrade.
    pub async fn attempt(address: SocketAddr, path: &str) -> Result<Self, String> {
        let opening = async {
            let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            Self::upgrade(stream, request(address, path, &[])).await.map_err(|error| error.to_string())
        };
        timeout(PATIENCE, opening).await.unwrap_or_else(|_| Err("no answer in time".into()))
    }

    async fn upgrade(stream: TcpStream, request: Request) -> Result<Self, Error> {
        let upgraded = timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await;
        let (stream, _) = upgraded.expect("an upgrade is answered in time")?;
        Ok(Self { stream, waiting: VecDeque::new(), seen: VecDeque::new() })
    }

    /// Sends a frame, or a batch.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a message.
    pub async fn say(&mut self, text: &str) {
        self.send(&json!({"type": "message", "text": text})).await;
    }

    /// Sends a message with an id, and returns what became of it.
    pub async fn say_as(&mut self, id: &str, text: &str) -> Value {
        self.send(&json!({"type": "message", "id": id, "text": text})).await;
        self.answer(id).await
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: &str) {
        self.send_raw(Message::text(text)).await;
    }

    /// Sends any message; that the server has gone is noticed by reading.
    pub async fn send_raw(&mut self, message: Message) {
        let sent = timeout(PATIENCE, self.stream.send(message)).await;
        let _gone = sent.expect("the server reads");
    }

    /// Sends one text in fragments.
    pub async fn send_fragments(&mut self, parts: &[&str]) {
        for (place, part) in parts.iter().enumerate() {
            let kind = if place == 0 { Data::Text } else { Data::Continue };
            let last = place + 1 == parts.len();
            let frame = Frame::message(part.as_bytes().to_vec(), OpCode::Data(kind), last);
            self.send_raw(Message::Frame(frame)).await;
        }
    }

    /// Returns what comes next.
    ///
    /// # Panics
    /// Nothing comes in time.
    pub async fn next(&mut self) -> Down {
        let next = timeout(PATIENCE, self.receive()).await;
        next.unwrap_or_else(|_| panic!("nothing came; before that: {:#?}", self.seen))
    }

    /// Returns what comes within a time, or nothing.
    pub async fn next_within(&mut self, time: Duration) -> Option<Down> {
        timeout(time, self.receive()).await.ok()
    }

    /// Returns the next frame, or how the server has closed instead.
    ///
    /// # Errors
    /// The close.
    ///
    /// # Panics
    /// Nothing comes in time.
    pub async fn next_frame_or_close(&mut self) -> Result<Value, Close> {
        match self.next().await {
            Down::Frame(frame) => Ok(frame),
            Down::Closed(close) => Err(close),
        }
    }

    /// Returns the next frame, whatever its kind.
    ///
    /// # Panics
    /// The socket was closed, or nothing comes in time.
    pub async fn next_frame(&mut self) -> Value {
        match self.next().await {
            Down::Frame(frame) => frame,
            Down::Closed(close) => panic!("closed: {close:?}; before that: {:#?}", self.seen),
        }
    }

    /// Returns the next frame of a kind and skips the others.
    ///
    /// # Panics
    /// The socket was closed, or it does not come in time.
    pub async fn frame(&mut self, kind: &str) -> Value {
        self.frame_where(kind, |frame| frame["type"] == kind).await
    }

    /// Returns the next frame that is wanted and skips the others.
    ///
    /// # Panics
    /// The socket was closed, or it does not come in time.
    pub async fn frame_where(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.next().await {
                Down::Frame(frame) if wanted(&frame) => return frame,
                Down::Frame(_) => {}
                Down::Closed(close) => panic!("closed: {close:?}, and no {what}; before that: {:#?}", self.seen),
            }
        }
    }

    /// Returns what became of a message.
    ///
    /// # Panics
    /// No answer comes.
    pub async fn answer(&mut self, id: &str) -> Value {
        let wanted = |frame: &Value| (frame["type"] == "stored" || frame["type"] == "refused") && frame["id"] == id;
        self.frame_where("answer", wanted).await
    }

    /// Returns how the socket ends, and skips what comes before.
    ///
    /// # Panics
    /// It does not end in time.
    pub async fn closed(&mut self) -> Close {
        let end = async {
            loop {
                if let Down::Closed(close) = self.receive().await {
                    return close;
                }
            }
        };
        match timeout(PATIENCE, end).await {
            Ok(close) => close,
            Err(_) => panic!("not closed; before that: {:#?}", self.seen),
        }
    }

    /// Asks for a pong, and returns every frame before it: what was under way is here then.
    pub async fn settle(&mut self, mark: &str) -> Vec<Value> {
        self.send(&json!({"type": "ping", "timestamp": mark})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next_frame().await;
            if frame["type"] == "pong" && frame["timestamp"] == mark {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// Ends the socket in order.
    pub async fn close(mut self) {
        let _gone = self.stream.close(None).await;
        let _end =
            timeout(PATIENCE, async { while self.stream.next().await.is_some_and(|next| next.is_ok()) {} }).await;
    }

    async fn receive(&mut self) -> Down {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                if self.seen.len() == SEEN {
                    self.seen.pop_front();
                }
                self.seen.push_back(frame.clone());
                return Down::Frame(frame);
            }
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
                    self.waiting.extend(if let Value::Array(frames) = value { frames } else { vec![value] });
                }
                Some(Ok(Message::Close(close))) => {
                    let close = close.map_or(Close { code: 1005, text: String::new() }, |close| Close {
                        code: close.code.into(),
                        text: close.reason.to_string(),
                    });
                    return Down::Closed(close);
                }
                Some(Ok(Message::Binary(_))) => panic!("the server sends text only"),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Down::Closed(Close { code: 1006, text: String::new() }),
            }
        }
    }
}

fn request(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = format!("ws://{address}{path}").into_client_request().expect("a path is part of an address");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header has a name");
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header has a visible value"));
    }
    request
}
