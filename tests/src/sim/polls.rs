//! Polls at the server: answered at once, or held until something comes.

use server_core::session::{Entrance, Session};

use super::actions::Action;
use super::network::Call;
use super::sessions::{Kind, Post, Target};
use super::{Fault, Happening, Sim};

impl Post {
    pub(crate) fn is_poll(&self) -> bool {
        match self.kind {
            Kind::Frames => false,
            Kind::Poll { .. } | Kind::Held => true,
        }
    }
}

impl Sim {
    /// Answers a poll, or holds it.
    pub(crate) fn poll(&mut self, call: Option<u32>, entrance: Entrance, wait_s: u64) {
        let Entrance::Admitted { dialog, .. } = &entrance else { return };
        let dialog = *dialog;
        let config = self.session_config(entrance);
        self.server.next_post += 1;
        let post = self.server.next_post;
        let session = Some(Session::new(config, self.server_now()));
        let kind = Kind::Poll { wait_ms: wait_s * 1_000 };
        self.server.posts.insert(post, Post { session, dialog, kind, call, answers: Vec::new() });
        self.run_session(Target::Post(post), None);
        self.settle_post(post);
    }

    /// A poll was held for long enough.
    pub(crate) fn poll_ends(&mut self, number: u32) {
        if let Some(post) = self.server.posts.get_mut(&number) {
            post.kind = Kind::Poll { wait_ms: 0 };
            self.settle_post(number);
        }
    }

    /// A proxy has waited long enough.
    pub(crate) fn cut_poll(&mut self, call: u32) {
        let Some(Call { page, request, .. }) = self.calls.get(&call).cloned() else { return };
        if self.pages[page].calls.get(&request) != Some(&call) {
            return;
        }
        self.bite(Fault::PollCut);
        let input = if self.random.chance(500) {
            client_core::Input::Unanswered { request }
        } else {
            let body = "<html>504 Gateway Time-out</html>".into();
            client_core::Input::Answered { request, status: 504, body }
        };
        self.tell_page(page, input);
    }

    /// Says whether the answer to a poll has to wait, and for how long if it begins to.
    pub(crate) fn holds(&mut self, number: u32) -> bool {
        let run = self.server.run;
        let Some(post) = self.server.posts.get_mut(&number) else { return false };
        if !post.session.as_ref().is_some_and(Session::is_settled) {
            return false;
        }
        // Beside `ready` and `synced`, that is.
        let is_new = post.answers.len() > 2;
        match post.kind {
            Kind::Held => !is_new,
            Kind::Poll { wait_ms } if wait_ms > 0 && !is_new => {
                post.kind = Kind::Held;
                let call = post.call;
                self.plan_in(wait_ms, Happening::PollEnds { post: number, run });
                let page = call.and_then(|call| self.calls.get(&call)).map(|call| call.page);
                if let (Some(call), Some(page)) = (call, page)
                    && let Some(ms) = self.machines[self.pages[page].machine].polls_cut_ms.filter(|ms| *ms < wait_ms)
                {
                    self.plan_in(ms, Happening::Act(Action::PollCut { call }));
                }
                true
            }
            Kind::Frames | Kind::Poll { .. } => false,
        }
    }
}
