//! `--listen`: a port, an address, a name, or two of them.
//!
//! In: what somebody wrote. Out: the addresses to listen on, all of them on this machine unless one was written that is not. A port
//! alone is this machine's, as `localhost` is: both loopbacks. Never: listens (that is [`cloud::start`]).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use cloud::listening::localhost;
use cloud::server::PORT;

/// Where to listen, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// Both loopbacks.
    Local,
    Address(IpAddr),
    Name(String),
}

/// What to write instead.
#[derive(Debug, PartialEq, Eq)]
pub struct NoAddress(String);

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoAddress {}

impl NoAddress {
    fn other(text: &str) -> Self {
        let forms = format!("write a port, or HOST:PORT: {PORT}, localhost:{PORT}, 127.0.0.1:{PORT} or [::1]:{PORT}");
        Self(match text.split_once("://") {
            Some((_, rest)) => format!("{forms}; without a scheme, such as `{}`", rest.trim_end_matches('/')),
            None if text.starts_with('*') => format!("{forms}; for every address, 0.0.0.0:{PORT} with --allow-remote"),
            None => forms,
        })
    }

    fn port(text: &str) -> Self {
        Self(format!("write a port of 0 to 65535 instead of `{text}`; 0 takes a free one"))
    }
}

impl FromStr for Listen {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self { host: Host::Local, port: port(text)? });
        }
        // An IPv6 address has colons of its own: in brackets, or before the last one, which then is the port's.
        let (host, port_text) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, after)) => (host, Some(after.strip_prefix(':').ok_or_else(|| NoAddress::other(text))?)),
                None => return Err(NoAddress::other(text)),
            },
            None => match text.rsplit_once(':') {
                Some((before, _)) if before.contains(':') && !is_v6(before) => (text, None),
                Some((before, after)) => (before, Some(after)),
                None => (text, None),
            },
        };
        let host = if text.starts_with('[') && !is_v6(host) { None } else { host_of(host, port_text.is_some()) };
        let host = host.ok_or_else(|| NoAddress::other(text))?;
        Ok(Self { host, port: port_text.map_or(Ok(PORT), port)? })
    }
}

fn is_v6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

fn port(text: &str) -> Result<u16, NoAddress> {
    text.parse().map_err(|_| NoAddress::port(text))
}

fn host_of(text: &str, may_be_empty: bool) -> Option<Host> {
    if let Ok(address) = text.parse() {
        return Some(Host::Address(address));
    }
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return (text.is_empty() && may_be_empty).then_some(Host::Local);
    }
    // "The domain localhost. and any names falling within .localhost." <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
    if name == "localhost" || name.ends_with(".localhost") {
        return Some(Host::Local);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_name = name.chars().all(plain) && name.chars().any(|c| c.is_ascii_alphabetic());
    is_name.then_some(Host::Name(name))
}

impl Listen {
    /// The addresses that are meant.
    ///
    /// # Errors
    /// When the name is not known here: which, and why.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, (&str, std::io::Error)> {
        match &self.host {
            Host::Local => Ok(localhost(self.port)),
            Host::Address(address) => Ok(vec![SocketAddr::new(*address, self.port)]),
            Host::Name(name) => {
                let mut found: Vec<SocketAddr> =
                    (name.as_str(), self.port).to_socket_addrs().map_err(|error| (name.as_str(), error))?.collect();
                found.sort();
                found.dedup();
                Ok(found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn addresses(text: &str) -> Vec<String> {
        let listen: Listen = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        listen.addresses().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_port_alone_and_localhost_are_both_loopbacks() {
        for text in ["4570", ":4570", "localhost:4570", "LOCALHOST:4570", "localhost.:4570", "aws.localhost:4570"] {
            assert_eq!(addresses(text), ["127.0.0.1:4570", "[::1]:4570"], "{text}");
        }
        assert_eq!(addresses("localhost"), ["127.0.0.1:4566", "[::1]:4566"]);
        assert_eq!(addresses("0"), ["127.0.0.1:0", "[::1]:0"]);
    }

    #[test]
    fn an_address_is_that_address_with_brackets_or_without() {
        for (text, address) in [
            ("127.0.0.1:4570", "127.0.0.1:4570"),
            ("127.0.0.1", "127.0.0.1:4566"),
            ("[::1]:4570", "[::1]:4570"),
            ("::1:4570", "[::1]:4570"),
            ("::1", "[::1]:4566"),
            ("[::1]", "[::1]:4566"),
            ("::", "[::]:4566"),
            ("fe80::1", "[fe80::1]:4566"),
            ("2001:db8::5:80", "[2001:db8::5]:80"),
            ("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:4566"),
            ("0.0.0.0:0", "0.0.0.0:0"),
        ] {
            assert_eq!(addresses(text), [address], "{text}");
        }
    }

    #[test]
    fn a_name_is_looked_up() {
        let named: Listen = "cloud.invalid:80".parse().unwrap();
        assert_eq!(named.addresses().unwrap_err().0, "cloud.invalid");
    }

    #[test]
    fn what_is_no_address_says_what_to_write() {
        let says = |text: &str| text.parse::<Listen>().unwrap_err().to_string();
        for text in ["", ":", "a b:1", "[::1", "[::1]4570", "[localhost]:4570", "1.2.3:4", "::x:1", "/tmp/socket"] {
            assert!(says(text).contains("[::1]:4566") || says(text).contains("0 to 65535"), "{text}: {}", says(text));
        }
        assert!(says("http://localhost:4570/").ends_with("such as `localhost:4570`"));
        assert!(says("*:4570").contains("0.0.0.0:4566 with --allow-remote"));
        for text in ["65536", "localhost:65536", "localhost:x", "127.0.0.1:"] {
            assert!(says(text).starts_with("write a port of 0 to 65535 instead of `"), "{text}: {}", says(text));
        }
    }
}
