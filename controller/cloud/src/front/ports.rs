//! Which ports of this machine stand for what: each listener, and each Redis, keeps the one that it was given.
//!
//! The first choice follows from the name alone, so that the same calls get the same ports after a restart; who finds it taken
//! gets the next free one. This is the one place where they are kept, in a file where the cloud is. Never: opens any.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use simulator::entropy::Prng;

use crate::listening;

/// The first port, and how many there are.
const FIRST: u16 = 20_000;
const PORTS: u16 = 10_000;
/// Ports that are tried.
const TRIES_MAX: u16 = 1_000;

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ports {
    /// By whose it is: a listener's ARN, or [`redis`].
    kept: BTreeMap<String, u16>,
    /// Whose are open now.
    #[serde(skip)]
    open: BTreeSet<String>,
    /// Whose were open since the start.
    #[serde(skip)]
    bound: BTreeSet<String>,
    /// Where they are kept over a restart.
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// What a region's Redis is called here.
pub fn redis(region: &str, seed: u64) -> String {
    format!("redis/{region}/{seed}")
}

impl Ports {
    /// Those that the file has, which is written whenever they change. Without it each has its first choice again.
    pub fn in_file(path: PathBuf) -> Self {
        let kept = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(std::io::Error::from),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        };
        let ports = kept.unwrap_or_else(|error| {
            tracing::warn!(%error, path = %path.display(), "addresses are not known, and chosen anew");
            Self::default()
        });
        Self { file: Some(path), ..ports }
    }

    /// Replaces the file whole, so that a kill leaves the one or the other.
    fn save(&self) {
        let Some(path) = &self.file else { return };
        let new = path.with_extension("new");
        let written = serde_json::to_vec(self).map_err(std::io::Error::from).and_then(|text| {
            std::fs::write(&new, text)?;
            std::fs::rename(&new, path)
        });
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "addresses are not kept over a restart");
        }
    }

    /// Where whoever is called that can be reached, while it can.
    pub fn address(&self, whose: &str) -> Option<SocketAddr> {
        let port = self.kept.get(whose).filter(|_| self.open.contains(whose))?;
        Some(at(*port))
    }

    /// Where that port is or will be, open or not.
    pub fn kept(&self, whose: &str) -> Option<SocketAddr> {
        self.kept.get(whose).map(|port| at(*port))
    }

    /// Binds the port of whoever is called that, on each loopback: its own, or one that it keeps from now on.
    ///
    /// # Errors
    /// When its own is taken by somebody else, or no other is free.
    pub(crate) fn bind(&mut self, whose: &str) -> std::io::Result<Vec<TcpListener>> {
        let listeners = match self.kept.get(whose) {
            // It was given to somebody else while nothing was served here.
            Some(port) => bind(*port).or_else(|error| {
                let is_new = error.kind() == std::io::ErrorKind::AddrInUse && !self.bound.contains(whose);
                if is_new { self.bind_any(whose) } else { Err(error) }
            })?,
            None => self.bind_any(whose)?,
        };
        self.bound.insert(whose.to_owned());
        let port = listeners[0].local_addr()?.port();
        if self.kept.insert(whose.to_owned(), port) != Some(port) {
            self.save();
        }
        self.open.insert(whose.to_owned());
        Ok(listeners)
    }

    /// It is not open any more.
    pub(crate) fn close(&mut self, whose: &str) {
        self.open.remove(whose);
    }

    /// Those of others are free: they are gone for good.
    pub(crate) fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        let before = self.kept.len();
        self.kept.retain(|whose, _| stays(whose));
        if self.kept.len() < before {
            self.save();
        }
        self.open.retain(|whose| self.kept.contains_key(whose));
    }

    fn bind_any(&self, whose: &str) -> std::io::Result<Vec<TcpListener>> {
        let first = preferred(whose);
        let taken: BTreeSet<u16> = self.kept.values().copied().collect();
        let tries = (0..TRIES_MAX).map(|by| FIRST + (first - FIRST + by) % PORTS).filter(|port| !taken.contains(port));
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        for port in tries {
            match bind(port) {
                Ok(listeners) => return Ok(listeners),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// There is at least one of them.
fn bind(port: u16) -> std::io::Result<Vec<TcpListener>> {
    listening::bind(&listening::localhost(port)).map_err(|(_, error)| error)
}

/// Only this machine reaches it, whoever may reach the cloud itself.
fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn preferred(whose: &str) -> u16 {
    let seed = whose.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    FIRST + u16::try_from(Prng::new(seed).below(PORTS.into())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_port_is_kept_while_its_owner_lives_and_another_is_taken_where_it_is_not_free() {
        let whose = "arn:aws:elasticloadbalancing:us-east-2:1:listener/app/ports/1/2";
        let mut ports = Ports::default();
        let listeners = ports.bind(whose).unwrap();
        let address = ports.address(whose).unwrap();
        let mut others = Ports::default();
        let other = others.bind(whose).unwrap();
        assert_ne!(others.address(whose), Some(address), "it is taken");
        ports.close(whose);
        assert_eq!((ports.address(whose), ports.kept(whose)), (None, Some(address)));
        drop(listeners);
        let again = ports.bind(whose).unwrap();
        assert_eq!(ports.address(whose), Some(address));
        drop((again, other));
        ports.retain(|other| other != whose);
        assert_eq!((ports.kept(whose), ports.address(whose)), (None, None), "it is gone for good");
    }

    #[test]
    fn a_port_is_open_on_each_loopback_that_there_is() {
        let mut ports = Ports::default();
        let bound = ports.bind("arn:aws:elasticloadbalancing:us-east-2:1:listener/app/both/1/2").unwrap();
        let addresses: Vec<SocketAddr> = bound.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let has_v6 = TcpListener::bind("[::1]:0").is_ok();
        let wanted = crate::listening::localhost(addresses[0].port());
        assert_eq!(addresses, wanted[..if has_v6 { 2 } else { 1 }]);
    }

    #[test]
    fn the_ports_of_a_file_are_the_same_after_a_restart_though_they_were_no_first_choice() {
        let whose = "arn:aws:elasticloadbalancing:us-east-2:1:listener/app/filed/1/2";
        let file = tempfile::tempdir().unwrap().keep().join("addresses.json");
        let mut others = Ports::default();
        let other = others.bind(whose).unwrap();
        let mut ports = Ports::in_file(file.clone());
        drop((ports.bind(whose).unwrap(), other));
        let mut again = Ports::in_file(file.clone());
        assert_eq!((again.kept(whose), again.address(whose)), (ports.kept(whose), None));
        assert_ne!(again.kept(whose), others.kept(whose));
        let stranger = TcpListener::bind(again.kept(whose).unwrap()).unwrap();
        let mut elsewhere = Ports::in_file(file.clone());
        elsewhere.bind(whose).unwrap();
        assert_ne!(elsewhere.address(whose), stranger.local_addr().ok(), "somebody else has it by now");
        again.retain(|_| false);
        assert_eq!(Ports::in_file(file.clone()).kept(whose), None);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Ports::in_file(file).kept(whose), None, "damage costs the addresses, and nothing else");
    }
}
