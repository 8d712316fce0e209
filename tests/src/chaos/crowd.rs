//! Many conversations at once: in each a visitor and an operator, who talk while things break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use client_core::{Config, Input, Side};
use protocol::Secret;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::history::padded;
use super::stage::Stage;
use super::witness::{Glance, Witness};
use crate::app::{ALPHA, new_key};
use crate::native::{Native, Storage};
use crate::sim::random::Random;

/// Conversations that are begun at once.
const AT_ONCE: usize = 25;
/// How long it may take until a conversation has begun.
const BEGIN: Duration = Duration::from_secs(60);

/// Everybody who talks.
#[derive(Debug)]
pub struct Crowd {
    /// Visitors and operators, those of a conversation side by side.
    pub members: Vec<Arc<Member>>,
}

/// One page and whoever sits before it.
#[derive(Debug)]
pub struct Member {
    /// `v3` is the visitor of conversation 3, `o3` its operator.
    pub who: String,
    conversation: usize,
    page: Native,
    glance: watch::Receiver<Glance>,
    ending: Arc<AtomicBool>,
    written: AtomicU64,
}

/// What a crowd is made of.
#[derive(Clone, Copy, Debug)]
pub struct Gathering {
    /// Conversations.
    pub conversations: usize,
    /// Who is in them.
    pub sides: Sides,
    /// What is set for each client.
    pub settings: fn(&mut Config),
}

/// Who is in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Only the visitor.
    Visitor,
    /// The visitor and an operator.
    Both,
    /// The visitor and two operators.
    Three,
}

/// How a crowd talks.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// From one message of a member to the next one, on average.
    pub every_ms: u64,
    /// Bytes of a message.
    pub bytes: usize,
}

/// A crowd that is talking; it falls silent when this is told to, or dropped.
#[derive(Debug)]
pub struct Chatter {
    quiet: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Opens the pages of a crowd, has every visitor say a first word, and waits until everybody is there.
    ///
    /// # Errors
    /// Who is not there in time.
    pub async fn gather(stage: &Stage, gathering: Gathering) -> Result<Self, String> {
        let door = Arc::new(Semaphore::new(AT_ONCE));
        let mut opening = JoinSet::new();
        for conversation in 0..gathering.conversations {
            let (door, scene) = (Arc::clone(&door), stage.scene());
            opening.spawn(async move {
                let _turn = door.acquire_owned().await;
                let visitor = Member::open(&scene, conversation, 'v', scene.visitor(), gathering.settings);
                visitor.say(0);
                let dialog_id = visitor.until(BEGIN, |glance| glance.dialog.is_some() && glance.is_up()).await;
                let dialog_id = dialog_id?.dialog.unwrap_or_default();
                let mut members = vec![Arc::new(visitor)];
                let operators: &[char] = match gathering.sides {
                    Sides::Visitor => &[],
                    Sides::Both => &['o'],
                    Sides::Three => &['o', 'p'],
                };
                for side in operators {
                    let desk = (Side::Operator { dialog_id }, scene.token.clone());
                    let operator = Member::open(&scene, conversation, *side, desk, gathering.settings);
                    operator.page.tell(Input::Start);
                    operator.until(BEGIN, Glance::is_up).await?;
                    members.push(Arc::new(operator));
                }
                Ok::<_, String>((conversation, members))
            });
        }
        let mut all = Vec::new();
        while let Some(opened) = opening.join_next().await {
            all.push(opened.map_err(|error| error.to_string())??);
        }
        all.sort_by_key(|(conversation, _)| *conversation);
        Ok(Self { members: all.into_iter().flat_map(|(_, members)| members).collect() })
    }

    /// Has everybody talk until told otherwise; the seed decides when.
    pub fn talk(&self, talk: Talk, seed: u64) -> Chatter {
        let quiet = Arc::new(AtomicBool::new(false));
        let talking = self.members.iter().zip(0_u64..).map(|(member, number)| {
            let (member, quiet) = (Arc::clone(member), Arc::clone(&quiet));
            let mut random = Random::new(seed ^ number.wrapping_mul(0x51_7cc1));
            tokio::spawn(async move {
                sleep(Duration::from_millis(random.below(talk.every_ms + 1))).await;
                while !quiet.load(Ordering::Relaxed) {
                    member.say(talk.bytes);
                    let pause_ms = random.between(talk.every_ms / 2, talk.every_ms * 3 / 2);
                    sleep(Duration::from_millis(pause_ms)).await;
                }
            })
        });
        Chatter { tasks: talking.collect(), quiet }
    }

    /// Has everybody say one thing.
    pub fn say(&self, bytes: usize) {
        self.members.iter().for_each(|member| member.say(bytes));
    }

    /// Waits until everybody's link is up.
    ///
    /// # Errors
    /// Who is not there in time.
    pub async fn until_up(&self, patience: Duration) -> Result<(), String> {
        self.until(patience, Glance::is_up).await
    }

    /// Waits until everybody is in some state.
    ///
    /// # Errors
    /// Who is not there in time.
    pub async fn until(&self, patience: Duration, is_so: impl Fn(&Glance) -> bool + Copy) -> Result<(), String> {
        let end = Instant::now() + patience;
        for member in &self.members {
            member.until(end.saturating_duration_since(Instant::now()), is_so).await?;
        }
        Ok(())
    }

    /// Waits until everybody is up, nothing is on its way, and both sides of each conversation are equally far.
    ///
    /// # Errors
    /// Who is not there in time; the history will tell what is missing.
    pub async fn until_settled(&self, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            for member in &self.members {
                // What was said may not have been heard yet.
                let written = member.written.load(Ordering::Relaxed);
                let left = end.saturating_duration_since(Instant::now());
                let settled = |glance: &Glance| glance.is_up() && glance.unsettled == 0 && glance.sent >= written;
                member.until(left, settled).await?;
            }
            let apart = self.members.windows(2).find(|pair| {
                pair[0].conversation == pair[1].conversation && pair[0].glance().cursor != pair[1].glance().cursor
            });
            let Some(pair) = apart else { return Ok(()) };
            if left.is_zero() {
                return Err(format!("{} and {} are not equally far", pair[0].who, pair[1].who));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Has every page write down its last screen.
    pub async fn write_last_screens(&self) {
        for member in &self.members {
            member.ending.store(true, Ordering::Relaxed);
            // A timeout that is not due does nothing, but the observer looks.
            member.page.tell(Input::Timeout);
        }
        let _those_that_do_not_answer_are_missing = self.until(crate::PATIENCE, |glance| glance.ended).await;
    }

    /// Returns the operators.
    pub fn operators(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.iter().filter(|member| !member.who.starts_with('v'))
    }

    /// Returns the dialogs of the crowd.
    pub fn dialogs(&self) -> Vec<u64> {
        let mut dialogs: Vec<u64> = self.members.iter().filter_map(|member| member.glance().dialog).collect();
        dialogs.sort_unstable();
        dialogs.dedup();
        dialogs
    }
}

impl Chatter {
    /// Ends the talk.
    pub async fn hush(mut self) {
        self.quiet.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            let _it_does_not_fail = task.await;
        }
    }
}

impl Drop for Chatter {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What a page needs of its stage.
#[derive(Clone, Debug)]
pub struct Scene {
    pub(super) server: std::net::SocketAddr,
    pub(super) history: super::history::History,
    pub(super) token: String,
}

impl Scene {
    fn visitor(&self) -> (Side, String) {
        (Side::Site { site_token: ALPHA.into() }, new_key())
    }
}

impl Member {
    fn open(
        scene: &Scene,
        conversation: usize,
        side: char,
        (place, credential): (Side, String),
        settings: fn(&mut Config),
    ) -> Self {
        let who = format!("{side}{conversation}");
        let (showing, glance) = watch::channel(Glance::default());
        let ending = Arc::new(AtomicBool::new(false));
        let witness = Witness::new(who.clone(), scene.history.clone(), showing, Arc::clone(&ending));
        let mut config = Config::new(place, Secret::new(credential));
        settings(&mut config);
        let page = Native::observed(scene.server, config, &Storage::empty(), Box::new(witness));
        Self { who, conversation, page, glance, ending, written: AtomicU64::new(0) }
    }

    /// Says the next thing, in so many bytes.
    pub fn say(&self, bytes: usize) {
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        self.page.say(&padded(&format!("{}.{}.{number}", self.conversation, self.who), bytes));
    }

    /// Tells the page something.
    pub fn tell(&self, input: Input) {
        self.page.tell(input);
    }

    /// Returns what can be seen at a glance.
    pub fn glance(&self) -> Glance {
        *self.glance.borrow()
    }

    /// Waits until the page is in some state.
    ///
    /// # Errors
    /// It is not in time.
    pub async fn until(&self, patience: Duration, is_so: impl Fn(&Glance) -> bool) -> Result<Glance, String> {
        let mut glance = self.glance.clone();
        match timeout(patience, glance.wait_for(is_so)).await {
            Ok(Ok(glance)) => Ok(*glance),
            Ok(Err(_)) => Err(format!("the page of {} is gone", self.who)),
            Err(_) => Err(format!("{} is not there in time: {:?}", self.who, self.glance())),
        }
    }
}
