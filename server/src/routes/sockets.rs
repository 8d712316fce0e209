//! The sockets: one handler, four paths.
//!
//! A refusal is accepted first and closed then: a browser shows its page the code and the reason of a close, and
//! nothing of a refused handshake.

use std::sync::Arc;

use axum::response::Response;
use server_core::session::Ending;

use super::call::{Admin, Call, Side};
use crate::connection::{Entry, Inbox, Link, OpenLink, Socket, Talk, Upgrade, accept, refuse};
use crate::error::ApiError;
use crate::hub::Transport;

/// A socket of a dialog.
pub(super) async fn dialog<S: Side>(upgrade: Upgrade, call: Result<Call<S>, ApiError>) -> Response {
    let entered = async {
        let mut call = call.map_err(|error| error.ending())?;
        let mut open = open(&call)?;
        let entry = enter(&mut call, &mut open).await.map_err(|error| error.ending())?;
        Ok((call.app, open, entry))
    };
    serve(upgrade, entered.await.map(|(app, open, entry)| Link::new(app, open, entry)))
}

/// An operator's inbox.
pub(super) async fn inbox(upgrade: Upgrade, call: Result<Call<Admin>, ApiError>) -> Response {
    let entered = async {
        let mut call = call.map_err(|error| error.ending())?;
        let open = open(&call)?;
        let caller = call.caller().await.map_err(|error| error.ending())?;
        let operator = match call.says_hello() {
            true => None,
            false => Some(caller.operator(&call.app, None).await.map_err(|error| error.ending())?),
        };
        Ok(Inbox::new(call.app, open, Arc::new(caller), operator))
    };
    serve(upgrade, entered.await)
}

fn open<S: Side>(call: &Call<S>) -> Result<OpenLink, Ending> {
    call.open(Transport::WebSocket).map_err(|error| error.ending())
}

/// Lets a caller in whose address carries enough; others may say `hello`.
async fn enter<S: Side>(call: &mut Call<S>, open: &mut OpenLink) -> Result<Entry, ApiError> {
    let caller = Arc::new(call.caller().await?);
    call.open_on_site(open, &caller)?;
    let admission = match call.waits_for_hello(&caller) {
        true => None,
        false => Some(caller.admit(&call.app, call.dialog_id()?, None).await?),
    };
    call.entry(caller, admission, Transport::WebSocket, None)
}

fn serve<T: Talk + Unpin + Send + 'static>(upgrade: Upgrade, talk: Result<T, Ending>) -> Response {
    match talk {
        Ok(talk) => accept(upgrade, move |accepted| Socket::new(accepted, talk)),
        Err(ending) => accept(upgrade, move |accepted| refuse(accepted, ending)),
    }
}
