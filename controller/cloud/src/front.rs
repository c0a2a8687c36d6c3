//! The data plane: what stands on this machine's ports for load balancers and Redis, and what they share.
//!
//! In: the account as it is, and connections. Out: answers as AWS's load balancers would give them. Each region has a [`Site`];
//! what its load balancers go by is a table that is made anew when something changed or a second passed, not for each request.
//! Never: decides where a request goes (that is [`simulator::cloud::traffic`]). Start at [`Front::refresh`] for ports, at
//! [`proxy`] for requests.

mod door;
pub mod ports;
mod proxy;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use simulator::cloud::traffic::{Forward, Listener, Table, Traffic};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::account::Account;
use crate::application::Applications;
use crate::redis::{self, Redis};
use door::Door;

/// How old a table may be, of the cloud's time, and of real time where that goes fast.
const TABLE_LASTS: Duration = Duration::from_secs(1);
const TABLE_LASTS_REALLY: Duration = Duration::from_millis(2);
/// How long nobody looks at the clock who waits for it.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Front {
    account: Rc<RefCell<Account>>,
    sites: RefCell<BTreeMap<String, Rc<Site>>>,
    /// Tells whoever waits that time may have leapt, or the world changed.
    passed: Notify,
    /// Tables made since they were last told.
    made: Cell<u64>,
    opens: Option<UnboundedSender<Opened>>,
}

/// A port of this machine that has opened for a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its load balancer's name.
    pub load_balancer: String,
    /// Its port in AWS.
    pub port: u16,
    /// Where it is served.
    pub address: SocketAddr,
}

/// One region's.
pub(crate) struct Site {
    region: String,
    table: RefCell<Option<ResourceId>>,
    traffic: RefCell<Traffic>,
    applications: RefCell<Applications>,
    redis: RefCell<Redis>,
    /// By whose they are, as [`ports`] has it.
    doors: RefCell<BTreeMap<String, Door>>,
}

/// A table, and how often the world had changed when it was made.
struct ResourceId {
    changes: u64,
    table: Rc<Table>,
}

impl Site {
    fn new(region: &str, seed: u64) -> Self {
        // Sessions of an earlier run may still be in their clients' cookies: they must not be met by chance.
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let unlike = seed ^ u64::try_from(nanos & u128::from(u64::MAX)).unwrap_or(0);
        Self {
            region: region.to_owned(),
            table: RefCell::new(None),
            traffic: RefCell::new(Traffic::new(seed)),
            applications: RefCell::new(Applications::new(unlike)),
            redis: RefCell::new(Redis::default()),
            doors: RefCell::new(BTreeMap::new()),
        }
    }

    /// Its Redis.
    pub fn redis(&self) -> RefMut<'_, Redis> {
        self.redis.borrow_mut()
    }

    fn done(&self, forward: &Forward) {
        self.traffic.borrow_mut().done(forward);
    }
}

impl Front {
    pub fn new(account: Rc<RefCell<Account>>, opens: Option<UnboundedSender<Opened>>) -> Self {
        Self { account, sites: RefCell::default(), passed: Notify::new(), made: Cell::new(0), opens }
    }

    /// The cloud's time.
    pub fn now(&self) -> Duration {
        let account = self.account.borrow();
        account.time.carry();
        account.time.clock().since_epoch()
    }

    /// Opens and closes ports so that they are as the account is, and lets whoever waits look again.
    pub fn refresh(self: &Rc<Self>) {
        let regions = self.account.borrow().regions();
        for (region, seed) in regions {
            let site = Rc::clone(
                self.sites.borrow_mut().entry(region.clone()).or_insert_with(|| Rc::new(Site::new(&region, seed))),
            );
            // Nobody asks: this is no reason to keep what time it is.
            if let Some((table, _)) = self.look(&site) {
                self.open_and_close(&site, &table, seed);
            }
        }
        if self.made.take() > 0 {
            self.passed.notify_waiters();
        }
    }

    /// What a region's load balancers go by now, and when that is, for somebody who is served by it.
    fn table(&self, site: &Site) -> Option<(Rc<Table>, Duration)> {
        self.account.borrow_mut().note_asked();
        self.look(site)
    }

    fn look(&self, site: &Site) -> Option<(Rc<Table>, Duration)> {
        let mut account = self.account.borrow_mut();
        account.time.carry();
        let now = account.time.clock().since_epoch();
        let lasts = TABLE_LASTS.max(TABLE_LASTS_REALLY * account.time.speed());
        let changes = account.region(&site.region)?.cloud.changes();
        if let Some(made) = &*site.table.borrow()
            && made.changes == changes
            && now < made.table.at() + lasts
        {
            return Some((Rc::clone(&made.table), now));
        }
        account.end_faults();
        let cloud = &account.region(&site.region)?.cloud;
        let table = Rc::new(cloud.traffic());
        self.made.set(self.made.get() + 1);
        site.traffic.borrow_mut().adopt(&table);
        site.applications.borrow_mut().adopt(&table);
        *site.table.borrow_mut() = Some(ResourceId { changes: cloud.changes(), table: Rc::clone(&table) });
        Some((table, now))
    }

    fn open_and_close(self: &Rc<Self>, site: &Rc<Site>, table: &Table, seed: u64) {
        let redis = ports::redis(&site.region, seed);
        let mut account = self.account.borrow_mut();
        let mut doors = site.doors.borrow_mut();
        doors.retain(|whose, _| {
            let stays = if *whose == redis { !table.redis_down() } else { table.listener(whose).is_some() };
            if !stays {
                account.ports.close(whose);
                tracing::info!(whose, "a port is closed");
            }
            stays
        });
        // The port of a listener that is gone is free; one that is only silent for now keeps it.
        let here = format!(":{}:", site.region);
        account.ports.retain(|whose| !(whose.starts_with("arn:") && whose.contains(&here)) || table.knows(whose));
        if !table.redis_down() && !doors.contains_key(&redis) {
            let (front, own) = (Rc::clone(self), Rc::clone(site));
            let opened = Door::open(&mut account.ports, &redis, move |stream, _, closed| {
                redis::serve::serve(Rc::clone(&front), Rc::clone(&own), stream, closed)
            });
            doors.extend(opened.map(|door| (redis, door)));
        }
        for (arn, listener) in table.listeners() {
            if doors.contains_key(arn) {
                continue;
            }
            let (front, own, served) = (Rc::clone(self), Rc::clone(site), Rc::<str>::from(arn));
            let opened = Door::open(&mut account.ports, arn, move |stream, peer, closed| {
                proxy::serve(Rc::clone(&front), Rc::clone(&own), Rc::clone(&served), (stream, peer), closed)
            });
            if let Some(door) = opened {
                self.tell(listener, account.ports.address(arn));
                doors.insert(arn.to_owned(), door);
            }
        }
    }

    /// Says that a listener's port has opened.
    fn tell(&self, listener: &Listener, address: Option<SocketAddr>) {
        let (Some(address), Some(opens)) = (address, &self.opens) else { return };
        let load_balancer = listener.load_balancer_name().to_owned();
        // Whoever wanted to know may have gone.
        let _ = opens.send(Opened { load_balancer, port: listener.port(), address });
    }

    /// Waits until that instant of the cloud's time, or until something may have changed, whichever is first.
    async fn pass_until(&self, at: Duration) {
        let passed = self.passed.notified();
        let (left, speed, paused) = {
            let left = at.saturating_sub(self.now());
            let account = self.account.borrow();
            (left, account.time.speed().max(1), account.time.is_paused())
        };
        if left.is_zero() {
            return;
        }
        let really = if paused { LOOKS_EVERY } else { (left / speed).clamp(Duration::from_millis(1), LOOKS_EVERY) };
        tokio::select! {
            () = passed => {}
            () = tokio::time::sleep(really) => {}
        }
    }

    /// Waits until that instant of the cloud's time.
    async fn sleep_until(&self, at: Duration) {
        while self.now() < at {
            self.pass_until(at).await;
        }
    }
}
