//! When the process is told to end.

use std::io;

/// Waits for SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// The handlers cannot be installed.
#[cfg(unix)]
pub fn signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (told, first) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        // Nobody waits any more when the server has ended on its own.
        let _ended = told.send(());
        next().await;
        tracing::warn!("told twice to end: leaving at once");
        std::process::exit(130);
    });
    Ok(async move {
        let _told = first.await;
    })
}

/// Waits for Ctrl-C; a second one ends the process at once.
///
/// # Errors
/// None here.
#[cfg(not(unix))]
pub fn signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _told = tokio::signal::ctrl_c().await;
        tokio::spawn(async {
            let _told = tokio::signal::ctrl_c().await;
            std::process::exit(130);
        });
    })
}
