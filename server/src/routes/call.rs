//! What a request to an address of a dialog brings along.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use protocol::{ClientInfo, Hello, VERSION};
use serde::Deserialize;
use server_core::access::ScopedDialog;
use tokio::sync::SemaphorePermit;

use super::body;
use super::parameters::Parameters;
use crate::accept::Peer;
use crate::admission::{Admission, Caller, CallerQuery, Shown};
use crate::app::App;
use crate::bounds::{Client, Guest};
use crate::connection::{Entry, OpenLink};
use crate::credentials;
use crate::error::ApiError;
use crate::hub::{Pool, Transport};
use crate::store::FileOwner;

/// The side that an address belongs to.
pub(super) trait Side: Send + 'static {
    /// Where its links are counted.
    const POOL: Pool;
}

/// Operators.
pub(super) struct Admin;
/// Visitors in an iframe.
pub(super) struct Widget;
/// Visitors by direct embed.
pub(super) struct Site;

impl Side for Admin {
    const POOL: Pool = Pool::Admin;
}

impl Side for Widget {
    const POOL: Pool = Pool::Widget;
}

impl Side for Site {
    const POOL: Pool = Pool::Site;
}

/// The parameters of an address, unread.
#[derive(Debug, Default, Deserialize)]
struct Fields {
    after: Option<String>,
    before: Option<String>,
    limit: Option<String>,
    epoch: Option<String>,
    client: Option<String>,
    channels: Option<String>,
    hello: Option<String>,
    wait: Option<String>,
    name: Option<String>,
}

/// A request to an address of side `S`, before anybody has looked who calls.
pub(super) struct Call<S> {
    pub(super) app: App,
    pub(super) headers: HeaderMap,
    caller: CallerQuery,
    fields: Fields,
    id: Option<String>,
    file: Option<String>,
    client: Client,
    side: PhantomData<S>,
}

/// A place among the large bodies, and among those of the visitor whose it is.
pub(super) type BodyPlace<'a> = (SemaphorePermit<'a>, Vec<Guest>);

/// Which stretch of a log is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// What follows this `seq`.
    After(u64),
    /// What stands before this `seq`.
    Before(u64),
    /// The end.
    Last,
}

impl<S: Side> FromRequestParts<App> for Call<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let client = match parts.extensions.get::<Peer>() {
            Some(peer) => app.bounds().client(peer.address.ip(), &parts.headers),
            None => None,
        };
        app.bounds().request(client, app.clock().mono())?;
        let Parameters(caller) = Parameters::<CallerQuery>::from_request_parts(parts, app).await?;
        let Parameters(fields) = Parameters::<Fields>::from_request_parts(parts, app).await?;
        // An address without an id in its path has none.
        let named = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await;
        let named = named.map(|Path(named)| named).unwrap_or_default();
        let of = |name: &str| named.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (id, file) = (of("id"), of("file"));
        let headers = parts.headers.clone();
        Ok(Self { app: app.clone(), headers, caller, fields, id, file, client, side: PhantomData })
    }
}

impl<S: Side> Call<S> {
    /// Takes a place for a link, before anybody knows whose it will be.
    ///
    /// # Errors
    /// There is none, or none for this address.
    pub(super) fn open(&self, transport: Transport) -> Result<OpenLink, ApiError> {
        let mut open = self.app.links().open(S::POOL, transport)?;
        open.hold(self.app.bounds().link(self.client)?);
        Ok(open)
    }

    /// Takes a place for the link of a visitor among those of the site.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn open_on_site(&self, open: &mut OpenLink, caller: &Caller) -> Result<(), ApiError> {
        if let Some(site) = caller.site() {
            open.hold([self.app.bounds().site(site.id)?]);
        }
        Ok(())
    }

    /// Counts a dialog that is about to begin.
    ///
    /// # Errors
    /// There were too many of late.
    pub(super) fn begin_dialog(&self, site_id: u64) -> Result<(), ApiError> {
        self.app.bounds().dialog(self.client, site_id, self.app.clock().mono())
    }

    /// Takes a place for an upload of so many bytes to a site; operators are not counted.
    ///
    /// # Errors
    /// As many are under way, or came of late, as there may be.
    pub(super) fn upload(&self, site_id: u64, owner: FileOwner, bytes: u64) -> Result<Vec<Guest>, ApiError> {
        match S::POOL {
            Pool::Admin => Ok(Vec::new()),
            Pool::Widget | Pool::Site => {
                let begins = matches!(owner, FileOwner::Newcomer { .. });
                self.app.bounds().upload(self.client, site_id, bytes, begins, self.app.clock().mono())
            }
        }
    }

    /// Takes a place for a body of the dialog's client among the large ones, unless it says that it is of the usual size.
    ///
    /// # Errors
    /// There are as many as may be in memory at once, or as this visitor may have.
    pub(super) fn body_place(&self, dialog_id: u64) -> Result<Option<BodyPlace<'_>>, ApiError> {
        let declared = self.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if declared.is_some_and(|bytes: usize| bytes <= body::USUAL_BYTES) {
            return Ok(None);
        }
        let guests = match S::POOL {
            Pool::Admin => Vec::new(),
            Pool::Widget | Pool::Site => self.app.bounds().body(self.client, dialog_id)?,
        };
        Ok(Some((self.app.large_body()?, guests)))
    }

    /// Finds out who calls.
    ///
    /// # Errors
    /// An unknown site or assistant, a forbidden origin, or a store that does not answer.
    pub(super) async fn caller(&mut self) -> Result<Caller, ApiError> {
        Caller::identify(&self.app, S::POOL, std::mem::take(&mut self.caller), &self.headers).await
    }

    /// Lets the caller into the dialog of the address.
    ///
    /// # Errors
    /// Missing or bad credentials, a dialog that is not theirs, or a store that does not answer.
    pub(super) async fn admit(&mut self) -> Result<(Caller, Admission), ApiError> {
        let caller = self.caller().await?;
        let admission = caller.admit(&self.app, self.dialog_id()?, None).await?;
        Ok((caller, admission))
    }

    /// Lets somebody into their dialog again, now that the body is there.
    ///
    /// It comes when its sender likes: the dialog may have become a person's meanwhile, or the token may have expired.
    ///
    /// # Errors
    /// As those of [`Self::admit`].
    pub(super) async fn admit_again(&self, caller: &Caller, dialog: ScopedDialog) -> Result<Admission, ApiError> {
        caller.admit(&self.app, dialog.id(), None).await
    }

    /// Returns the dialog of the address; what is no number is a dialog that does not exist.
    pub(super) fn dialog_id(&self) -> Result<u64, ApiError> {
        self.id.as_deref().and_then(|id| id.parse().ok()).ok_or(ApiError::DialogNotFound)
    }

    /// Returns the file of the address.
    pub(super) fn file_id(&self) -> Result<&str, ApiError> {
        self.file.as_deref().ok_or(ApiError::FileNotFound)
    }

    /// Returns the name that the sender of a file has for it; empty where it has none.
    pub(super) fn file_name(&self) -> &str {
        self.fields.name.as_deref().unwrap_or_default()
    }

    /// Returns the page size that is asked for, within its bounds.
    pub(super) fn limit(&self, most: u64) -> Result<u64, ApiError> {
        Ok(number(self.fields.limit.as_deref())?.unwrap_or(50).clamp(1, most))
    }

    /// Returns the stretch of the log that is asked for.
    pub(super) fn stretch(&self) -> Result<Stretch, ApiError> {
        let after = number(self.fields.after.as_deref())?;
        let before = number(self.fields.before.as_deref())?;
        match (after, before) {
            (Some(after), None) => Ok(Stretch::After(after)),
            (None, Some(before)) => Ok(Stretch::Before(before)),
            (None, None) => Ok(Stretch::Last),
            (Some(_), Some(_)) => Err(ApiError::InvalidParameter("after and before exclude each other")),
        }
    }

    /// Returns the seconds that the caller is ready to wait.
    pub(super) fn wait(&self) -> Result<Option<u64>, ApiError> {
        number(self.fields.wait.as_deref())
    }

    /// Returns `before` as it stands, for addresses where it is no `seq`.
    pub(super) fn before(&self) -> Option<&str> {
        self.fields.before.as_deref()
    }

    /// Returns the name that the query asks for.
    pub(super) fn name(&self) -> Option<&str> {
        self.fields.name.as_deref()
    }

    /// Returns the client that the query names.
    pub(super) fn client(&self, transport: Option<Transport>) -> Option<ClientInfo> {
        let id = self.fields.client.clone()?;
        let transport = transport.map_or_else(String::new, |transport| transport.name().into());
        Some(ClientInfo { id, transport, why: String::new() })
    }

    /// Returns whether the query says that `hello` will be the first frame.
    pub(super) fn says_hello(&self) -> bool {
        self.fields.hello.as_deref().is_some_and(|hello| hello == "1")
    }

    /// Returns whether the caller must say `hello`: it wants to, or has not shown enough.
    ///
    /// An operator without a token is refused at once, unless it said that it would come.
    pub(super) fn waits_for_hello(&self, caller: &Caller) -> bool {
        self.says_hello() || (S::POOL != Pool::Admin && caller.shown() == Shown::TooLittle)
    }

    /// Puts together how the caller comes to the dialog; `last_event` stands for the cursor, if it is there.
    pub(super) fn entry(
        &self,
        caller: Arc<Caller>,
        admission: Option<Admission>,
        transport: Transport,
        last_event: Option<u64>,
    ) -> Result<Entry, ApiError> {
        let hello = Hello {
            v: VERSION,
            after: last_event.or(number(self.fields.after.as_deref())?),
            epoch: number(self.fields.epoch.as_deref())?,
            client: self.client(Some(transport)),
            ..Hello::default()
        };
        let channels = self.fields.channels.as_deref().unwrap_or_default();
        let channels = channels.split(',').filter(|name| !name.is_empty()).map(Into::into).collect();
        let seed = credentials::seed().map_err(|_| ApiError::Internal)?;
        Ok(Entry { caller, dialog_id: self.dialog_id()?, admission, hello, channels, seed })
    }
}

fn number(text: Option<&str>) -> Result<Option<u64>, ApiError> {
    let wrong = ApiError::InvalidParameter("after, before, limit, epoch and wait are whole numbers");
    text.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(|_| wrong)).transpose()
}
