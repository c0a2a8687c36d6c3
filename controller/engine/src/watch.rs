//! Which environments exist, and which of their specs changed since they were last seen.
//!
//! Reading must stay cheap while nothing changes: the index is asked every [`INDEX_INTERVAL`] for names, the known SPEC
//! and DELETION items together every [`RECORDS_INTERVAL`]. The index lags and forgets, so it only ever adds names to
//! look at; what is there and what is gone is told by consistent reads. A failed read says nothing of either.
//! Never: reads a clock (`now` is passed in), sleeps, or interprets a spec. Start at [`Watch::poll`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds_schema::spec::KIND;
use ports::{Item, Key, RecordStore, StoreError};

use crate::items::{CONTROLLER, DELETION, SPEC, STATUS_KIND};

/// How often the index is asked for names. A new environment is seen this late at worst.
pub const INDEX_INTERVAL: Duration = Duration::from_secs(10);
/// How often the known records are read. An edit is seen this late at worst.
pub const RECORDS_INTERVAL: Duration = Duration::from_secs(2);

/// The kinds under which an environment is found: by its SPEC, or by its STATUS when somebody removed its SPEC.
const KINDS: [&str; 2] = [KIND, STATUS_KIND];

/// What was last seen of the table.
#[derive(Debug, Default)]
pub struct Watch {
    known: BTreeMap<String, Seen>,
    index_due: Duration,
    records_due: Duration,
}

/// One environment.
#[derive(Debug)]
struct Seen {
    /// Whether the index named it when it was last asked.
    listed: bool,
    /// Absent until it was read.
    wishes: Option<Wishes>,
}

/// What people write of an environment, each part absent when its item is.
#[derive(Debug, Default, PartialEq)]
struct Wishes {
    spec: Option<Item>,
    deletion: Option<Item>,
}

impl Watch {
    /// One that knows nothing yet and is due at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time, by the clock whose readings `poll` is given, before which `poll` would ask nothing.
    pub fn next_due(&self) -> Duration {
        self.index_due.min(self.records_due)
    }

    /// The names of all environments known by now, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Reads what is due and returns the names whose SPEC or DELETION appeared, changed or vanished since the last
    /// successful read, or that vanished altogether. A name is returned too when it is first seen.
    ///
    /// # Errors
    /// When a read failed: what it would have shown is found by the next one. Poll again at [`Self::next_due`], which
    /// may be at once: the index failing does not keep the records from being read.
    pub async fn poll(&mut self, store: &dyn RecordStore, now: Duration) -> Result<BTreeSet<String>, StoreError> {
        if now >= self.index_due {
            self.index_due = now + INDEX_INTERVAL;
            self.ask_index(store).await?;
        }
        if now >= self.records_due {
            self.records_due = now + RECORDS_INTERVAL;
            return self.read_records(store).await;
        }
        Ok(BTreeSet::new())
    }

    async fn ask_index(&mut self, store: &dyn RecordStore) -> Result<(), StoreError> {
        let mut listed = BTreeSet::new();
        for kind in KINDS {
            listed.extend(store.by_kind(kind).await?);
        }
        // No environment can be named so, whatever somebody wrote there.
        listed.remove(CONTROLLER);
        for (name, seen) in &mut self.known {
            seen.listed = listed.remove(name);
        }
        self.known.extend(listed.into_iter().map(|name| (name, Seen { listed: true, wishes: None })));
        Ok(())
    }

    async fn read_records(&mut self, store: &dyn RecordStore) -> Result<BTreeSet<String>, StoreError> {
        let keys: Vec<Key> =
            self.known.keys().flat_map(|name| [Key::new(name, SPEC), Key::new(name, DELETION)]).collect();
        if keys.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut read = by_name(store.get_many(&keys).await?);
        let mut changed = BTreeSet::new();
        self.known.retain(|name, seen| {
            let wishes = read.remove(name).unwrap_or_default();
            let stays = seen.listed || wishes != Wishes::default();
            if !stays || seen.wishes.as_ref() != Some(&wishes) {
                changed.insert(name.clone());
            }
            seen.wishes = Some(wishes);
            stays
        });
        Ok(changed)
    }
}

fn by_name(items: Vec<Item>) -> BTreeMap<String, Wishes> {
    let mut read: BTreeMap<String, Wishes> = BTreeMap::new();
    for item in items {
        let part = |name: &str| item.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let (name, sk) = (part("pk"), part("sk"));
        let wishes = read.entry(name).or_default();
        if sk == SPEC {
            wishes.spec = Some(item);
        } else {
            wishes.deletion = Some(item);
        }
    }
    read
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::{Cell, RefCell};

    use futures::FutureExt;
    use futures::future::LocalBoxFuture;
    use serde_json::json;

    use super::*;
    use ports::{Change, Query};

    /// A table whose index is set by hand, since on AWS it lags.
    #[derive(Default)]
    struct Table {
        items: RefCell<BTreeMap<Key, Item>>,
        listed: RefCell<BTreeSet<(&'static str, String)>>,
        index_fails: Cell<bool>,
        reads_fail: Cell<bool>,
        index_asked: Cell<u32>,
        records_read: Cell<u32>,
    }

    impl Table {
        fn put(&self, name: &str, sk: &str, value: u32) {
            let item = json!({"pk": name, "sk": sk, "value": value}).as_object().unwrap().clone();
            self.items.borrow_mut().insert(Key::new(name, sk), item);
        }

        fn remove(&self, name: &str, sk: &str) {
            self.items.borrow_mut().remove(&Key::new(name, sk)).unwrap();
        }

        fn list(&self, name: &str) {
            self.listed.borrow_mut().insert((KINDS[0], name.to_owned()));
        }

        fn answer<T>(fails: &Cell<bool>, value: T) -> Result<T, StoreError> {
            if fails.get() { Err(StoreError::Throttled { message: String::new() }) } else { Ok(value) }
        }
    }

    impl RecordStore for Table {
        fn get<'a>(&'a self, _: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
            unreachable!("the watch reads many at once")
        }

        fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
            self.records_read.set(self.records_read.get() + 1);
            let items = keys.iter().filter_map(|key| self.items.borrow().get(key).cloned()).collect();
            std::future::ready(Self::answer(&self.reads_fail, items)).boxed_local()
        }

        fn query<'a>(&'a self, _: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
            unreachable!("the watch reads no partition")
        }

        fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
            self.index_asked.set(self.index_asked.get() + 1);
            let listed = self.listed.borrow();
            let names = listed.iter().filter(|(of, _)| *of == kind).map(|(_, name)| name.clone()).collect();
            std::future::ready(Self::answer(&self.index_fails, names)).boxed_local()
        }

        fn write<'a>(&'a self, _: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
            unreachable!("the watch writes nothing")
        }
    }

    /// What a poll at that second shows.
    fn poll(watch: &mut Watch, table: &Table, second: u64) -> Result<Vec<String>, StoreError> {
        let changed = watch.poll(table, Duration::from_secs(second)).now_or_never().unwrap();
        changed.map(|names| names.into_iter().collect())
    }

    fn watched(names: &[&str]) -> (Watch, Table) {
        let (mut watch, table) = (Watch::new(), Table::default());
        for name in names {
            table.put(name, SPEC, 1);
            table.list(name);
        }
        assert_eq!(poll(&mut watch, &table, 0).unwrap(), names);
        (watch, table)
    }

    #[test]
    fn an_edit_is_shown_once() {
        let (mut watch, table) = watched(&["a", "b"]);
        table.put("b", SPEC, 2);
        assert_eq!(poll(&mut watch, &table, 2).unwrap(), ["b"]);
        assert_eq!(poll(&mut watch, &table, 4).unwrap(), [""; 0]);
        // The same content written again is no change.
        table.put("b", SPEC, 2);
        assert_eq!(poll(&mut watch, &table, 6).unwrap(), [""; 0]);
    }

    #[test]
    fn a_wish_to_delete_is_a_change() {
        let (mut watch, table) = watched(&["a"]);
        table.put("a", DELETION, 1);
        assert_eq!(poll(&mut watch, &table, 2).unwrap(), ["a"]);
    }

    #[test]
    fn nothing_is_asked_before_it_is_due() {
        let (mut watch, table) = watched(&["a"]);
        assert_eq!((table.index_asked.get(), table.records_read.get()), (2, 1));
        for second in 1..=9 {
            poll(&mut watch, &table, second).unwrap();
        }
        assert_eq!((table.index_asked.get(), table.records_read.get()), (2, 5));
        assert_eq!(watch.next_due(), Duration::from_secs(10));
        poll(&mut watch, &table, 10).unwrap();
        assert_eq!((table.index_asked.get(), table.records_read.get()), (4, 6));
    }

    #[test]
    fn a_failed_read_is_no_change_and_hides_none() {
        let (mut watch, table) = watched(&["a", "b"]);
        table.put("a", SPEC, 2);
        table.reads_fail.set(true);
        poll(&mut watch, &table, 2).unwrap_err();
        table.reads_fail.set(false);
        assert_eq!(poll(&mut watch, &table, 4).unwrap(), ["a"]);
    }

    #[test]
    fn a_failed_index_does_not_keep_edits_from_being_seen() {
        let (mut watch, table) = watched(&["a"]);
        table.put("a", SPEC, 2);
        table.index_fails.set(true);
        poll(&mut watch, &table, 10).unwrap_err();
        assert!(watch.next_due() <= Duration::from_secs(10), "the records are still due");
        assert_eq!(poll(&mut watch, &table, 10).unwrap(), ["a"]);
    }

    #[test]
    fn an_index_that_forgets_a_name_takes_nothing_away() {
        let (mut watch, table) = watched(&["a"]);
        table.listed.borrow_mut().clear();
        assert_eq!(poll(&mut watch, &table, 10).unwrap(), [""; 0]);
        table.put("a", SPEC, 2);
        assert_eq!(poll(&mut watch, &table, 12).unwrap(), ["a"]);
    }

    #[test]
    fn a_removed_spec_shows_while_its_status_keeps_the_name() {
        let (mut watch, table) = watched(&["a"]);
        table.listed.borrow_mut().insert((KINDS[1], "a".to_owned()));
        table.remove("a", SPEC);
        assert_eq!(poll(&mut watch, &table, 2).unwrap(), ["a"]);
        table.listed.borrow_mut().remove(&(KINDS[0], "a".to_owned()));
        assert_eq!(poll(&mut watch, &table, 10).unwrap(), [""; 0]);
        assert_eq!(watch.names().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn the_controllers_own_partition_is_no_environment() {
        let (mut watch, table) = watched(&["a"]);
        table.put(CONTROLLER, SPEC, 1);
        table.list(CONTROLLER);
        assert_eq!(poll(&mut watch, &table, 10).unwrap(), [""; 0]);
    }

    #[test]
    fn an_environment_that_is_gone_altogether_is_shown_and_forgotten() {
        let (mut watch, table) = watched(&["a", "b"]);
        table.remove("a", SPEC);
        assert_eq!(poll(&mut watch, &table, 2).unwrap(), ["a"]);
        table.listed.borrow_mut().remove(&(KINDS[0], "a".to_owned()));
        assert_eq!(poll(&mut watch, &table, 10).unwrap(), ["a"]);
        assert_eq!(watch.names().collect::<Vec<_>>(), ["b"]);
        table.put("a", SPEC, 1);
        table.list("a");
        assert_eq!(poll(&mut watch, &table, 20).unwrap(), ["a"]);
    }
}
