//! Where the listening socket comes from, and whether it outlives this process.
//!
//! A socket that somebody else keeps open, the supervisor or systemd, refuses nobody while one server ends and the next
//! begins: connections wait in the kernel.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};

/// Set by the supervisor for its children: the socket is their standard input.
pub(crate) const HANDED: &str = "REJOIN_HANDED_SOCKET";
/// Connections that wait in the kernel while the loop is busy, or while the next server begins; no more than the system
/// allows (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;

/// The listening socket.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub listener: TcpListener,
    /// Who else keeps it.
    pub keeper: Keeper,
}

/// Who else keeps the listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Nobody: it ends with this process.
    Nobody,
    /// The supervisor that started this process.
    Supervisor,
    /// systemd, or whoever speaks its protocol (`LISTEN_FDS`).
    System,
}

impl Listening {
    /// Takes the socket that was handed over, or opens one.
    ///
    /// # Errors
    /// The system's: the port is in use, the address is not ours, …
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        if is_handed() {
            let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
            return Ok(Self { listener, keeper: Keeper::Supervisor });
        }
        if let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? {
            return Ok(Self { listener, keeper: Keeper::System });
        }
        Ok(Self { listener: bind(address)?, keeper: Keeper::Nobody })
    }

    /// Turns it into what the accept loop takes; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        self.listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(self.listener)
    }
}

/// Returns whether this process is the child of a supervisor.
pub(crate) fn is_handed() -> bool {
    std::env::var_os(HANDED).is_some()
}

/// Opens a listening socket that can be opened again right after a restart.
///
/// # Errors
/// The system's: the port is in use, the address is not ours, …
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
