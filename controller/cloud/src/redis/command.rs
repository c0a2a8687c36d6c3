//! What each command does. <https://redis.io/docs/latest/commands/>

use std::time::Duration;

use super::{DATABASES, Full, Key, Redis, Reply};

pub(super) const FULL: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const SYNTAX: &str = "ERR syntax error";
const NO_INTEGER: &str = "ERR value is not an integer or out of range";

/// Who sends commands over one connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    number: u64,
    database: u8,
    name: Vec<u8>,
    /// Whether it speaks the third version of the protocol.
    pub third: bool,
    /// Whether it has said goodbye.
    pub leaves: bool,
}

type Outcome = Result<Reply, String>;

/// How a SET is meant.
#[derive(Debug, Default)]
struct SetOptions {
    lasts: Option<Duration>,
    keeps: bool,
    only_new: bool,
    only_present: bool,
    returns_old: bool,
}

impl Redis {
    /// Does a command, whose name comes first.
    pub fn execute(&mut self, client: &mut Client, arguments: &[Vec<u8>], now: Duration) -> Reply {
        self.expire(now);
        let Some((name, rest)) = arguments.split_first() else { return Reply::Error("ERR empty command".into()) };
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        self.dispatch(client, &name, rest, now).unwrap_or_else(Reply::Error)
    }

    fn dispatch(&mut self, client: &mut Client, name: &str, rest: &[Vec<u8>], now: Duration) -> Outcome {
        let key = |key: &[u8]| (client.database, key.to_vec());
        match (name, rest) {
            ("PING", []) => Ok(Reply::Simple("PONG")),
            ("PING" | "ECHO", [text]) => Ok(Reply::Text(text.clone())),
            ("GET", [name]) => Ok(self.get(&key(name)).map_or(Reply::Null, |entry| Reply::Text(entry.value.clone()))),
            ("SET", [name, value, options @ ..]) => {
                let options = SetOptions::read(options)?;
                self.set_as(key(name), value, &options, now)
            }
            ("SETEX" | "PSETEX", [name_, seconds, value]) => {
                let lasts = lasting(seconds, name == "PSETEX")?;
                self.set(key(name_), value.clone(), Some(now + lasts)).map_err(|Full| FULL.to_owned())?;
                Ok(Reply::Simple("OK"))
            }
            ("DEL" | "UNLINK", [_, ..]) => Ok(count(rest.iter().filter(|name| self.remove(&key(name))).count())),
            ("EXISTS", [_, ..]) => Ok(count(rest.iter().filter(|name| self.get(&key(name)).is_some()).count())),
            ("EXPIRE" | "PEXPIRE", [name_, text]) => {
                let until = integer(text)?;
                let unit = if name == "PEXPIRE" { 1 } else { 1000 };
                Ok(self.expire_in(&key(name_), until.saturating_mul(unit), now))
            }
            ("PERSIST", [name]) => {
                let lasts = self.get(&key(name)).is_some_and(|entry| entry.until.is_some());
                Ok(Reply::Integer((lasts && self.set_until(&key(name), None)).into()))
            }
            ("TTL" | "PTTL", [name_]) => Ok(self.time_left(&key(name_), name == "PTTL", now)),
            ("INCR", [name]) => self.sum(key(name), 1),
            ("DECR", [name]) => self.sum(key(name), -1),
            ("INCRBY", [name, by]) => self.sum(key(name), integer(by)?),
            ("DECRBY", [name, by]) => self.sum(key(name), integer(by)?.checked_neg().ok_or(NO_INTEGER)?),
            ("DBSIZE", []) => {
                Ok(count(self.entries.keys().filter(|(database, _)| *database == client.database).count()))
            }
            ("FLUSHDB" | "FLUSHALL", [] | [_]) => {
                let own = |key: &&Key| name == "FLUSHALL" || key.0 == client.database;
                let all: Vec<Key> = self.entries.keys().filter(own).cloned().collect();
                all.iter().for_each(|key| {
                    self.remove(key);
                });
                Ok(Reply::Simple("OK"))
            }
            _ => client.command(name, rest),
        }
    }

    fn set_as(&mut self, key: Key, value: &[u8], options: &SetOptions, now: Duration) -> Outcome {
        let (before, held) = self.get(&key).map_or((None, None), |entry| (Some(entry.value.clone()), entry.until));
        let is_set = !(options.only_new && before.is_some() || options.only_present && before.is_none());
        if is_set {
            let until = options.lasts.map(|lasts| now + lasts).or(held.filter(|_| options.keeps));
            self.set(key, value.to_vec(), until).map_err(|Full| FULL.to_owned())?;
        }
        Ok(match (options.returns_old, is_set) {
            (true, _) => before.map_or(Reply::Null, Reply::Text),
            (false, true) => Reply::Simple("OK"),
            (false, false) => Reply::Null,
        })
    }

    /// "A non-positive timeout will result in the key being deleted rather than expired."
    /// <https://redis.io/docs/latest/commands/expire/>
    fn expire_in(&mut self, key: &Key, millis: i64, now: Duration) -> Reply {
        let done = match u64::try_from(millis) {
            Ok(millis) if millis > 0 => self.set_until(key, Some(now + Duration::from_millis(millis))),
            Ok(_) | Err(_) => self.remove(key),
        };
        Reply::Integer(done.into())
    }

    /// -2: there is none; -1: it does not expire.
    fn time_left(&self, key: &Key, in_millis: bool, now: Duration) -> Reply {
        let Some(entry) = self.get(key) else { return Reply::Integer(-2) };
        let Some(until) = entry.until else { return Reply::Integer(-1) };
        let millis = until.saturating_sub(now).as_millis();
        let left = if in_millis { millis } else { (millis + 500) / 1000 };
        Reply::Integer(i64::try_from(left).unwrap_or(i64::MAX))
    }

    fn sum(&mut self, key: Key, by: i64) -> Outcome {
        Ok(Reply::Integer(self.add(key, by)?))
    }
}

impl Client {
    /// The one of that number, who has said nothing yet.
    pub fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// A command about the connection itself.
    fn command(&mut self, name: &str, rest: &[Vec<u8>]) -> Outcome {
        match (name, rest) {
            ("SELECT", [index]) => match integer(index)?.try_into() {
                Ok(index) if index < DATABASES => {
                    self.database = index;
                    Ok(Reply::Simple("OK"))
                }
                Ok(_) | Err(_) => Err("ERR DB index is out of range".into()),
            },
            ("HELLO", options) => self.hello(options),
            ("CLIENT", [sub, rest @ ..]) => self.about_client(&word(sub), rest),
            ("COMMAND", _) => Ok(Reply::List(Vec::new())),
            ("INFO", _) => {
                let text =
                    "# Server\r\nredis_version:7.1.0\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\n";
                Ok(Reply::Text(text.into()))
            }
            ("AUTH", _) => Err("ERR AUTH <password> called without any password configured for the default user. \
                                Are you sure your configuration is correct?"
                .into()),
            ("QUIT", []) => {
                self.leaves = true;
                Ok(Reply::Simple("OK"))
            }
            (known, _) if KNOWN.contains(&known) => {
                Err(format!("ERR wrong number of arguments for '{}' command", known.to_ascii_lowercase()))
            }
            _ => {
                let name: String = name.chars().take(128).collect();
                Err(format!("ERR unknown command '{name}': this one knows {}", KNOWN.join(", ")))
            }
        }
    }

    /// <https://redis.io/docs/latest/commands/hello/>
    fn hello(&mut self, options: &[Vec<u8>]) -> Outcome {
        if let Some((version, mut options)) = options.split_first() {
            let third = match version.as_slice() {
                b"2" => false,
                b"3" => true,
                _ => return Err("NOPROTO unsupported protocol version".into()),
            };
            while let Some((option, rest)) = options.split_first() {
                options = match (word(option).as_str(), rest) {
                    ("SETNAME", [name, rest @ ..]) => {
                        self.name.clone_from(name);
                        rest
                    }
                    ("AUTH", _) => return Err("WRONGPASS no passwords are configured here".into()),
                    _ => return Err(SYNTAX.into()),
                };
            }
            self.third = third;
        }
        Ok(Reply::Map(vec![
            ("server", Reply::Text("redis".into())),
            ("version", Reply::Text("7.1.0".into())),
            ("proto", Reply::Integer(if self.third { 3 } else { 2 })),
            ("id", Reply::Integer(i64::try_from(self.number).unwrap_or(i64::MAX))),
            ("mode", Reply::Text("standalone".into())),
            ("role", Reply::Text("master".into())),
            ("modules", Reply::List(Vec::new())),
        ]))
    }

    fn about_client(&mut self, sub: &str, rest: &[Vec<u8>]) -> Outcome {
        match (sub, rest) {
            ("SETNAME", [name]) => {
                self.name.clone_from(name);
                Ok(Reply::Simple("OK"))
            }
            ("GETNAME", []) => {
                Ok(Some(self.name.clone()).filter(|name| !name.is_empty()).map_or(Reply::Null, Reply::Text))
            }
            ("ID", []) => Ok(Reply::Integer(i64::try_from(self.number).unwrap_or(i64::MAX))),
            // What library a client uses makes no difference.
            ("SETINFO", [_, _]) => Ok(Reply::Simple("OK")),
            _ => Err(format!("ERR unknown subcommand or wrong number of arguments for '{}'", sub.to_ascii_lowercase())),
        }
    }
}

const KNOWN: &[&str] = &[
    "AUTH", "CLIENT", "COMMAND", "DBSIZE", "DECR", "DECRBY", "DEL", "ECHO", "EXISTS", "EXPIRE", "FLUSHALL", "FLUSHDB",
    "GET", "HELLO", "INCR", "INCRBY", "INFO", "PERSIST", "PEXPIRE", "PING", "PSETEX", "PTTL", "QUIT", "SELECT", "SET",
    "SETEX", "TTL", "UNLINK",
];

impl SetOptions {
    /// <https://redis.io/docs/latest/commands/set/>
    fn read(mut given: &[Vec<u8>]) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some((option, rest)) = given.split_first() {
            given = rest;
            match (word(option).as_str(), rest) {
                (unit @ ("EX" | "PX"), [length, rest @ ..]) if options.lasts.is_none() => {
                    options.lasts = Some(lasting(length, unit == "PX")?);
                    given = rest;
                }
                ("KEEPTTL", _) => options.keeps = true,
                ("NX", _) => options.only_new = true,
                ("XX", _) => options.only_present = true,
                ("GET", _) => options.returns_old = true,
                _ => return Err(SYNTAX.into()),
            }
        }
        let contradicts = options.only_new && options.only_present || options.keeps && options.lasts.is_some();
        if contradicts { Err(SYNTAX.into()) } else { Ok(options) }
    }
}

fn word(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_ascii_uppercase()
}

fn integer(text: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| NO_INTEGER.to_owned())
}

fn lasting(text: &[u8], in_millis: bool) -> Result<Duration, String> {
    let length = u64::try_from(integer(text)?).ok().filter(|length| *length > 0);
    let length = length.ok_or("ERR invalid expire time in 'set' command")?;
    Ok(if in_millis { Duration::from_millis(length) } else { Duration::from_secs(length) })
}

fn count(number: usize) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Desk {
        redis: Redis,
        client: Client,
        now: Duration,
    }

    impl Desk {
        fn ask(&mut self, line: &str) -> Reply {
            let arguments: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            self.redis.execute(&mut self.client, &arguments, self.now)
        }
    }

    fn desk() -> Desk {
        Desk { redis: Redis::default(), client: Client::default(), now: Duration::ZERO }
    }

    fn text(text: &str) -> Reply {
        Reply::Text(text.into())
    }

    #[test]
    fn what_expires_is_gone_by_the_clouds_time() {
        let mut desk = desk();
        assert_eq!(desk.ask("set a 1 EX 10"), Reply::Simple("OK"));
        assert_eq!((desk.ask("TTL a"), desk.ask("GET a")), (Reply::Integer(10), text("1")));
        desk.now = Duration::from_millis(9_900);
        assert_eq!((desk.ask("PTTL a"), desk.ask("INCR a")), (Reply::Integer(100), Reply::Integer(2)));
        desk.now = Duration::from_secs(10);
        assert_eq!((desk.ask("GET a"), desk.ask("TTL a")), (Reply::Null, Reply::Integer(-2)));
        assert_eq!((desk.ask("SET a 1"), desk.ask("TTL a")), (Reply::Simple("OK"), Reply::Integer(-1)));
        assert_eq!((desk.ask("EXPIRE a 5"), desk.ask("EXPIRE b 5")), (Reply::Integer(1), Reply::Integer(0)));
        assert_eq!((desk.ask("PERSIST a"), desk.ask("TTL a")), (Reply::Integer(1), Reply::Integer(-1)));
        assert_eq!((desk.ask("EXPIRE a 0"), desk.ask("EXISTS a")), (Reply::Integer(1), Reply::Integer(0)));
        assert_eq!((desk.redis.bytes, desk.redis.expiring.len()), (0, 0));
    }

    #[test]
    fn a_set_that_is_tied_to_a_condition_keeps_it() {
        let mut desk = desk();
        assert_eq!((desk.ask("SET a 1 XX"), desk.ask("SET a 1 NX PX 500")), (Reply::Null, Reply::Simple("OK")));
        assert_eq!((desk.ask("SET a 2 NX"), desk.ask("SET a 2 KEEPTTL GET")), (Reply::Null, text("1")));
        assert_eq!((desk.ask("GET a"), desk.ask("PTTL a")), (text("2"), Reply::Integer(500)));
        for bad in ["SET a 1 NX XX", "SET a 1 EX", "SET a 1 EX 1 PX 1", "SET a 1 LATER"] {
            assert_eq!(desk.ask(bad), Reply::Error(SYNTAX.into()), "{bad}");
        }
        assert!(matches!(desk.ask("SET a 1 EX 0"), Reply::Error(_)));
    }

    #[test]
    fn what_is_not_known_is_refused_and_databases_are_apart() {
        let mut desk = desk();
        assert_eq!((desk.ask("SET a x"), desk.ask("INCR a")), (Reply::Simple("OK"), Reply::Error(NO_INTEGER.into())));
        assert_eq!((desk.ask("SELECT 1"), desk.ask("GET a")), (Reply::Simple("OK"), Reply::Null));
        assert_eq!(desk.ask("SELECT 16"), Reply::Error("ERR DB index is out of range".into()));
        assert!(matches!(desk.ask("LPUSH a b"), Reply::Error(why) if why.starts_with("ERR unknown command 'LPUSH'")));
        assert!(matches!(desk.ask("GET"), Reply::Error(why) if why.contains("wrong number of arguments for 'get'")));
        assert!(matches!(desk.ask("HELLO 3 SETNAME me"), Reply::Map(_)) && desk.client.third);
        assert_eq!(desk.ask("CLIENT GETNAME"), text("me"));
    }

    #[test]
    fn a_full_one_gives_up_what_expires_soonest_and_refuses_what_is_left() {
        let mut desk = desk();
        let half = vec![b'x'; super::super::BYTES_MAX / 2 - 1000];
        let mut set = |name: &str, options: &[&str]| {
            let mut arguments = vec![b"SET".to_vec(), name.as_bytes().to_vec(), half.clone()];
            arguments.extend(options.iter().map(|word| word.as_bytes().to_vec()));
            desk.redis.execute(&mut desk.client, &arguments, Duration::ZERO)
        };
        assert_eq!((set("a", &["EX", "10"]), set("b", &["EX", "20"])), (Reply::Simple("OK"), Reply::Simple("OK")));
        assert_eq!((set("c", &[]), set("d", &[])), (Reply::Simple("OK"), Reply::Simple("OK")));
        assert_eq!(set("e", &[]), Reply::Error(FULL.into()));
        let left = ["a", "b", "c", "d"].map(|name| desk.ask(&format!("EXISTS {name}")));
        assert_eq!(left, [0, 0, 1, 1].map(Reply::Integer));
    }
}
