//! Where ports are bound: on both loopbacks at once where somebody means this machine by its name.
//!
//! `localhost` is 127.0.0.1 here and ::1 there, and some clients try only the one that they are told first. So what is to be found
//! under that name listens on both, on the same port. A machine without one of them is served on the other. Never: goes on where a
//! port is somebody else's, which clients would then talk to.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// How often a free port is chosen that another address has not free.
const TRIES_MAX: usize = 20;

/// What `localhost` means with that port.
pub fn localhost(port: u16) -> Vec<SocketAddr> {
    [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, port)).to_vec()
}

/// Binds that port on all of these addresses that this machine has; port 0 is one that is free on each of them.
///
/// # Errors
/// At which address it failed, and why: the port is taken, may not be had, or none of the addresses is there.
pub(crate) fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, Error)> {
    let mut tries = 1;
    loop {
        match bind_once(addresses) {
            Err((address, error))
                if error.kind() == ErrorKind::AddrInUse && address.port() == 0 && tries < TRIES_MAX =>
            {
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

fn bind_once(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, Error)> {
    let mut bound: Vec<TcpListener> = Vec::new();
    let mut absent = None;
    for address in addresses {
        let chosen = bound.first().map(TcpListener::local_addr).transpose().map_err(|error| (*address, error))?;
        let port = if address.port() == 0 { chosen.map_or(0, |chosen| chosen.port()) } else { address.port() };
        match TcpListener::bind(SocketAddr::new(address.ip(), port)) {
            Ok(listener) => {
                listener.set_nonblocking(true).map_err(|error| (*address, error))?;
                bound.push(listener);
            }
            Err(error) if is_absent(&error) => absent = absent.or(Some((*address, error))),
            Err(error) => return Err((*address, error)),
        }
    }
    match absent {
        Some(failed) if bound.is_empty() => Err(failed),
        Some(_) | None => Ok(bound),
    }
}

/// Whether there is no such address, or no such family, rather than no room at it.
fn is_absent(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn localhost_is_one_port_on_both_loopbacks_or_on_that_which_there_is() {
        let bound = bind(&localhost(0)).unwrap();
        let ports: Vec<u16> = bound.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port > 0), "{ports:?}");
        let has_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        assert_eq!(bound.len(), if has_v6 { 2 } else { 1 });
        for listener in &bound {
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        }
    }

    #[test]
    fn an_address_that_is_not_there_is_passed_over_unless_it_is_the_only_one() {
        // For documentation only: no machine has it. <https://www.rfc-editor.org/rfc/rfc5737>
        let nowhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = bind(&[nowhere, here]).unwrap();
        assert_eq!(bound.len(), 1);
        assert!(bound[0].local_addr().unwrap().ip().is_loopback());
        assert_eq!(bind(&[nowhere]).unwrap_err().0, nowhere);
    }

    #[test]
    fn a_port_that_is_taken_on_one_of_them_is_taken() {
        let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        let taken = other.local_addr().unwrap();
        let (address, error) = bind(&localhost(taken.port())).unwrap_err();
        assert_eq!((address.port(), error.kind()), (taken.port(), ErrorKind::AddrInUse));
    }
}
