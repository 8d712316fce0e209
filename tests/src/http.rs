//! HTTP requests by hand: one connection each, and nothing that a browser would not send.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;

/// A request that is being written.
#[derive(Clone, Debug)]
pub struct Ask {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Nobody answered: the connection was refused, or broke.
#[derive(Clone, Debug)]
pub struct NoAnswer(pub String);

impl Ask {
    /// Begins a request.
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).expect("a method is a token");
        Self { address, method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header has a name");
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header has a visible value"));
        self
    }

    /// Sends a key or a token along.
    #[must_use]
    pub fn bearer(self, secret: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {secret}"))
    }

    /// Sends it as a page of this origin would.
    #[must_use]
    pub fn origin(self, origin: &str) -> Self {
        self.header(ORIGIN.as_str(), origin)
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends any bytes as any type.
    #[must_use]
    pub fn body(mut self, kind: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), kind)
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Panics
    /// Nobody answered.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.attempt().await.unwrap_or_else(|NoAnswer(why)| panic!("{what}: {why}"))
    }

    /// Asks, and waits for the whole answer, which may not come.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn attempt(self) -> Result<Answer, NoAnswer> {
        self.attempt_within(PATIENCE).await
    }

    /// Asks, and waits for so long for the whole answer, which may not come.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn attempt_within(self, time: Duration) -> Result<Answer, NoAnswer> {
        let whole = async {
            let response = self.open().await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(no_answer)?.to_bytes();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        timeout(time, whole).await.unwrap_or_else(|_| Err(NoAnswer("no answer in time".into())))
    }

    /// Asks, and waits for the head of the answer only.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(crate) async fn open(self) -> Result<Response<Incoming>, NoAnswer> {
        let stream = timeout(Duration::from_secs(5), TcpStream::connect(self.address)).await;
        let stream = stream.map_err(no_answer)?.map_err(no_answer)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(self.method).uri(self.path);
        if !self.headers.contains_key(HOST) {
            request = request.header(HOST, self.address.to_string());
        }
        let mut request = request.body(Full::new(self.body)).map_err(no_answer)?;
        request.headers_mut().extend(self.headers);
        sender.send_request(request).await.map_err(no_answer)
    }
}

/// A request that the server has begun to serve, and whose body is still to come.
#[derive(Debug)]
pub struct Begun {
    stream: TcpStream,
    body: Bytes,
}

impl Ask {
    /// Sends everything but the body, and waits until the server wants it: by then it has let the caller in.
    ///
    /// # Errors
    /// The answer, where the server does not want the body.
    ///
    /// # Panics
    /// Nobody answered in time.
    pub async fn begin(self) -> Result<Begun, Answer> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.address);
        for (name, value) in &self.headers {
            head += &format!("{name}: {}\r\n", value.to_str().expect("a header has a visible value"));
        }
        head += &format!("content-length: {}\r\nexpect: 100-continue\r\n\r\n", self.body.len());
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let begun = read_head(&mut stream).await;
        if begun.starts_with("HTTP/1.1 100 ") {
            return Ok(Begun { stream, body: self.body });
        }
        Err(rest_of(&mut stream, &begun).await)
    }
}

impl Begun {
    /// Sends the body, and waits for the whole answer.
    ///
    /// # Panics
    /// Nobody answered in time.
    pub async fn finish(mut self) -> Answer {
        self.stream.write_all(&self.body).await.expect("the server reads");
        let head = read_head(&mut self.stream).await;
        rest_of(&mut self.stream, &head).await
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let whole = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer has a whole head"));
        }
    };
    timeout(PATIENCE, whole).await.expect("an answer comes in time");
    String::from_utf8(head).expect("a head is text")
}

async fn rest_of(stream: &mut TcpStream, head: &str) -> Answer {
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(str::parse);
    let mut body = vec![0; length.expect("an answer says its length").expect("it is a number")];
    timeout(PATIENCE, stream.read_exact(&mut body)).await.expect("it comes in time").expect("it is whole");
    Answer { status, headers: HeaderMap::new(), body: body.into() }
}

fn no_answer(error: impl std::fmt::Display) -> NoAnswer {
    NoAnswer(error.to_string())
}

impl Answer {
    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.text()))
    }

    /// Returns the body as JSON, after a look at the status.
    ///
    /// # Panics
    /// The status is another one, or the body is no JSON.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Returns the status and the code of an error.
    ///
    /// # Panics
    /// The body is not `{"error":{"code","message"}}`.
    pub fn error(&self) -> (u16, String) {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {} {body}", self.status));
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "an error says what to do: {body}");
        (self.status, error["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Returns a header's value, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
