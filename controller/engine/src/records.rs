//! From the table's items to one environment's record, and what has to be written with it.
//!
//! In: SPEC, STATUS, DELETION, the open intents and, where they are needed, the revisions. Out: [`Stored`]. An edit is
//! seen by the spec's hash and numbered here; its revision is written by the journal, together with STATUS. One that is
//! faulty, or asks for another of what is fixed ([`planner::fixed`]), leaves the last valid one in force whole.
//! Never: writes, takes what cannot be read for what is not there, or starts anew where an environment stood before.
//! Start at [`Reader::read`].

use std::collections::BTreeSet;

use aws_api::Write;
use aws_api::ec2::{InstanceWrite, UserData};
use aws_api::id::EnvUid;
use crds_schema::{Fault, Spec, StagingEnvironment};
use jiff::Timestamp;
use planner::desired::Template;
use planner::fixed;
use planner::record::{Good, Intent, Record};
use planner::status::Status;
use ports::{Condition, Entropy, Item, Key, Purpose, Query, RecordStore, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::items::{self, DELETION, OPEN_INTENTS, REVISIONS, SPEC, STATUS, STATUS_KIND};

/// How many revisions are kept, beside the last valid one.
pub const REVISIONS_KEPT: u64 = 20;
/// Most revisions that one write removes; there is usually one, and the rest goes with the next edit.
const OUTDATED_MAX: usize = 20;
/// Most faults that a revision keeps; STATUS names all of them.
const FAULTS_KEPT: usize = 100;
/// Largest faulty document that a revision keeps, in bytes as JSON: an item holds 400 KB, and one that is larger than
/// any valid spec must not keep STATUS from being written.
const FAULTY_BYTES_MAX: usize = 128 * 1024;
/// What of SPEC is the document.
const DOCUMENT: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
/// What of the document is what its users want; labels are not.
const WANTED: [&str; 3] = ["apiVersion", "kind", "spec"];

/// One environment's record as it was read, with what is needed to write it conditionally.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What the planner reads.
    pub record: Record,
    pub(crate) base: Base,
    pub(crate) edit: Option<Edit>,
    /// The SPEC item.
    pub(crate) spec: Option<Item>,
}

/// What the next write of STATUS replaces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Base {
    /// Nothing: there is no STATUS yet.
    Absent,
    /// That version of it, of the one that began then, as it is written there.
    Version(u64, Value),
    /// Nothing may be written: something that decides cannot be read. Why, in words.
    Sealed(String),
}

/// A revision that is not stored yet, and those that it pushes out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    pub(crate) revision: Item,
    pub(crate) outdated: Vec<Key>,
}

/// A `REV#` item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revision {
    uid: EnvUid,
    generation: u64,
    hash: String,
    valid: bool,
    #[serde(default)]
    faults: Vec<String>,
    /// When it was first seen.
    at: Timestamp,
    /// What its user wrote. Nested, so that its `kind` does not put the revision into the index of environments.
    #[serde(default)]
    document: Value,
}

impl Stored {
    /// The region of its AWS resources; `default` where nothing else says.
    pub fn region<'a>(&'a self, default: &'a str) -> &'a str {
        self.record.region(default)
    }

    /// Why nothing of it may be written, if so.
    pub fn sealed(&self) -> Option<&str> {
        match &self.base {
            Base::Absent | Base::Version(..) => None,
            Base::Sealed(why) => Some(why),
        }
    }
}

/// Reads one environment, pass after pass. What is the same word for word as last time is not parsed again: it is read
/// every few seconds, and changes now and then.
#[derive(Debug, Default)]
pub struct Reader {
    spec: Option<Parsed<Judged>>,
    status: Option<Parsed<Status>>,
    /// The last good revision, of the environment with that uid: it is read in every pass of a rollout, and never changes.
    good: Option<(EnvUid, Good)>,
}

/// An item, and what it says.
#[derive(Debug)]
struct Parsed<T> {
    item: Item,
    says: T,
}

/// What a SPEC says: its hash, and its spec or a line for each fault.
#[derive(Debug)]
struct Judged {
    hash: String,
    spec: Result<Spec, Vec<String>>,
    /// The spec, if only rules refuse it that are newer than a version which may have taken it.
    accepted: Option<Spec>,
}

impl Reader {
    /// What there is of it now; `None` when there is nothing. `now` and `entropy` are for one that is new.
    ///
    /// # Errors
    /// The store's; nothing is known then.
    pub async fn read(
        &mut self,
        store: &dyn RecordStore,
        name: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Option<Stored>, StoreError> {
        let keys = [SPEC, STATUS, DELETION].map(|sk| Key::new(name, sk));
        let mut found = store.get_many(&keys).await?;
        found.retain(|item| items::is_live(item, now));
        let mut take = |sk| found.iter().position(|item| items::text(item, "sk") == sk).map(|at| found.swap_remove(at));
        let (spec, status, deletion) = (take(SPEC), take(STATUS), take(DELETION));
        if spec.is_none() && status.is_none() && deletion.is_none() {
            return Ok(None);
        }
        let (intents, unread) = open_intents(store, name, now).await?;
        let known = self.good.take();
        let mut revisions = Revisions { store, name, now, intents: &intents, read: None, known };
        let (mut status, mut base) = match status {
            Some(item) => self.status(item, now, entropy),
            None => (first_seen(&mut revisions, unread.is_some(), entropy).await?, Base::Absent),
        };
        if let Some(why) = unread {
            status.damaged = true;
            base = Base::Sealed(why);
        }
        if let Base::Sealed(why) = &base {
            tracing::error!(name, why, "record damaged");
        }
        let judged = spec.as_ref().map(|item| self.judge(name, item));
        let seen = see(&mut revisions, judged, &status, deletion.is_some()).await?;
        self.good = seen.good.clone().map(|good| (status.uid.clone(), good));
        Ok(Some(Stored {
            record: Record {
                name: name.to_owned(),
                stored: seen.stored,
                generation: seen.generation,
                spec_hash: seen.hash,
                spec: seen.spec,
                revision: seen.revision,
                good: seen.good,
                deleting: deletion.is_some(),
                status,
                intents,
            },
            base,
            edit: seen.edit,
            spec,
        }))
    }

    fn judge(&mut self, name: &str, item: &Item) -> &Parsed<Judged> {
        let known = self.spec.take().filter(|known| known.item == *item);
        let says = || {
            let spec = parse(name, item, crds_schema::parse);
            let accepted = spec.is_err().then(|| parse(name, item, crds_schema::parse_accepted).ok()).flatten();
            Judged { hash: hash_of(item), spec, accepted }
        };
        self.spec.insert(known.unwrap_or_else(|| Parsed { item: item.clone(), says: says() }))
    }

    fn status(&mut self, item: Item, now: Timestamp, entropy: &dyn Entropy) -> (Status, Base) {
        if let Some(known) = self.status.as_ref().filter(|known| known.item == item) {
            return (known.says.clone(), version_of(known));
        }
        match Status::deserialize(&Value::Object(item.clone())) {
            Ok(status) => {
                let base = version_of(self.status.insert(Parsed { item, says: status.clone() }));
                (status, base)
            }
            Err(error) => {
                let status = Status { damaged: true, ..new_status(now, entropy) };
                (status, Base::Sealed(format!("{STATUS} cannot be read: {error}")))
            }
        }
    }
}

/// The user data of that revision's spec, in the form that the spec says it has; `None` when it has none.
///
/// # Errors
/// The store's, and when there is no such revision: launching without its user data would be launching something else.
pub async fn user_data(store: &dyn RecordStore, name: &str, revision: u64) -> Result<Option<UserData>, StoreError> {
    let key = items::revision_key(name, revision);
    let item = store.get(&key).await?.ok_or_else(|| unreadable(&key, "is not there"))?;
    let instances = item.get("document").and_then(|document| document.pointer("/spec/instances"));
    let field = |name: &str| instances.and_then(|instances| instances.get(name));
    let is_base64 = field("userDataBase64").and_then(Value::as_bool).unwrap_or(false);
    let text = field("userData").and_then(Value::as_str);
    Ok(text.map(|text| match is_base64 {
        true => UserData::Base64(crds_schema::user_data::in_one_line(text)),
        false => UserData::Text(text.to_owned()),
    }))
}

/// STATUS as an item.
pub(crate) fn status_item(name: &str, status: &Status) -> Item {
    let mut item = items::item(&Key::new(name, STATUS), status, None);
    item.insert("kind".into(), STATUS_KIND.into());
    item
}

/// The hash of a SPEC item's document.
pub(crate) fn hash_of(spec: &Item) -> String {
    crds_schema::spec_hash(&Value::Object(spec.clone()))
}

/// What holds as long as the stored SPEC wants what this one does, word for word.
pub(crate) fn wants_the_same(spec: &Item) -> Vec<Condition> {
    WANTED
        .iter()
        .map(|name| match spec.get(*name) {
            Some(value) => Condition::Equals((*name).to_owned(), value.clone()),
            None => Condition::Lacks((*name).to_owned()),
        })
        .collect()
}

/// The open intents, and what is wrong with the first that cannot be read: it may have launched something.
async fn open_intents(
    store: &dyn RecordStore,
    name: &str,
    now: Timestamp,
) -> Result<(Vec<Intent>, Option<String>), StoreError> {
    let query = Query { pk: name.to_owned(), prefix: OPEN_INTENTS.to_owned(), descending: false, limit: None };
    let (mut intents, mut unread) = (Vec::new(), None);
    for item in store.query(&query).await?.into_iter().filter(|item| items::is_live(item, now)) {
        let sk = items::text(&item, "sk").to_owned();
        match serde_json::from_value(Value::Object(item)) {
            Ok(intent) => intents.push(intent),
            Err(error) => unread = unread.or_else(|| Some(format!("{name} {sk} cannot be read: {error}"))),
        }
    }
    Ok((intents, unread))
}

fn version_of(status: &Parsed<Status>) -> Base {
    Base::Version(status.says.version, status.item.get("creationTimestamp").cloned().unwrap_or_default())
}

/// The status of an environment without one: new, or damaged if it was there before.
async fn first_seen(
    revisions: &mut Revisions<'_>,
    has_unread: bool,
    entropy: &dyn Entropy,
) -> Result<Status, StoreError> {
    let mut status = new_status(revisions.now, entropy);
    let has_intents = has_unread || !revisions.intents.is_empty();
    let last = revisions.last().await?;
    status.damaged = has_intents || last > 0;
    status.generation = last;
    if let Some(Ok(revision)) = revisions.get(last).await? {
        status.uid = revision.uid;
        status.spec_hash = revision.hash;
    }
    status.revision = revisions.last_valid().await?;
    Ok(status)
}

fn new_status(now: Timestamp, entropy: &dyn Entropy) -> Status {
    let uid = EnvUid::parse(format!("{}{:016x}", EnvUid::PREFIX, entropy.draw(Purpose::Identity)));
    Status::new(uid.expect("a prefix and digits are an id"), now)
}

/// What the stored SPEC comes to.
struct Seen {
    stored: planner::record::Stored,
    generation: u64,
    hash: String,
    spec: Option<Spec>,
    revision: u64,
    good: Option<Good>,
    edit: Option<Edit>,
}

async fn see(
    revisions: &mut Revisions<'_>,
    judged: Option<&Parsed<Judged>>,
    status: &Status,
    deleting: bool,
) -> Result<Seen, StoreError> {
    use planner::record::Stored::{Missing, Valid};
    let Some(Parsed { item, says: Judged { hash, spec, accepted } }) = judged else {
        let (newest, revision) = revisions.in_force(status).await?;
        let spec = revisions.spec(revision).await?;
        return Ok(Seen {
            stored: Missing,
            generation: newest.max(status.generation),
            hash: String::new(),
            good: revisions.good(status, revision, spec.as_ref()).await?,
            spec,
            revision,
            edit: None,
        });
    };
    let mut is_new = status.generation == 0 || *hash != status.spec_hash;
    let mut generation = if is_new {
        // Not only STATUS's number: it may have been put back from a backup, and no revision is written over.
        revisions.last().await?.max(status.generation).saturating_add(1)
    } else {
        status.generation
    };
    // What was valid when it was numbered stays so: a newer version of the controller changes nothing unasked.
    let accepted = accepted.as_ref().filter(|_| !is_new && status.revision == generation);
    let spec = accepted.map_or(spec.as_ref(), Ok);
    let (stored, spec, revision) = match taken(revisions, hash, spec, status) {
        Ok(spec) => (Valid, Some(spec.clone()), generation),
        Err(stored) => {
            let (newest, in_force) = revisions.in_force(status).await?;
            if newest > generation {
                (is_new, generation) = (true, newest.saturating_add(1));
            }
            let last_valid = revisions.spec(in_force).await?;
            let written = spec.ok().filter(|_| deleting);
            let spec = last_valid.map(|last| written.map_or(last.clone(), |written| torn_down_as(last, written)));
            (stored, spec, in_force)
        }
    };
    let good = revisions.good(status, revision, spec.as_ref()).await?;
    let edit = if is_new || revision != status.revision {
        let faults = faults_of(&stored);
        let this = Revision {
            uid: status.uid.clone(),
            generation,
            hash: hash.clone(),
            valid: stored == Valid,
            faults: faults.iter().take(FAULTS_KEPT).cloned().collect(),
            at: revisions.now,
            document: document(item, stored == Valid),
        };
        let key = items::revision_key(revisions.name, generation);
        let good = good.as_ref().map_or(status.good_revision, |good| good.revision);
        let outdated = revisions.outdated(generation, [revision, good]).await?;
        Some(Edit { revision: items::item(&key, &this, None), outdated })
    } else {
        None
    };
    Ok(Seen { stored, generation, hash: hash.clone(), spec, revision, good, edit })
}

/// The spec that comes into force by what is stored, or why none does.
fn taken<'j>(
    revisions: &Revisions<'_>,
    hash: &str,
    judged: Result<&'j Spec, &Vec<String>>,
    status: &Status,
) -> Result<&'j Spec, planner::record::Stored> {
    use planner::record::Stored::{Invalid, Refused};
    let spec = judged.map_err(|faults| Invalid(faults.clone()))?;
    let faults = fixed::refused(revisions.name, hash, spec, status, !revisions.intents.is_empty());
    if faults.is_empty() { Ok(spec) } else { Err(Refused(faults.iter().map(ToString::to_string).collect())) }
}

/// A teardown reads these three from SPEC as it is now, though nothing else of a refused edit is applied.
fn torn_down_as(mut last_valid: Spec, written: &Spec) -> Spec {
    last_valid.paused = written.paused;
    last_valid.deletion_policy = written.deletion_policy;
    last_valid.load_balancer.deletion_protection = written.load_balancer.deletion_protection;
    last_valid
}

fn faults_of(stored: &planner::record::Stored) -> &[String] {
    use planner::record::Stored::{Invalid, Missing, Refused, Valid};
    match stored {
        Invalid(faults) | Refused(faults) => faults,
        Valid | Missing => &[],
    }
}

/// The spec of a SPEC item, or a line for each fault.
fn parse(
    name: &str,
    item: &Item,
    by: fn(&Value) -> Result<StagingEnvironment, Vec<Fault>>,
) -> Result<Spec, Vec<String>> {
    let parsed = by(&Value::Object(item.clone()))
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    if parsed.metadata.name != name {
        return Err(vec![format!(
            "metadata.name: is `{}`, but the record's partition key is `{name}`; write `{name}`",
            parsed.metadata.name
        )]);
    }
    Ok(parsed.spec)
}

fn document(item: &Item, valid: bool) -> Value {
    let fields = DOCUMENT.iter().filter_map(|name| item.get_key_value(*name));
    let document = Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>());
    if valid || document.to_string().len() <= FAULTY_BYTES_MAX { document } else { Value::Null }
}

/// The revisions of one environment, read once and only when they are needed.
struct Revisions<'a> {
    store: &'a dyn RecordStore,
    name: &'a str,
    now: Timestamp,
    /// The open ones.
    intents: &'a [Intent],
    read: Option<Vec<(u64, Item)>>,
    /// The last good one, as it was read before, of the environment with that uid.
    known: Option<(EnvUid, Good)>,
}

impl Revisions<'_> {
    /// All of them, by number.
    async fn all(&mut self) -> Result<&[(u64, Item)], StoreError> {
        let read = match self.read.take() {
            Some(read) => read,
            None => {
                let prefix = REVISIONS.to_owned();
                let query = Query { pk: self.name.to_owned(), prefix, descending: false, limit: None };
                let found = self.store.query(&query).await?;
                found.into_iter().filter_map(|item| Some((number_of(&item)?, item))).collect()
            }
        };
        Ok(self.read.insert(read))
    }

    /// The number of the last one; 0 when there is none.
    async fn last(&mut self) -> Result<u64, StoreError> {
        Ok(self.all().await?.last().map_or(0, |(number, _)| *number))
    }

    /// The number of the newest one, and of the one that is in force where SPEC does not say so: that of STATUS, unless it was
    /// put back from a backup. Then others may have come into force since, and its own would be a rollback.
    async fn in_force(&mut self, status: &Status) -> Result<(u64, u64), StoreError> {
        let newest = self.newest().await?;
        let knows_all = newest <= status.generation;
        let revision = if knows_all { status.revision } else { self.last_valid().await?.max(status.revision) };
        Ok((newest, revision))
    }

    /// As [`last`](Self::last), by one item unless all of them were read for something else.
    async fn newest(&mut self) -> Result<u64, StoreError> {
        if self.read.is_some() {
            return self.last().await;
        }
        let prefix = REVISIONS.to_owned();
        let query = Query { pk: self.name.to_owned(), prefix, descending: true, limit: Some(1) };
        Ok(self.store.query(&query).await?.first().and_then(number_of).unwrap_or(0))
    }

    /// The number of the last valid one; 0 when there is none.
    async fn last_valid(&mut self) -> Result<u64, StoreError> {
        let valid = |item: &Item| item.get("valid").and_then(Value::as_bool).unwrap_or(false);
        Ok(self.all().await?.iter().rev().find(|(_, item)| valid(item)).map_or(0, |(number, _)| *number))
    }

    async fn get(&mut self, number: u64) -> Result<Option<Result<Revision, String>>, StoreError> {
        let found = self.all().await?.iter().find(|(of, _)| *of == number);
        Ok(found.map(|(_, item)| parse_revision(item.clone())))
    }

    /// The spec of that revision. Where it cannot be had, no other takes its place: an older one would be a rollback.
    async fn spec(&mut self, number: u64) -> Result<Option<Spec>, StoreError> {
        if number == 0 {
            return Ok(None);
        }
        // One item is enough, unless all of them were read for something else.
        if self.read.is_none() {
            let item = self.store.get(&items::revision_key(self.name, number)).await?;
            return Ok(self.spec_of(number, item.map(parse_revision)));
        }
        let revision = self.get(number).await?;
        Ok(self.spec_of(number, revision))
    }

    fn spec_of(&self, number: u64, revision: Option<Result<Revision, String>>) -> Option<Spec> {
        let why = match revision {
            None => "is not there".to_owned(),
            Some(Err(error)) => error,
            Some(Ok(revision)) => match crds_schema::parse_accepted(&revision.document) {
                Ok(environment) => return Some(environment.spec),
                Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            },
        };
        tracing::error!(name = self.name, revision = number, why, "last valid revision cannot be read");
        None
    }

    /// The last good revision before the one in force, if it can be read. One that cannot only leaves healing without it.
    async fn good(&mut self, status: &Status, in_force: u64, spec: Option<&Spec>) -> Result<Option<Good>, StoreError> {
        let number = status.good_revision;
        if number == 0 {
            return self.living(status, in_force, spec).await;
        }
        if number == in_force || status.damaged {
            return Ok(None);
        }
        if let Some((uid, good)) = &self.known
            && (uid, good.revision) == (&status.uid, number)
        {
            return Ok(Some(good.clone()));
        }
        let spec = match self.read {
            Some(_) => self.get(number).await?.and_then(Result::ok),
            None => self
                .store
                .get(&items::revision_key(self.name, number))
                .await?
                .and_then(|item| parse_revision(item).ok()),
        };
        let spec = spec.and_then(|revision| crds_schema::parse_accepted(&revision.document).ok());
        Ok(spec.map(|environment| Good { revision: number, spec: environment.spec }))
    }

    /// A STATUS of a version that did not note which revision was good: the last one that a member was launched from which
    /// lives still.
    async fn living(
        &mut self,
        status: &Status,
        in_force: u64,
        spec: Option<&Spec>,
    ) -> Result<Option<Good>, StoreError> {
        let wanted = spec.and_then(Template::of).map(|template| template.hash());
        let others =
            status.instances.iter().map(|member| &member.template).filter(|hash| Some(*hash) != wanted.as_ref());
        let others: BTreeSet<&String> = others.collect();
        if others.is_empty() || status.damaged {
            return Ok(None);
        }
        let before = self.all().await?.iter().rev().filter(|(number, _)| *number < in_force);
        let specs = before.filter_map(|(number, item)| {
            let revision = parse_revision(item.clone()).ok().filter(|revision| revision.valid)?;
            Some((*number, crds_schema::parse_accepted(&revision.document).ok()?.spec))
        });
        let is_of = |spec: &Spec| Template::of(spec).is_some_and(|template| others.contains(&template.hash()));
        let mut found = specs.filter(|(_, spec)| is_of(spec));
        Ok(found.next().map(|(revision, spec)| Good { revision, spec }))
    }

    /// Those that `generation` pushes out: all but the last 20, those in `kept` (the one in force and the last good one),
    /// and those that an open intent's user data is in.
    async fn outdated(&mut self, generation: u64, kept: [u64; 2]) -> Result<Vec<Key>, StoreError> {
        let name = self.name;
        let intents = self.intents.iter().flat_map(user_data_of);
        let needed: BTreeSet<u64> = intents.chain(kept).chain([generation]).collect();
        let first_kept = generation.saturating_sub(REVISIONS_KEPT - 1);
        let numbers = self.all().await?.iter().map(|(number, _)| *number);
        let outdated = numbers.filter(|number| *number < first_kept && !needed.contains(number));
        Ok(outdated.take(OUTDATED_MAX).map(|number| items::revision_key(name, number)).collect())
    }
}

fn number_of(revision: &Item) -> Option<u64> {
    items::text(revision, "sk").strip_prefix(REVISIONS)?.parse().ok()
}

fn parse_revision(item: Item) -> Result<Revision, String> {
    serde_json::from_value(Value::Object(item)).map_err(|error| error.to_string())
}

fn user_data_of(intent: &Intent) -> Option<u64> {
    if let Write::Instance(InstanceWrite::Run(run)) = &intent.write
        && let Some(UserData::Revision(number)) = run.user_data
    {
        Some(number)
    } else {
        None
    }
}

fn unreadable(key: &Key, why: &str) -> StoreError {
    StoreError::Failed { operation: "GetItem".into(), message: format!("item {} {} {why}", key.pk, key.sk) }
}

#[cfg(test)]
mod tests;
