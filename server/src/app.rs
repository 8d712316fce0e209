//! Everything that the parts of the server share.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use server_core::{Millis, Now, session};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::accept::{self, Connections};
use crate::admission;
use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::connection::Links;
use crate::credentials::Credentials;
use crate::earlier::Earlier;
use crate::error::ApiError;
use crate::figures::Figures;
use crate::files::{self, Folder, Patience};
use crate::hub::{Hub, Pool};
use crate::rate::Buckets;
use crate::store::{Assistant, Site, Store};

/// Descriptors that are neither connections nor in reserve: the database, the log, the runtime.
const OTHER_FILES: usize = 64;
/// Large bodies that may be in memory at once; what is of the usual size waits at the cost of its connection.
const LARGE_BODIES: usize = 128;
/// Logins from one address: at once, and then each second.
const LOGINS: (u32, u32) = (10, 1);

/// Everything that the parts of the server share; cloning it is cheap.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    credentials: Credentials,
    limits: session::Limits,
    servers: Arc<[String]>,
    bounds: Bounds,
    drain_ms: u32,
    absent_ms: u32,
    links: Arc<Links>,
    connections: Arc<Connections>,
    clock: Clock,
    logins: Buckets<IpAddr>,
    posts: Buckets<(u64, Pool)>,
    large_bodies: Semaphore,
    figures: Figures,
    earlier: OnceLock<Earlier>,
    files: OnceLock<Arc<Folder>>,
}

impl App {
    /// Puts a server together; `hub` must be the one whose [`Hub::published`] the store calls.
    pub fn new(config: &ServeConfig, store: Arc<dyn Store>, hub: Arc<Hub>, credentials: Credentials) -> Self {
        let mut limits = session::Limits::default();
        limits.told.messages_per_s = config.messages_per_s;
        limits.heartbeat_ms = config.heartbeat_ms;
        let most = most_links(config.max_connections, accept::raise_open_files());
        if most < config.max_connections {
            let wanted = config.max_connections;
            let open_files = wanted.saturating_add(headroom(wanted)) + OTHER_FILES + accept::REFUSALS;
            tracing::warn!(
                most,
                wanted,
                open_files,
                "the limit of open files allows fewer connections than are wanted: raise it to open_files (ulimit -Hn, or \
                 LimitNOFILE= of systemd), or want fewer with --max-connections"
            );
        }
        Self(Arc::new(Shared {
            store,
            hub,
            credentials,
            limits,
            servers: config.server.clone().into(),
            bounds: Bounds::new(&config.bounds, most),
            drain_ms: config.drain_ms,
            absent_ms: config.absent_ms,
            links: Links::new(most),
            connections: Connections::new(most + headroom(most)),
            clock: Clock::new(),
            logins: Buckets::new(LOGINS.0, LOGINS.1),
            posts: Buckets::new(burst(config.messages_per_s), config.messages_per_s),
            large_bodies: Semaphore::new(LARGE_BODIES),
            figures: Figures::default(),
            earlier: OnceLock::new(),
            files: OnceLock::new(),
        }))
    }

    /// Keeps the web assets of this build in the data folder, and serves those that earlier builds have left there.
    pub fn keep_assets(&self, data: &Path) {
        let _ = self.0.earlier.set(Earlier::keep(data));
    }

    /// Opens the folder of files in the data folder; without it no site takes any.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep_files(&self, data: &Path) -> io::Result<()> {
        let _ = self.0.files.set(Arc::new(Folder::open(data, Patience::default())?));
        Ok(())
    }

    /// Removes files that nobody has sent, now and then, until the task is dropped.
    pub async fn sweep_files(self) {
        files::sweep(self).await;
    }

    /// Returns the folder of files, where it is open.
    pub(crate) fn files(&self) -> Option<&Arc<Folder>> {
        self.0.files.get()
    }

    /// Returns the assets of earlier builds, where they are kept.
    pub(crate) fn earlier(&self) -> Option<&Earlier> {
        self.0.earlier.get()
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    pub(crate) fn links(&self) -> &Arc<Links> {
        &self.0.links
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.0.connections
    }

    /// The attempts to log in, by address.
    pub(crate) fn logins(&self) -> &Buckets<IpAddr> {
        &self.0.logins
    }

    /// The messages that came by POST, by dialog and pool.
    pub(crate) fn posts(&self) -> &Buckets<(u64, Pool)> {
        &self.0.posts
    }

    /// Takes a place among the large bodies, until the permit is dropped.
    ///
    /// # Errors
    /// As many as may be in memory at once.
    pub(crate) fn large_body(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.0.large_bodies.try_acquire().map_err(|_| ApiError::Overloaded { retry_after_ms: 1_000 })
    }

    /// What clients tell of their links.
    pub(crate) fn figures(&self) -> &Figures {
        &self.0.figures
    }

    pub(crate) fn limits(&self) -> session::Limits {
        self.0.limits
    }

    /// Messages that one client may send at once.
    pub(crate) fn messages_burst(&self) -> u32 {
        burst(self.0.limits.told.messages_per_s)
    }

    /// Other addresses of this service, best first.
    pub(crate) fn servers(&self) -> &Arc<[String]> {
        &self.0.servers
    }

    /// What one address, one visitor and one site may take.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.0.bounds
    }

    pub(crate) fn drain_ms(&self) -> u32 {
        self.0.drain_ms
    }

    /// How long no operator must have been there before nobody is.
    pub(crate) fn absent_ms(&self) -> Millis {
        self.0.absent_ms.into()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn now(&self) -> Now {
        self.0.clock.now()
    }

    /// Returns whether a page is one of this service: of the host that was asked for, or of another of its servers.
    pub(crate) fn is_own_origin(&self, page: &str, headers: &HeaderMap) -> bool {
        admission::is_own(page, headers) || self.0.servers.iter().any(|server| server.eq_ignore_ascii_case(page))
    }

    /// Finds an assistant and its site.
    ///
    /// # Errors
    /// Where there is no such assistant, or the store does not answer.
    pub(crate) async fn assistant(&self, assistant_id: u64) -> Result<(Arc<Site>, Arc<Assistant>), ApiError> {
        let assistant = self.store().assistant(assistant_id).await?.ok_or(ApiError::UnknownAssistant)?;
        let site = self.store().site(assistant.site_id).await?.ok_or(ApiError::UnknownAssistant)?;
        Ok((site, assistant))
    }
}

/// Twice the rate: a client that was away for a moment may catch up with what it wrote meanwhile.
const fn burst(messages_per_s: u32) -> u32 {
    messages_per_s.saturating_mul(2)
}

/// Connections beyond the links: requests of the API and the pages, and those that are told that there is no place.
const fn headroom(links: usize) -> usize {
    if links / 8 < 64 { 64 } else { links / 8 }
}

/// Returns how many links the limit of open files allows, up to what is wanted.
fn most_links(wanted: usize, open_files: usize) -> usize {
    let free = open_files.saturating_sub(OTHER_FILES + accept::REFUSALS);
    if wanted.saturating_add(headroom(wanted)) <= free {
        return wanted;
    }
    // The headroom is an eighth of the links: eight ninths of all are links.
    (free.saturating_sub(64) / 9 * 8).clamp(1, wanted)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("links", &self.links.total()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_fit_into_the_limit_of_open_files() {
        assert_eq!(most_links(20_000, usize::MAX), 20_000);
        assert_eq!(most_links(20_000, 65_536), 20_000);
        assert_eq!(most_links(1, 4_096), 1);
        for files in [256, 1_024, 4_096, 20_000] {
            let most = most_links(20_000, files);
            assert!(most >= 1 && most + headroom(most) + OTHER_FILES <= files, "{files}: {most}");
        }
    }
}
