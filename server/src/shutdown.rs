//! When the process is told to leave.

use std::io;

use tokio::signal::unix::{SignalKind, signal as handler};

use crate::listening::Keeper;

/// How the server is told to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nobody is known who takes over: the gate says so to the end.
    End,
    /// Another server waits for the data, and somebody keeps the listening socket for it: the sooner this one is gone,
    /// the better.
    HandOver,
}

/// Waits for SIGTERM or SIGINT, or for SIGUSR2, by which a supervisor asks to hand over; a second signal to end ends
/// the process at once.
///
/// # Errors
/// The handlers cannot be installed.
pub fn signal(keeper: Keeper) -> io::Result<impl Future<Output = Order> + Send + 'static> {
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut hand_over = handler(SignalKind::user_defined2())?;
    let ended = match keeper {
        // Who ends the process without ending the socket will start it again.
        Keeper::System => Order::HandOver,
        Keeper::Nobody | Keeper::Supervisor => Order::End,
    };
    if keeper == Keeper::Supervisor {
        follow_supervisor()?;
    }
    let (told, first) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut end = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let order = tokio::select! {
            () = end() => ended,
            _ = hand_over.recv() => if keeper == Keeper::Nobody { Order::End } else { Order::HandOver },
        };
        // Nobody waits any more when the server has ended on its own.
        let _ended = told.send(order);
        end().await;
        tracing::warn!("told twice to end: leaving at once");
        std::process::exit(130);
    });
    // Without the task that would tell, the runtime itself is ending.
    Ok(async move { first.await.unwrap_or(Order::End) })
}

/// Has the system send SIGTERM when the supervisor is gone: a server without one would keep its socket from the next.
fn follow_supervisor() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getpid, getppid, kill_process, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
        let parent = std::env::var(crate::listening::HANDED).ok().and_then(|parent| parent.parse::<i32>().ok());
        if getppid().map(|pid| pid.as_raw_nonzero().get()) != parent {
            // It was gone before the system was asked.
            kill_process(getpid(), Signal::TERM)?;
        }
    }
    Ok(())
}
