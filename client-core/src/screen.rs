//! The view, computed from everything that is known.

use protocol::{Author, AuthorKind, WELCOME_ID, json};

use crate::client::Device;
use crate::connection::Phase;
use crate::lobby::item;
use crate::outbox::{Kept, Pending, State};
use crate::staffing;
use crate::timers::BANNER_MS;
use crate::{Banner, Client, Delivery, From, Item, LinkState, Notice, Site, Transport, View};

impl Client {
    /// Returns all that a person sees.
    pub fn view(&self) -> View {
        let items = self.items();
        let staffing = self.site.as_ref().map(|site| staffing::at(site, self.now.wall)).unwrap_or_default();
        View {
            site: self.site.as_ref().map(Site::of),
            staffing,
            contact: self.contact(staffing, &items),
            items,
            older: self.timeline.older,
            unread: self.unread(),
            typing: String::from(self.marks.typing(self.now.mono)),
            // Without a link nobody knows who is there.
            operators: if self.lost_at.is_none() { self.marks.operators.clone() } else { Vec::new() },
            link: self.link_state(),
            banner: self.banner(),
            draft: self.draft.clone(),
            notice: self.notice,
            is_veiled: self.is_doubted(),
        }
    }

    /// Returns whose side an author is on.
    pub(crate) fn side_of(&self, author: AuthorKind) -> From {
        if (author == AuthorKind::Visitor) == self.is_visitor() { From::Own } else { From::Other }
    }

    fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        if let Some(welcome) = self.welcome() {
            items.push(welcome);
        }
        let other = self.marks.other();
        for message in self.timeline.messages() {
            let delivery = match message.seq {
                seq if seq <= other.read => Delivery::Read,
                seq if seq <= other.received => Delivery::Delivered,
                _ => Delivery::Sent,
            };
            items.push(Item {
                key: message.id.clone(),
                seq: message.seq,
                author: message.author.clone(),
                from: self.side_of(message.author.kind),
                text: message.text.clone(),
                at: message.at,
                delivery,
                file: message.file.as_ref().map(json::to_string).unwrap_or_default(),
            });
        }
        for settled in &self.settled {
            items.push(self.own_item(&settled.id, &settled.text, settled.at, Delivery::Sent));
        }
        for pending in self.outbox.items() {
            let delivery = self.delivery(pending);
            items.push(self.own_item(&pending.id, &pending.text, pending.at, delivery));
        }
        items
    }

    /// The welcome, shown from the site's settings while no dialog exists.
    fn welcome(&self) -> Option<Item> {
        let site = self.site.as_ref()?;
        if self.dialog_id.is_some() || site.welcome.is_empty() {
            return None;
        }
        let author = Author { kind: AuthorKind::System, name: site.name.clone() };
        Some(item(WELCOME_ID, author, From::Other, &site.welcome))
    }

    fn own_item(&self, id: &str, text: &str, at: u64, delivery: Delivery) -> Item {
        let author = Author { kind: self.own_kind(), name: String::new() };
        Item { at, delivery, ..item(id, author, From::Own, text) }
    }

    fn delivery(&self, pending: &Pending) -> Delivery {
        match pending.state {
            State::Expired => Delivery::Expired,
            State::Refused => Delivery::Refused,
            State::Fresh | State::Sent { .. } if pending.kept == Kept::No => Delivery::Unsaved,
            State::Fresh => Delivery::Sending,
            State::Sent { .. } if !self.is_overdue(pending) => Delivery::Sending,
            State::Doubtful | State::Sent { .. } => Delivery::Unconfirmed,
        }
    }

    fn unread(&self) -> u32 {
        let read = self.marks.read();
        let is_unread = |seq: u64, kind| seq > read && self.side_of(kind) == From::Other;
        let count = self.timeline.messages().iter().rev().take_while(|message| message.seq > read);
        u32::try_from(count.filter(|message| is_unread(message.seq, message.author.kind)).count()).unwrap_or(u32::MAX)
    }

    fn is_given_up(&self) -> bool {
        self.device == Device::Offline
            || self.servers.all_failed()
            || self.attempts >= self.config.reconnect.max_attempts
    }

    /// Returns why the last message was not taken.
    pub fn notice(&self) -> Notice {
        self.notice
    }

    /// Returns how the link is.
    pub fn link_state(&self) -> LinkState {
        match &self.phase {
            Phase::Idle => LinkState::Idle,
            Phase::Online(online) => match online.transport {
                Transport::WebSocket => LinkState::Online,
                Transport::Sse => LinkState::OnlineSse,
                Transport::LongPolling => LinkState::OnlineLongPolling,
                Transport::Polling => LinkState::OnlinePolling,
            },
            Phase::Stopped => LinkState::Stopped,
            _ if self.is_given_up() => LinkState::Offline,
            _ if self.lost_at.is_some() => LinkState::Reconnecting,
            Phase::Loading
            | Phase::Waiting { .. }
            | Phase::Gate { .. }
            | Phase::Opening(_)
            | Phase::Frozen
            | Phase::Unauthorized => LinkState::Connecting,
        }
    }

    fn banner(&self) -> Banner {
        if matches!(self.phase, Phase::Stopped) {
            return Banner::Refused;
        }
        let is_visible = self.lost_at.is_some_and(|at| self.now.mono.since(at) >= BANNER_MS);
        match (is_visible, self.is_given_up()) {
            (false, _) if self.transport() == Some(Transport::Polling) => Banner::Limited,
            (false, _) => Banner::None,
            (true, true) => Banner::Offline,
            (true, false) => Banner::Reconnecting,
        }
    }
}
