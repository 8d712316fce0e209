//! A client so small that it costs less than the server that it loads: raw WebSocket frames, masked with zeros.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::{Failure, Result};

/// One WebSocket.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    incoming: Incoming,
}

/// What has been read and not looked at yet.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    from: usize,
}

impl Link {
    /// Opens a socket, with a key or a token in `Authorization`.
    pub(crate) async fn open(address: &str, path: &str, bearer: Option<&str>) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(Self::request(address, path, bearer).as_bytes()).await?;
        let mut bytes = Vec::new();
        let end = loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(Failure::new("the server closed the connection"));
            }
            if let Some(end) = find(&bytes, b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            return Err(Failure::new(String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default()));
        }
        Ok(Self { stream, incoming: Incoming { bytes, from: end } })
    }

    /// Returns the request for a socket.
    pub(crate) fn request(address: &str, path: &str, bearer: Option<&str>) -> String {
        let bearer = bearer.map(|bearer| format!("Authorization: Bearer {bearer}\r\n")).unwrap_or_default();
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{bearer}\r\n"
        )
    }

    /// Sends a text.
    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(&frame(text)).await?)
    }

    /// Reads up to a frame that begins like this.
    pub(crate) async fn expect(&mut self, beginning: &str) -> Result<()> {
        loop {
            while let Some(frame) = self.incoming.next()? {
                if frame.starts_with(beginning.as_bytes()) {
                    return Ok(());
                }
            }
            self.incoming.make_room();
            if self.stream.read_buf(&mut self.incoming.bytes).await? == 0 {
                return Err(Failure::new("the server closed the connection"));
            }
        }
    }

    /// Takes the socket apart: what can write, and what can read.
    pub(crate) fn split(self) -> (tokio::net::tcp::OwnedWriteHalf, Reader) {
        let (read, write) = self.stream.into_split();
        (write, Reader { read, incoming: self.incoming })
    }
}

/// The reading half of a socket.
#[derive(Debug)]
pub(crate) struct Reader {
    read: tokio::net::tcp::OwnedReadHalf,
    incoming: Incoming,
}

impl Reader {
    /// Waits until something has come, and returns all of it.
    pub(crate) async fn read(&mut self) -> Result<&mut Incoming> {
        self.incoming.make_room();
        if self.read.read_buf(&mut self.incoming.bytes).await? == 0 {
            return Err(Failure::new("the server closed the connection"));
        }
        Ok(&mut self.incoming)
    }
}

impl Incoming {
    /// Returns the next whole text; a close frame is an error.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            let waiting = self.bytes.get(self.from..).unwrap_or_default();
            let (head, length) = match waiting {
                [_, short @ 0..=125, ..] => (2, usize::from(*short)),
                [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
                [_, 127, _, _, _, _, a, b, c, d, ..] => (10, u32::from_be_bytes([*a, *b, *c, *d]) as usize),
                _ => return Ok(None),
            };
            if waiting.len() < head + length {
                return Ok(None);
            }
            let opcode = waiting.first().map_or(0, |first| first & 0x0f);
            let from = self.from + head;
            self.from = from + length;
            match opcode {
                1 => return Ok(self.bytes.get(from..from + length)),
                8 => {
                    let reason = self.bytes.get(from + 2..from + length).unwrap_or_default();
                    return Err(Failure::new(format!("closed: {}", String::from_utf8_lossy(reason))));
                }
                _ => {}
            }
        }
    }

    fn make_room(&mut self) {
        self.bytes.drain(..self.from);
        self.from = 0;
        self.bytes.reserve(4_096);
    }
}

/// Returns a text as a frame of a client.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(short @ 0..=125) => frame.push(0x80 | short),
        Ok(_) | Err(_) => {
            frame.push(0x80 | 126);
            // The texts of the load are far below 64 KiB.
            frame.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// Sends one GET and returns the body of the answer.
pub(crate) async fn get(address: &str, path: &str, bearer: &str) -> Result<String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    );
    ask(address, &request).await
}

/// Sends one POST and returns the body of the answer.
pub(crate) async fn post(address: &str, path: &str, bearer: &str, body: &str) -> Result<String> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    ask(address, &request).await
}

async fn ask(address: &str, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.ok_or_else(|| Failure::new(format!("no answer: {answer}")))
}

/// Returns the number behind a name.
pub(crate) fn number(text: &[u8], name: &[u8]) -> Option<u64> {
    let digits = text.get(find(text, name)? + name.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_come_in_pieces() {
        let mut incoming = Incoming::default();
        let long = "x".repeat(300);
        let mut bytes = vec![0x81, 2, b'h', b'i', 0x89, 0, 0x81, 126, 1, 44];
        bytes.extend(long.as_bytes());
        let (first, second) = bytes.split_at(50);
        incoming.bytes.extend(first);
        assert_eq!(incoming.next().unwrap(), Some(&b"hi"[..]));
        assert_eq!(incoming.next().unwrap(), None);
        incoming.make_room();
        incoming.bytes.extend(second);
        assert_eq!(incoming.next().unwrap(), Some(long.as_bytes()));
        incoming.bytes.extend([0x88, 4, 0x10, 0x04, b'n', b'o']);
        assert_eq!(incoming.next().unwrap_err().to_string(), "closed: no");
    }

    #[test]
    fn a_number_is_found_by_its_name() {
        assert_eq!(number(b"{\"seq\":42,\"at\":7}", b"\"seq\":"), Some(42));
        assert_eq!(number(b"{\"seq\":42}", b"\"at\":"), None);
    }
}
