//! What happens before there is a client.

use client_core::lobby::{Lobby, Output};
use client_core::{Banner, Client, Config, Delivery, Event, Input, Instant, LinkState, Notice, Now, Panel, Side, View};
use protocol::http::SiteConfig;
use protocol::limits;

/// What failed is tried again after so long at most, in ms.
const AGAIN_MAX_MS: u64 = 4_000;

fn site() -> SiteConfig {
    SiteConfig { name: "Morrow".into(), welcome: "Hello!".into(), ..SiteConfig::default() }
}

struct Page {
    lobby: Lobby,
    ms: u64,
}

impl Page {
    fn new(restored: &[(&str, &str)]) -> Self {
        let side = Side::Site { site_token: "st_demo".into() };
        let restored = restored.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        Self { lobby: Lobby::new(side, "vk_mine".into(), restored, 7), ms: 1_000 }
    }

    fn now(&self) -> Now {
        Now { mono: Instant::from_millis(self.ms), wall: 1_763_640_000_000 + self.ms }
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        let now = self.now();
        self.lobby.handle(now, input);
        self.taken()
    }

    fn taken(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.lobby.poll_output()).collect()
    }

    /// Waits until there is something to do.
    fn later(&mut self) -> Vec<Output> {
        self.ms = self.lobby.poll_timeout().expect("something is due").as_millis();
        self.input(Input::Timeout)
    }

    fn send(&mut self, text: &str) -> Vec<Output> {
        self.input(Input::Send { text: text.into() })
    }
}

#[test]
fn who_only_looks_asks_for_the_settings_and_for_nothing_else() {
    let mut page = Page::new(&[]);
    assert!(matches!(page.input(Input::Start)[..], [Output::Ask(_)]));
    let now = page.now();
    page.lobby.settled(now, site());
    assert_eq!(page.input(Input::Panel(Panel::Open)), []);
    assert_eq!(page.lobby.poll_timeout(), None);
    let view = page.lobby.view();
    assert_eq!((view.items[0].key.as_str(), view.items[0].text.as_str()), ("welcome", "Hello!"));
    assert_eq!(view.link, LinkState::Idle);
}

#[test]
fn the_first_letter_asks_for_the_link_and_is_kept() {
    let mut page = Page::new(&[]);
    let outputs = page.input(Input::Draft { text: "H".into() });
    assert_eq!(outputs, [Output::Save { name: "draft".into(), value: "H".into() }, Output::Link]);
    assert!(!page.input(Input::Draft { text: "He".into() }).contains(&Output::Link));
}

#[test]
fn what_is_sent_before_the_link_is_there_is_kept_as_the_client_keeps_it() {
    let mut page = Page::new(&[]);
    let outputs = page.send(" first ");
    assert!(matches!(&outputs[0], Output::Save { name, value } if name == "key" && value == "vk_mine"));
    assert!(matches!(&outputs[1], Output::Save { name, value } if name.starts_with("o:") && value == "first"));
    assert!(outputs.contains(&Output::Link));
    page.send("second");
    let texts: Vec<String> = page.lobby.view().items.into_iter().map(|item| item.text).collect();
    assert_eq!(texts, ["first", "second"]);
    let inputs = page.lobby.hand_over();
    let [Input::Restored(kept), Input::Start] = &inputs[..] else { panic!("{inputs:?}") };
    assert_eq!(kept.len(), 3);
}

#[test]
fn a_client_goes_on_where_the_lobby_ended() {
    let mut page = Page::new(&[]);
    page.input(Input::Start);
    let now = page.now();
    page.lobby.settled(now, site());
    page.input(Input::Panel(Panel::Open));
    page.send("first");
    page.send("second");
    let before = page.lobby.view();
    let config = Config::new(Side::Site { site_token: "st_demo".into() }, protocol::Secret::new("vk_mine"));
    let mut client = Client::new(config, 3);
    for input in page.lobby.hand_over() {
        client.handle(now, input);
    }
    let after = client.view();
    let keys = |view: &View| view.items.iter().map(|item| item.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&after), keys(&before));
    assert_eq!(after.site, before.site);
    let outputs: Vec<client_core::Output> = std::iter::from_fn(|| client.poll_output()).collect();
    let posts = outputs.iter().filter(|output| matches!(output, client_core::Output::Request { .. })).count();
    assert_eq!(posts, 1, "the dialog is asked for, the settings are known: {outputs:?}");
}

#[test]
fn a_page_that_was_second_takes_the_key_of_the_first_with_what_it_has_written() {
    let mut page = Page::new(&[]);
    page.send("first words here");
    let now = page.now();
    page.lobby.claimed(now, "vk_theirs");
    assert_eq!(page.taken(), [Output::Save { name: "key".into(), value: "vk_theirs".into() }]);
    assert_eq!(page.lobby.key(), "vk_theirs");
    let inputs = page.lobby.hand_over();
    let [Input::Restored(kept), Input::Start] = &inputs[..] else { panic!("{inputs:?}") };
    let keys: Vec<&str> = kept.iter().filter(|(name, _)| name == "key").map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["vk_theirs"]);
}

#[test]
fn a_reload_before_the_link_came_asks_for_it_at_once() {
    let mut page = Page::new(&[("key", "vk_old"), ("o:0192", "first")]);
    assert_eq!(page.lobby.key(), "vk_old");
    assert!(page.input(Input::Start).contains(&Output::Link));
}

#[test]
fn who_opens_the_panel_without_a_network_sees_that_before_writing_anything() {
    let mut page = Page::new(&[]);
    page.input(Input::Start);
    assert_eq!(page.lobby.view().banner, Banner::None);
    let now = page.now();
    page.lobby.unanswered(now);
    assert_eq!((page.lobby.view().banner, page.lobby.view().link), (Banner::Offline, LinkState::Offline));
    assert!(matches!(page.input(Input::TryNow)[..], [Output::Ask(_)]));
    let now = page.now();
    page.lobby.settled(now, site());
    assert_eq!((page.lobby.view().banner, page.lobby.view().link), (Banner::None, LinkState::Idle));
}

#[test]
fn what_cannot_be_fetched_is_tried_again_and_the_visitor_sees_it() {
    let mut page = Page::new(&[]);
    page.input(Input::Start);
    page.send("hello");
    for _ in 0..10 {
        let now = page.now();
        page.lobby.link_failed(now);
        page.lobby.unanswered(now);
        assert_eq!(page.lobby.view().banner, Banner::Offline);
        let before = page.ms;
        let mut outputs = page.later();
        outputs.append(&mut page.later());
        assert!(outputs.contains(&Output::Link) && outputs.iter().any(|output| matches!(output, Output::Ask(_))));
        assert!(page.ms - before <= AGAIN_MAX_MS);
    }
    let now = page.now();
    page.lobby.link_failed(now);
    assert_eq!(page.input(Input::TryNow), [Output::Link]);
}

#[test]
fn silence_counts_as_a_failure() {
    let mut page = Page::new(&[]);
    page.input(Input::Start);
    assert_eq!(page.later(), [], "the answer is given up");
    assert!(matches!(page.later()[..], [Output::Ask(_)]));
}

#[test]
fn a_site_that_refuses_this_page_is_not_asked_again() {
    let mut page = Page::new(&[]);
    page.input(Input::Start);
    let now = page.now();
    page.lobby.refused(now, 403, "forbidden_origin".into());
    assert!(
        matches!(&page.taken()[..], [Output::Event(Event::Refused { code: 403, reason })] if reason == "forbidden_origin")
    );
    assert_eq!((page.lobby.view().banner, page.lobby.poll_timeout()), (Banner::Refused, None));
}

#[test]
fn a_text_that_is_too_long_is_not_taken() {
    let mut page = Page::new(&[]);
    assert_eq!(page.send(&"x".repeat(limits::TEXT_CHARS as usize + 1)), []);
    assert_eq!(page.lobby.view().notice, Notice::TooLong);
}

#[test]
fn what_an_earlier_page_left_stands_in_the_order_of_writing() {
    // A browser lists what is in its storage in any order.
    let page = Page::new(&[("o:0192b", "second"), ("key", "vk_old"), ("o:0192a", "first")]);
    let texts: Vec<String> = page.lobby.view().items.into_iter().map(|item| item.text).collect();
    assert_eq!(texts, ["first", "second"]);
}

#[test]
fn a_file_that_an_earlier_page_left_is_shown_as_the_client_shows_it() {
    const KEPT: &str = "\u{1}{\"id\":\"0192c\",\"name\":\"red.png\",\"mime\":\"image/png\",\"size\":7}";
    let page = Page::new(&[("key", "vk_old"), ("o:0192a", "words"), ("o:0192b", KEPT)]);
    let now = page.now();
    let before = page.lobby.view().items;
    let shown: Vec<_> = before.iter().map(|item| (item.text.as_str(), item.file.as_str())).collect();
    assert_eq!(shown, [("words", ""), ("", KEPT.trim_start_matches('\u{1}'))]);
    let config = Config::new(Side::Site { site_token: "st_demo".into() }, protocol::Secret::new("vk_old"));
    let mut client = Client::new(config, 3);
    for input in page.lobby.hand_over() {
        client.handle(now, input);
    }
    let after = client.view().items;
    assert_eq!(after.iter().map(|item| (item.text.as_str(), item.file.as_str())).collect::<Vec<_>>(), shown);
}

#[test]
fn a_dialog_that_is_under_way_brings_its_own_welcome() {
    let mut page = Page::new(&[("key", "vk_old"), ("dialog", "7")]);
    page.input(Input::Start);
    let now = page.now();
    page.lobby.settled(now, site());
    assert_eq!(page.lobby.view().items, []);
}

#[test]
fn a_value_that_is_kept_over_and_over_in_vain_is_told_once() {
    let mut page = Page::new(&[]);
    for text in ["H", "He", "Hey"] {
        page.input(Input::Draft { text: text.into() });
        page.input(Input::SaveFailed { name: "draft".into() });
    }
    let failed = page.lobby.hand_over().into_iter().filter(|input| matches!(input, Input::SaveFailed { .. }));
    assert_eq!(failed.count(), 1);
}

#[test]
fn without_its_key_no_message_is_kept() {
    let mut page = Page::new(&[]);
    page.send("hello");
    let outputs = page.input(Input::SaveFailed { name: "key".into() });
    assert!(matches!(&outputs[..], [Output::Remove { name }] if name.starts_with("o:")), "{outputs:?}");
    assert_eq!(page.lobby.view().items[0].delivery, Delivery::Unsaved);
}

#[test]
fn a_site_that_refuses_this_page_needs_no_link() {
    let mut page = Page::new(&[]);
    page.input(Input::Start);
    page.send("hello");
    let now = page.now();
    page.lobby.refused(now, 404, "unknown_site".into());
    page.lobby.link_failed(now);
    assert_eq!(page.lobby.poll_timeout(), None);
    assert!(page.lobby.is_refused());
    assert!(!page.send("hello?").contains(&Output::Link));
}

#[test]
fn the_key_of_who_has_logged_out_comes_back_with_no_link() {
    let mut page = Page::new(&[("dialog", "8"), ("key", "vk_first")]);
    assert!(page.input(Input::Start).contains(&Output::Link));
    for next in ["vk_next", "vk_again"] {
        page.input(Input::Logout { key: protocol::Secret::new(next) });
    }
    let now = page.now();
    page.lobby.claimed(now, "vk_first");
    assert_eq!(page.taken(), []);
    assert_eq!(page.lobby.key(), "vk_again");
    // Where nothing was asked for yet, nothing can come late.
    let mut page = Page::new(&[("key", "vk_first")]);
    page.input(Input::Logout { key: protocol::Secret::new("vk_next") });
    page.lobby.claimed(now, "vk_of_another_page");
    assert_eq!(page.lobby.key(), "vk_of_another_page");
}
