//! The application that every instance runs: a page with a session's counter, and `/health`.
//!
//! Its sessions are in the instance's own memory, and lost with it, or in the Redis that all share, as user data says
//! (docs/cloud.md). Whether it is there at all, or broken, is the simulator's matter. Never: knows of load balancers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crds_schema::SpecDuration;
use serde_json::json;
use simulator::cloud::BuiltIn;
use simulator::cloud::traffic::{Table, Target};
use simulator::entropy::Prng;

use crate::redis::Redis;

/// The cookie that a session is known by.
const COOKIE: &str = "session";
/// Sessions in one instance's memory; the oldest go first.
const SESSIONS_MAX: usize = 10_000;
/// How long Redis keeps one that nobody uses.
const KEEPS: Duration = Duration::from_secs(24 * 3600);
/// Longest that a request may ask to be kept waiting.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(3600);

/// What the instances of a region have in their memories.
#[derive(Debug)]
pub(crate) struct Applications {
    chance: Prng,
    memories: BTreeMap<String, Memory>,
}

/// What one instance has in its memory.
#[derive(Debug, Default)]
struct Memory {
    /// Since when it runs; what it had before is lost.
    run: Duration,
    counts: BTreeMap<String, u64>,
    /// Oldest first.
    order: VecDeque<String>,
}

/// A request, as it reaches the application.
pub(crate) struct Arrived<'a> {
    pub path: &'a str,
    /// The session that its client says it is in.
    pub session: Option<&'a str>,
    pub forwarded_for: Option<&'a str>,
    pub forwarded_port: u16,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub status: u16,
    pub body: String,
    /// Name and value of a cookie that it sets.
    pub cookie: Option<(&'static str, String)>,
}

/// The cookie that a session is known by.
pub(crate) fn session_of<'a>(cookie: impl Fn(&'static str) -> Option<&'a str>) -> Option<&'a str> {
    // As the application makes them; what else there may be is none of its sessions.
    cookie(COOKIE).filter(|session| session.len() == 16 && session.chars().all(|c| c.is_ascii_hexdigit()))
}

/// How long a request asks to be kept waiting, of the cloud's time: `?wait=5s`.
pub(crate) fn waits(query: &str) -> Duration {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("wait="));
    let asked = asked.and_then(|text| SpecDuration::try_from(text.to_owned()).ok());
    asked.map_or(Duration::ZERO, |wait| Duration::from_secs(wait.as_secs())).min(WAIT_MAX)
}

impl Page {
    /// That of a broken application.
    pub fn broken(status: u16) -> Self {
        Self { status, body: json!({ "error": "the application is broken" }).to_string(), cookie: None }
    }
}

impl Applications {
    /// Those of a region where nothing runs yet.
    pub fn new(seed: u64) -> Self {
        Self { chance: Prng::new(seed), memories: BTreeMap::new() }
    }

    /// Forgets what was in the memory of who does not run any more, or runs anew.
    pub fn adopt(&mut self, table: &Table) {
        self.memories.retain(|instance, memory| table.runs_since(instance) == Some(memory.run));
    }

    /// What an instance's application answers at that time; `redis` is absent while it is down.
    pub fn answer(&mut self, target: &Target, redis: Option<&mut Redis>, asked: &Arrived<'_>, now: Duration) -> Page {
        let built_in = target.built_in();
        let status = built_in.status(asked.path, redis.is_none());
        if status != 200 {
            return Page { status, ..Page::failed("the sessions are out of reach") };
        }
        let instance = target.instance().unwrap_or_default();
        if BuiltIn::is_health(asked.path) {
            let body = json!({ "status": "ok", "instance": instance }).to_string();
            return Page { status, body, cookie: None };
        }
        let (store, counted) = match redis.filter(|_| built_in.shares_sessions()) {
            Some(redis) => ("redis", self.count_in_redis(redis, asked.session, now)),
            None => ("memory", Some(self.count_in_memory(instance, target.run(), asked.session))),
        };
        let Some((session, count)) = counted else { return Page::failed("the sessions cannot be written") };
        let body = json!({
            "instance": instance,
            "image": target.image(),
            "session": session,
            "count": count,
            "store": store,
            "forwardedFor": asked.forwarded_for,
            "forwardedProto": "http",
            "forwardedPort": asked.forwarded_port,
        });
        let is_new = asked.session != Some(session.as_str());
        Page { status, body: body.to_string(), cookie: is_new.then_some((COOKIE, session)) }
    }

    /// The session, or a new one where it is not known, and how often it was asked for.
    fn count_in_memory(&mut self, instance: &str, run: Duration, session: Option<&str>) -> (String, u64) {
        if self.memories.get(instance).is_none_or(|memory| memory.run != run) {
            self.memories.insert(instance.to_owned(), Memory { run, ..Memory::default() });
        }
        let Some(memory) = self.memories.get_mut(instance) else { return (String::new(), 0) };
        if let Some(session) = session
            && let Some(count) = memory.counts.get_mut(session)
        {
            *count += 1;
            return (session.to_owned(), *count);
        }
        let session = self.chance.hex(16);
        memory.counts.insert(session.clone(), 1);
        memory.order.push_back(session.clone());
        if memory.order.len() > SESSIONS_MAX
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.counts.remove(&oldest);
        }
        (session, 1)
    }

    fn count_in_redis(&mut self, redis: &mut Redis, session: Option<&str>, now: Duration) -> Option<(String, u64)> {
        let key = |session: &str| format!("session:{session}");
        let known = session.filter(|session| redis.has(&key(session), now));
        let session = known.map_or_else(|| self.chance.hex(16), str::to_owned);
        let count = redis.count(&key(&session), KEEPS, now)?;
        Some((session, count))
    }
}

impl Page {
    fn failed(why: &str) -> Self {
        Self { status: 500, body: json!({ "error": why }).to_string(), cookie: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_keeps_the_newest_sessions_and_is_lost_with_a_run() {
        let mut applications = Applications::new(1);
        let run = Duration::from_secs(17);
        let (first, _) = applications.count_in_memory("i-1", run, None);
        assert_eq!(applications.count_in_memory("i-1", run, Some(&first)), (first.clone(), 2));
        for _ in 0..SESSIONS_MAX {
            applications.count_in_memory("i-1", run, None);
        }
        assert_eq!(applications.memories["i-1"].counts.len(), SESSIONS_MAX);
        let (second, count) = applications.count_in_memory("i-1", run, Some(&first));
        assert!(second != first && count == 1, "it was the oldest");
        let (third, count) = applications.count_in_memory("i-1", Duration::from_secs(99), Some(&second));
        assert!(third != second && count == 1 && applications.memories["i-1"].counts.len() == 1, "it runs anew");
        assert!(applications.count_in_memory("i-2", run, Some(&second)).0 != second, "it is another instance's");
    }

    #[test]
    fn a_request_waits_no_longer_than_it_may() {
        let seconds =
            [waits("a=1&wait=5s"), waits("wait=9h"), waits("wait=soon"), waits("")].map(|wait| wait.as_secs());
        assert_eq!(seconds, [5, 3600, 0, 0]);
    }
}
