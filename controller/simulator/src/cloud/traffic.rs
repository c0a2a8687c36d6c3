//! What a load balancer does with a request: which rule it meets, which target gets it, or how it is answered without one.
//!
//! In: a [`Table`] (what there is, as of an instant), a request, and what was given to whom before ([`Traffic`]). Out: a
//! [`Decision`]. Never: sends anything, waits, or looks at the world: whoever carries requests asks for a new table when the
//! [changes](SimCloud::changes) say so. Start at [`Traffic::decide`].
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/introduction.html>

mod answers;
mod choice;
mod cookies;
mod matching;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use aws_api::id::TargetGroupArn;

pub use answers::Answer;
pub use table::{Group, Listener, Meets, Table, Target};

use super::SimCloud;
use super::actions::{Does, Forward as ForwardAction};
use crate::entropy::Prng;
use choice::Load;

/// Addresses that `X-Forwarded-For` may have.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-463-issues>
const FORWARDED_MAX: usize = 30;

/// Bytes of a request line, and of a header: "16K per request line, 16K per single header".
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-400-issues>
const LINE_BYTES_MAX: usize = 16 << 10;

/// A request, as a load balancer looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its host, with or without a port.
    pub host: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Its query, empty if it has none.
    pub query: &'a str,
    /// Its headers, each name in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// Who sent it.
    pub source: IpAddr,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// The load balancer answers it by itself.
    Answer(Answer),
    /// A target gets it.
    Forward(Forward),
}

/// A request's way to a target.
#[derive(Debug, Clone)]
pub struct Forward {
    group: Rc<Group>,
    place: usize,
    /// Whether its client stays with the group.
    stays_with_group: bool,
    /// Whether it came with the cookies of an application's session that sticks to a target.
    in_session: bool,
}

/// What was given to whom so far, and the chance and the secret of a region's load balancers.
#[derive(Debug)]
pub struct Traffic {
    chance: Prng,
    secret: u64,
    loads: BTreeMap<TargetGroupArn, BTreeMap<(String, u16), Load>>,
}

impl Asked<'_> {
    /// Its headers of that name.
    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Whether one of its lines is longer than they may be.
    fn is_too_long(&self) -> bool {
        let request_line = self.method.len() + self.path.len() + self.query.len() + " ? HTTP/1.1".len();
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + ": ".len());
        headers.chain([request_line]).any(|bytes| bytes > LINE_BYTES_MAX)
    }

    /// The host without its port.
    fn hostname(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            Some(_) | None => self.host,
        }
    }

    /// What it has in a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.header("cookie").flat_map(|header| header.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(own, _)| *own == name).map(|(_, value)| value)
    }
}

impl Forward {
    /// The target that gets it.
    pub fn target(&self) -> &Target {
        &self.group.targets[self.place]
    }

    /// The group that the target is in.
    pub fn group(&self) -> &Group {
        &self.group
    }
}

impl Traffic {
    /// That of a region in which nothing was sent yet.
    pub fn new(seed: u64) -> Self {
        let secret = Prng::new(seed ^ 0x636f_6f6b_6965_7300).draw();
        Self { chance: Prng::new(seed ^ 0x7472_6166_6669_6300), secret, loads: BTreeMap::new() }
    }

    /// Decides about a request. One that is forwarded is under way until it is [`done`](Self::done).
    pub fn decide(&mut self, table: &Table, listener: &Listener, asked: &Asked<'_>, now: Duration) -> Decision {
        // "The client used the TRACE method, which is not supported by Application Load Balancers."
        if asked.method == "TRACE" {
            return Decision::Answer(Answer::page(405));
        }
        if asked.is_too_long() {
            return Decision::Answer(Answer::page(400));
        }
        let addresses = asked.header("x-forwarded-for").flat_map(|header| header.split(','));
        if addresses.count() > FORWARDED_MAX {
            return Decision::Answer(Answer::page(463));
        }
        let action = listener.action(asked);
        match &action.does {
            Does::Redirect(redirect) => Decision::Answer(Answer::redirect(redirect, listener, asked)),
            Does::Respond(fixed) => Decision::Answer(Answer::fixed(fixed)),
            Does::Forward(forward) => {
                let group = self.group(table, forward, asked, now);
                let chosen = group.and_then(|group| self.target(group, asked, now));
                match chosen {
                    Some(chosen) => Decision::Forward(Forward { stays_with_group: forward.sticky, ..chosen }),
                    // "The target groups for the load balancer have no registered targets, or all of the registered targets
                    // are in an unused state." They are not looked for in another group.
                    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-503-issues>
                    None => Decision::Answer(Answer::page(503)),
                }
            }
        }
    }

    /// A request that was forwarded is under way no more.
    pub fn done(&mut self, forward: &Forward) {
        let load = self.loads.get_mut(&forward.group.arn).and_then(|loads| loads.get_mut(&forward.target().key));
        if let Some(load) = load {
            load.underway = load.underway.saturating_sub(1);
        }
    }

    /// Forgets who is not in a new table any more; who gets no requests now starts anew when it gets some again.
    pub fn adopt(&mut self, table: &Table) {
        self.loads.retain(|arn, loads| {
            let group = table.groups.get(arn);
            loads.retain(|key, load| {
                let place = group.and_then(|group| group.targets.iter().position(|target| target.key == *key));
                let serves = place.is_some_and(|place| group.is_some_and(|group| group.serving.contains(&place)));
                if !serves {
                    load.credit = 0;
                }
                place.is_some() || load.underway > 0
            });
            !loads.is_empty()
        });
    }

    /// The group by its weight, or the one that the client stays with, be its weight 0 by now.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#forward-actions>
    fn group<'a>(
        &mut self,
        table: &'a Table,
        forward: &ForwardAction,
        asked: &Asked<'_>,
        now: Duration,
    ) -> Option<&'a Rc<Group>> {
        if forward.sticky
            && let Some(group) = self.kept_group(table, forward, asked, now)
        {
            return Some(group);
        }
        if let [(only, weight)] = forward.groups.as_slice() {
            return table.groups.get(only).filter(|_| *weight > 0);
        }
        let all: u64 = forward.groups.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut drawn = self.chance.below(all);
        for (arn, weight) in &forward.groups {
            match drawn.checked_sub((*weight).into()) {
                Some(rest) => drawn = rest,
                None => return table.groups.get(arn),
            }
        }
        None
    }
}

impl SimCloud {
    /// How often what there is became another. A table made before the last time is out of date; so is one after a while.
    pub fn changes(&self) -> u64 {
        self.catch_up();
        self.shared.state.borrow().history.changes()
    }

    /// What the load balancers of this region go by now.
    pub fn traffic(&self) -> Table {
        let now = self.catch_up();
        Table::of(&self.shared.state.borrow().draft(now))
    }
}
