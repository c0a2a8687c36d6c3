//! The Redis that the instances of a region share: texts that expire, under the commands that sessions need.
//!
//! Its time is the cloud's. Bounded: a full one gives up what expires soonest, as one with `maxmemory-policy volatile-ttl` does
//! (<https://redis.io/docs/latest/develop/reference/eviction/>), and refuses what is left. Never: listens (that is
//! [`serve`]), or knows what an instance is. What it does not know it refuses by name. Commands: <https://redis.io/docs/latest/commands/>.

mod command;
mod resp;
pub(crate) mod serve;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(crate) use command::Client;
pub(crate) use resp::Reply;

/// Bytes of keys and values together.
const BYTES_MAX: usize = 64 << 20;
/// What an entry takes besides its key and its value, roughly.
const ENTRY_BYTES: usize = 96;
/// Databases, as many as Redis has unless it is told otherwise.
pub(crate) const DATABASES: u8 = 16;

type Key = (u8, Vec<u8>);

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    until: Option<Duration>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Redis {
    entries: BTreeMap<Key, Entry>,
    /// By when, soonest first.
    expiring: BTreeSet<(Duration, Key)>,
    bytes: usize,
}

/// There is no room, and nothing that could make room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Redis {
    /// Forgets what has expired.
    fn expire(&mut self, now: Duration) {
        while let Some((until, key)) = self.expiring.first().filter(|(until, _)| *until <= now) {
            let (until, key) = (*until, key.clone());
            self.expiring.remove(&(until, key.clone()));
            self.remove(&key);
        }
    }

    fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    fn set(&mut self, key: Key, value: Vec<u8>, until: Option<Duration>) -> Result<(), Full> {
        let (needs, has) = (size(&key, &value), self.get(&key).map_or(0, |entry| size(&key, &entry.value)));
        while self.bytes - has + needs > BYTES_MAX {
            let others = self.expiring.iter().find(|(_, other)| *other != key);
            let (_, soonest) = others.cloned().ok_or(Full)?;
            self.remove(&soonest);
        }
        self.remove(&key);
        self.bytes += needs;
        self.expiring.extend(until.map(|until| (until, key.clone())));
        self.entries.insert(key, Entry { value, until });
        Ok(())
    }

    fn remove(&mut self, key: &Key) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.bytes -= size(key, &entry.value);
        if let Some(until) = entry.until {
            self.expiring.remove(&(until, key.clone()));
        }
        true
    }

    /// Lets an entry expire then, or never. Whether there is one.
    fn set_until(&mut self, key: &Key, until: Option<Duration>) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        if let Some(before) = std::mem::replace(&mut entry.until, until) {
            self.expiring.remove(&(before, key.clone()));
        }
        self.expiring.extend(until.map(|until| (until, key.clone())));
        true
    }

    /// Adds to a number, 0 if there is none. `Err`: what is there is no number, or it would be too large.
    fn add(&mut self, key: Key, by: i64) -> Result<i64, &'static str> {
        let before = match self.entries.get(&key) {
            None => 0,
            Some(entry) => {
                let text = std::str::from_utf8(&entry.value).ok();
                text.and_then(|text| text.parse::<i64>().ok()).ok_or("ERR value is not an integer or out of range")?
            }
        };
        let sum = before.checked_add(by).ok_or("ERR increment or decrement would overflow")?;
        let until = self.entries.get(&key).and_then(|entry| entry.until);
        self.set(key, sum.to_string().into_bytes(), until).map_err(|Full| command::FULL)?;
        Ok(sum)
    }

    /// Whether a session is known.
    pub fn has(&mut self, key: &str, now: Duration) -> bool {
        self.expire(now);
        self.entries.contains_key(&(0, key.as_bytes().to_vec()))
    }

    /// Counts one more, and keeps the count for a while from now on. `None`: it cannot.
    pub fn count(&mut self, key: &str, keeps: Duration, now: Duration) -> Option<u64> {
        self.expire(now);
        let key = (0, key.as_bytes().to_vec());
        let count = self.add(key.clone(), 1).ok()?;
        self.set_until(&key, Some(now + keeps));
        u64::try_from(count).ok()
    }
}

fn size(key: &Key, value: &[u8]) -> usize {
    key.1.len() + value.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words of commands, and what may stand beside them.
    const WORDS: &[&str] = &[
        "PING",
        "GET",
        "SET",
        "SETEX",
        "PSETEX",
        "DEL",
        "EXISTS",
        "EXPIRE",
        "PEXPIRE",
        "PERSIST",
        "TTL",
        "PTTL",
        "INCR",
        "DECR",
        "INCRBY",
        "DECRBY",
        "DBSIZE",
        "FLUSHDB",
        "FLUSHALL",
        "SELECT",
        "HELLO",
        "CLIENT",
        "COMMAND",
        "INFO",
        "AUTH",
        "QUIT",
        "SETNAME",
        "GETNAME",
        "ID",
        "EX",
        "PX",
        "NX",
        "XX",
        "KEEPTTL",
        "a",
        "b",
        "0",
        "1",
        "2",
        "3",
        "-1",
        "",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616",
    ];

    fn command() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let word = prop_oneof![
            8 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
        ];
        proptest::collection::vec(word, 0..6)
    }

    fn sent(command: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for argument in command {
            bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    proptest! {
        #[test]
        fn any_commands_are_answered_and_what_is_kept_is_counted(
            commands in proptest::collection::vec((command(), 0..100_000_u64), 0..60)
        ) {
            let (mut redis, mut client, mut now) = (Redis::default(), Client::new(1), Duration::ZERO);
            for (command, passes) in commands {
                now += Duration::from_millis(passes);
                let bytes = sent(&command);
                prop_assert_eq!(resp::parse(&bytes), Ok(Some((command.clone(), bytes.len()))));
                let mut reply = Vec::new();
                redis.execute(&mut client, &command, now).write(client.third, &mut reply);
                prop_assert!(reply.ends_with(b"\r\n"));
                let held: usize = redis.entries.iter().map(|(key, entry)| size(key, &entry.value)).sum();
                prop_assert_eq!(held, redis.bytes);
                let expiring = redis.entries.values().filter(|entry| entry.until.is_some()).count();
                prop_assert_eq!(expiring, redis.expiring.len());
            }
        }

        #[test]
        fn any_bytes_are_a_command_or_none_and_what_was_read_goes_no_further_than_they_do(
            bytes in proptest::collection::vec(prop_oneof![4 => proptest::sample::select(b"*$:\r\n0123456789-+ GETA".as_slice()), 1 => any::<u8>()], 0..200)
        ) {
            if let Ok(Some((_, took))) = resp::parse(&bytes) {
                prop_assert!(took <= bytes.len());
            }
        }
    }
}
