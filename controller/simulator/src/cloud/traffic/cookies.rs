//! The cookies that keep a client with its target or its group.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html>. A value says who and since when,
//! and cannot be read or made by others. "If the cookie can't be decoded", or names a target that is gone, draining or unhealthy,
//! another target is chosen, which the next cookie names.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::super::actions::Forward as ForwardAction;
use super::table::{Group, Sticky, Table};
use super::{Asked, Forward, Traffic};
use crate::clock::timestamp;
use crate::entropy::Prng;

/// The load balancer's own, for a target.
const BALANCER: &str = "AWSALB";
/// The same for requests from other sites.
const BALANCER_CORS: &str = "AWSALBCORS";
/// For a target, beside the application's own.
const APPLICATION: &str = "AWSALBAPP-0";
/// For a group.
const GROUP: &str = "AWSALBTG";
/// The same for requests from other sites.
const GROUP_CORS: &str = "AWSALBTGCORS";

/// What clients keep them for, however long they are valid: that "can't be configured".
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where a client is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub place: Option<usize>,
    /// Whether its cookies say that it is in a session.
    pub in_session: bool,
}

/// What a cookie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    group: u64,
    /// 0: that of a group.
    target: u64,
    /// In milliseconds since the clock's epoch.
    since: u64,
}

impl Traffic {
    /// The group that a client is to stay with, if its cookie says so and it is one of the action's still.
    pub(super) fn kept_group<'a>(
        &self,
        table: &'a Table,
        forward: &ForwardAction,
        asked: &Asked<'_>,
        now: Duration,
    ) -> Option<&'a Rc<Group>> {
        let lasts = Duration::from_secs(forward.sticky_seconds.unwrap_or(0).into());
        let said = self.said(asked, &[GROUP, GROUP_CORS], lasts, now)?;
        let groups = forward.groups.iter().filter_map(|(arn, _)| table.groups.get(arn));
        groups.into_iter().find(|group| group.mark == said.group && said.target == 0)
    }

    /// The target of that group that a client is to stay with.
    pub(super) fn kept_target(&self, group: &Group, asked: &Asked<'_>, now: Duration) -> Kept {
        let said = match &group.sticky {
            None => None,
            Some(Sticky::Balancer(lasts)) => self.said(asked, &[BALANCER_CORS, BALANCER], *lasts, now),
            // Both cookies must come back.
            Some(Sticky::Application(name, lasts)) => {
                asked.cookie(name).and_then(|_| self.said(asked, &[APPLICATION], *lasts, now))
            }
        };
        let Some(said) = said.filter(|said| said.group == group.mark) else { return Kept::default() };
        let place = group.serving.iter().find(|place| group.targets[**place].mark == said.target).copied();
        Kept { place, in_session: true }
    }

    /// What is to be set with the answer to a request that was forwarded. Clients keep it from `date` on, by their own clock; for how
    /// long it is valid is counted from `now`. `sets` says whether the application sets a cookie.
    pub fn cookies(
        &mut self,
        forward: &Forward,
        now: Duration,
        date: Timestamp,
        sets: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let (group, target) = (forward.group.mark, forward.target().mark);
        let since = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let mut cookies = Vec::new();
        let mut set = |names: &[&str], value: String| {
            let until = timestamp(date, KEPT).strftime("%a, %d %b %Y %H:%M:%S GMT");
            for name in names {
                let other_sites = if name.ends_with("CORS") { "; SameSite=None" } else { "" };
                cookies.push(format!("{name}={value}; Expires={until}; Path=/{other_sites}"));
            }
        };
        if forward.stays_with_group {
            set(&[GROUP, GROUP_CORS], self.seal(Said { group, target: 0, since }));
        }
        match &forward.group.sticky {
            None => {}
            Some(Sticky::Balancer(_)) => set(&[BALANCER, BALANCER_CORS], self.seal(Said { group, target, since })),
            Some(Sticky::Application(name, _)) if forward.in_session || sets(name) => {
                set(&[APPLICATION], self.seal(Said { group, target, since }));
            }
            Some(Sticky::Application(..)) => {}
        }
        cookies
    }

    /// What the first readable of these cookies says, unless it is too old by now.
    fn said(&self, asked: &Asked<'_>, names: &[&str], lasts: Duration, now: Duration) -> Option<Said> {
        let said = names.iter().filter_map(|name| asked.cookie(name)).find_map(|value| self.open(value))?;
        let age = now.checked_sub(Duration::from_millis(said.since))?;
        (age < lasts).then_some(said)
    }

    fn seal(&mut self, said: Said) -> String {
        let salt = self.chance.draw();
        let words = [said.group, said.target, said.since];
        let mut stream = Prng::new(self.secret ^ salt);
        let sealed = words.map(|word| word ^ stream.draw());
        let seal = self.check(salt, words);
        let all = [salt, sealed[0], sealed[1], sealed[2], seal].map(u64::to_be_bytes);
        STANDARD.encode(all.concat())
    }

    fn open(&self, value: &str) -> Option<Said> {
        let bytes = STANDARD.decode(value).ok().filter(|bytes| bytes.len() == 40)?;
        let word = |place: usize| {
            let bytes = bytes.get(place * 8..place * 8 + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let salt = word(0)?;
        let mut stream = Prng::new(self.secret ^ salt);
        let mut next = |place: usize| Some(word(place)? ^ stream.draw());
        let words = [next(1)?, next(2)?, next(3)?];
        (word(4)? == self.check(salt, words)).then(|| Said { group: words[0], target: words[1], since: words[2] })
    }

    fn check(&self, salt: u64, words: [u64; 3]) -> u64 {
        words.iter().fold(self.secret ^ salt.rotate_left(17), |sum, word| Prng::new(sum ^ word).draw())
    }
}
