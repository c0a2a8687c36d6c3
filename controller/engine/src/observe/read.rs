//! Reads many things of one kind by their keys: in batches, page by page, all batches at once.
//!
//! A batch that AWS fails because one of its keys does not exist is halved until the missing key stands alone, so that
//! one missing thing costs no other its sight. Each answer keeps when its request started (promise I5).
//! Never: tries a failed call again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::{CloudError, ErrorKind, Page, Read, Reply, Request};
use futures::future::join_all;
use planner::observed::Part;

use crate::context::Ctx;

/// Most pages of one answer. More is not read, and the part counts as unread.
pub const PAGES_MAX: usize = 50;

/// The things of one kind that were asked for, by the key that they were asked by.
#[derive(Debug)]
pub(super) struct Answers<K, V>(BTreeMap<K, Answer<V>>);

/// What AWS said of one key.
#[derive(Debug)]
struct Answer<V> {
    started: Duration,
    found: Result<Vec<V>, CloudError>,
}

/// How a kind of thing is asked for.
pub(super) struct Batch<K, V> {
    /// Most keys a call.
    pub size: usize,
    /// The call.
    pub request: fn(&[K], Page) -> Read,
    /// What a reply holds.
    pub file: fn(&[K], Reply) -> Filed<K, V>,
}

/// Things, each with its key, and where the answer goes on; `None`: it is the reply of another call.
pub(super) type Filed<K, V> = Option<(Vec<(K, V)>, Page)>;

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone, V: Clone> Answers<K, V> {
    /// Asks for `keys`; one that was asked for before is not asked again.
    pub async fn ask(&mut self, ctx: &Ctx<'_>, region: &str, keys: BTreeSet<K>, batch: &Batch<K, V>) {
        let keys: Vec<K> = keys.into_iter().filter(|key| !self.0.contains_key(key)).collect();
        let mut chunks: Vec<Vec<K>> = keys.chunks(batch.size).map(<[K]>::to_vec).collect();
        // Each round halves what failed, so there are at most log2(size) + 1.
        while !chunks.is_empty() {
            let asked = join_all(chunks.into_iter().map(|chunk| async {
                let started = ctx.clock.elapsed();
                let reply = all_pages(ctx, region, &chunk, batch).await;
                (chunk, started, reply)
            }));
            chunks = Vec::new();
            for (chunk, started, reply) in asked.await {
                match reply {
                    Err(error) if error.kind == ErrorKind::NotFound && chunk.len() > 1 => {
                        let (left, right) = chunk.split_at(chunk.len() / 2);
                        chunks.extend([left.to_vec(), right.to_vec()]);
                    }
                    reply => self.file(chunk, started, reply),
                }
            }
        }
    }

    fn file(&mut self, chunk: Vec<K>, started: Duration, reply: Result<Vec<(K, V)>, CloudError>) {
        let empty = reply.as_ref().map(|_| Vec::new()).map_err(Clone::clone);
        for key in chunk {
            self.0.insert(key, Answer { started, found: empty.clone() });
        }
        // A filter may match more than was asked for; such a thing has no key here.
        for (key, value) in reply.into_iter().flatten() {
            if let Some(Answer { found: Ok(found), .. }) = self.0.get_mut(&key) {
                found.push(value);
            }
        }
    }

    /// What was found for `key`, fresh or not; nothing while that is not known.
    pub fn found(&self, key: &K) -> impl Iterator<Item = &V> {
        self.0.get(key).and_then(|answer| answer.found.as_ref().ok()).into_iter().flatten()
    }

    /// What was found for all of `keys`, if every request started at `since` or later. A key that AWS does not know is
    /// a key without anything.
    pub fn part<'k>(&self, keys: impl IntoIterator<Item = &'k K>, since: Duration) -> Part<Vec<(K, V)>>
    where
        K: 'k,
    {
        let mut all = Vec::new();
        for key in keys {
            let Some(answer) = self.0.get(key) else { return Part::Unread("it was not asked for".into()) };
            if answer.started < since {
                return Part::Unread("older than our own last change".into());
            }
            match &answer.found {
                Ok(found) => all.extend(found.iter().map(|value| (key.clone(), value.clone()))),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Part::Unread(error.to_string()),
            }
        }
        Part::Seen(all)
    }

    /// Whether AWS answered that it does not know `key`, to a request that started at `since` or later.
    pub fn is_unknown(&self, key: &K, since: Duration) -> bool {
        self.0.get(key).is_some_and(|answer| {
            answer.started >= since
                && answer.found.as_ref().is_err_and(|error| error.kind == ErrorKind::NotFound && error.code.is_some())
        })
    }

    /// What was found for `key`, something that hangs on a parent. That AWS does not know the parent is believed only
    /// if `parent_is_absent`: a parent that another read shows has things that were not read.
    pub fn part_of(&self, key: &K, since: Duration, parent_is_absent: bool) -> Part<Vec<V>> {
        match self.0.get(key).map(|answer| &answer.found) {
            Some(Err(error)) if error.kind == ErrorKind::NotFound && !parent_is_absent => {
                Part::Unread(error.to_string())
            }
            Some(_) | None => self.part([key], since).map(|found| found.into_iter().map(|(_, value)| value).collect()),
        }
    }
}

/// Everything that the call shows for `keys`.
async fn all_pages<K, V>(
    ctx: &Ctx<'_>,
    region: &str,
    keys: &[K],
    batch: &Batch<K, V>,
) -> Result<Vec<(K, V)>, CloudError> {
    let mut all = Vec::new();
    let mut page = None;
    for _ in 0..PAGES_MAX {
        let read = (batch.request)(keys, page);
        let operation = read.operation();
        let reply = ctx.call(region, Request::Read(read)).await?;
        let (found, next) =
            (batch.file)(keys, reply).ok_or_else(|| CloudError::bug(operation, "the reply is that of another call"))?;
        all.extend(found);
        if next.is_none() {
            return Ok(all);
        }
        page = next;
    }
    let operation = (batch.request)(keys, page).operation();
    Err(CloudError::bug(operation, format!("the answer has more than {PAGES_MAX} pages")))
}
