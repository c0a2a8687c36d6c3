//! What user data says about the built-in application of an instance: lines `KEY=VALUE`, anywhere in it.
//!
//! What is not said, or cannot be read, is as if nothing were said: user data is never refused for its content
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>). How it answers besides is in [`super::apps`].

use std::time::Duration;

use crds_schema::SpecDuration;

/// What all keys begin with.
const PREFIX: &str = "UNDERSTUDY_APP_";
/// Longest that it boots.
const BOOT_MAX: Duration = Duration::from_secs(24 * 3600);
/// The path that says whether it is well; every other one is its page.
const HEALTH: &str = "/health";

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BuiltIn {
    /// From `running` until it listens, unless that is the image's matter.
    boot: Option<Duration>,
    shared_sessions: bool,
    deep_health: bool,
}

impl BuiltIn {
    /// As that user data has it.
    pub(crate) fn of(user_data: Option<&[u8]>) -> Self {
        let mut built_in = Self::default();
        let Some(data) = user_data else { return built_in };
        let text = String::from_utf8_lossy(data);
        for line in text.lines().filter(|line| line.contains(PREFIX)) {
            let Some((before, said)) = line.split_once(PREFIX) else { continue };
            // What is a part of a longer name, or a comment, says nothing.
            if !["", "export"].contains(&before.trim()) {
                continue;
            }
            if let Some((key, value)) = said.split_once('=') {
                let value = value.trim_matches(|c: char| c.is_whitespace() || "\"';".contains(c));
                built_in.set(key, value);
            }
        }
        built_in
    }

    fn set(&mut self, key: &str, value: &str) {
        match (key, value) {
            ("BOOT", value) => {
                let boot = SpecDuration::try_from(value.to_owned()).ok();
                self.boot = boot.map(|boot| Duration::from_secs(boot.as_secs()).min(BOOT_MAX)).or(self.boot);
            }
            ("SESSIONS", "redis" | "memory") => self.shared_sessions = value == "redis",
            ("HEALTH", "deep" | "shallow") => self.deep_health = value == "deep",
            _ => {}
        }
    }

    /// From `running` until it listens, if user data says it.
    pub fn boot(self) -> Option<Duration> {
        self.boot
    }

    /// Whether its sessions are in the Redis that all instances share, not in its own memory.
    pub fn shares_sessions(self) -> bool {
        self.shared_sessions
    }

    /// Whether that path is its health's. A query is no part of it.
    pub fn is_health(path: &str) -> bool {
        path.split('?').next() == Some(HEALTH)
    }

    /// The status of its answer on that path while that Redis answers, or does not.
    pub fn status(self, path: &str, redis_down: bool) -> u16 {
        let asks_redis = self.shared_sessions && (self.deep_health || !Self::is_health(path));
        if asks_redis && redis_down { 500 } else { 200 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_says_it_in_a_script_and_is_taken_as_silent_where_it_cannot_be_read() {
        let script = "#!/bin/sh\nexport UNDERSTUDY_APP_BOOT=20s\n  UNDERSTUDY_APP_SESSIONS=\"redis\"\nUNDERSTUDY_APP_HEALTH=deep\n";
        let said = BuiltIn::of(Some(script.as_bytes()));
        assert_eq!((said.boot(), said.shares_sessions()), (Some(Duration::from_secs(20)), true));
        assert_eq!((said.status("/health", true), said.status("/health", false)), (500, 200));
        let odd = b"\xff\nUNDERSTUDY_APP_BOOT=soon\nMY_UNDERSTUDY_APP_SESSIONS=redis\nUNDERSTUDY_APP_HEALTH=no\n# UNDERSTUDY_APP_HEALTH=deep\n";
        assert_eq!(BuiltIn::of(Some(odd)), BuiltIn::default());
        assert_eq!(BuiltIn::of(None), BuiltIn::default());
    }

    #[test]
    fn only_a_page_that_needs_redis_fails_without_it() {
        let shallow = BuiltIn::of(Some(b"UNDERSTUDY_APP_SESSIONS=redis"));
        assert_eq!((shallow.status("/", true), shallow.status("/health?x=1", true)), (500, 200));
        assert_eq!(BuiltIn::default().status("/", true), 200);
    }
}
