//! The TCP connection under a socket, as tungstenite sees it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// A TCP connection that never blocks and counts what leaves.
#[derive(Debug)]
pub(crate) struct Wire {
    tcp: TcpStream,
    sent: u64,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, sent: 0 }
    }

    /// Returns the bytes that have left so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// After a read that would have blocked: ready when one would not.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_read_ready(context)
    }

    /// After a write that would have blocked: ready when one would not.
    pub(super) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(context)
    }

    /// Tells the other end that nothing more will come; it may go on.
    pub(super) fn end_writing(&self) {
        // A connection that is gone already has heard it.
        let _gone = SockRef::from(&self.tcp).shutdown(Shutdown::Write);
    }

    /// Waits until a read would not block.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.tcp.readable().await
    }
}

impl Read for Wire {
    /// Unlike `try_read`, this knows after a short read that there is no more, without asking the system again.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        // Whoever finds nothing to read registers its own waker by `poll_readable`.
        match Pin::new(&mut self.tcp).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer) {
            Poll::Ready(Ok(())) => Ok(buffer.filled().len()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.tcp.try_write(bytes)?;
        self.sent += sent as u64;
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
