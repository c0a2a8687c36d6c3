//! What the table says of an environment, read as people are to understand it.
//!
//! In: its SPEC, STATUS and DELETION, and the controller's HEARTBEAT. Out: [`View`], with [`View::ready`] as it is to be
//! believed now, and the Kubernetes-shaped [`View::document`].
//! Never: writes, asks AWS, or compares DynamoDB's times with the local clock: `now` is the Date of DynamoDB's own reply.

use std::collections::BTreeMap;

use crds_schema::spec::{API_VERSION, KIND};
use crds_schema::spec_hash;
use engine::heartbeat::Beat;
use engine::items::{self, CONTROLLER, DELETION, HEARTBEAT, SPEC, STATUS, STATUS_KIND};
use jiff::{SignedDuration, Timestamp};
use planner::reason::Reason;
use planner::status::{Condition, ConditionType, Status, Truth};
use ports::{Item, Key, RecordStore as _, StoreError};
use serde_json::{Map, Value, json};

use crate::store::DynamoDb;

/// A heartbeat comes once a minute; after three without one nobody can say that STATUS still holds.
const HEARTBEAT_MAX: SignedDuration = SignedDuration::from_secs(180);

/// Fields of STATUS that stand in `metadata` of the document.
const OF_METADATA: [&str; 4] = ["uid", "generation", "creationTimestamp", "finalizers"];
/// Fields of the item that are the table's own.
const OF_TABLE: [&str; 3] = ["pk", "sk", "kind"];

/// One environment.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The SPEC item, if there is one.
    pub spec: Option<Item>,
    /// The STATUS item, if there is one.
    pub status_item: Option<Item>,
    /// The same, read; absent too when this version cannot read it.
    pub status: Option<Status>,
    /// The wish to delete, if there is one.
    pub deletion: Option<Item>,
    /// The controller's last report.
    pub beat: Option<Beat>,
    /// DynamoDB's clock.
    pub now: Timestamp,
}

/// `Ready`, as it is to be believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// Whether it is.
    pub status: Truth,
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence.
    pub message: String,
    /// Since when, where that is known.
    since: Option<Timestamp>,
    observed_generation: u64,
}

/// Reads one environment; `None` when the table has nothing of it.
pub async fn read(store: &DynamoDb, name: &str) -> Result<Option<View>, StoreError> {
    Ok(read_some(store, &[name.to_owned()]).await?.pop())
}

/// Reads every environment that the index names, in the order of their names.
pub async fn read_all(store: &DynamoDb) -> Result<Vec<View>, StoreError> {
    let mut names = store.by_kind(KIND).await?;
    names.extend(store.by_kind(STATUS_KIND).await?);
    names.sort();
    names.dedup();
    read_some(store, &names).await
}

/// HEARTBEAT is read first, so that `now` is never later than what is compared with it would allow.
async fn read_some(store: &DynamoDb, names: &[String]) -> Result<Vec<View>, StoreError> {
    let (beat, date) = store.get_with_date(&Key::new(CONTROLLER, HEARTBEAT)).await?;
    // Only an endpoint that sends no Date leaves the local clock as the second best.
    let now = date.unwrap_or_else(Timestamp::now);
    let beat = beat.and_then(|item| parsed::<Beat>("HEARTBEAT", item));
    let keys: Vec<Key> = names.iter().flat_map(|name| [SPEC, STATUS, DELETION].map(|sk| Key::new(name, sk))).collect();
    let mut found: BTreeMap<Key, Item> =
        store.get_many(&keys).await?.into_iter().map(|item| (items::key_of(&item), item)).collect();
    let views = names.iter().map(|name| {
        let mut take = |sk| found.remove(&Key::new(name, sk));
        let (spec, status_item, deletion) = (take(SPEC), take(STATUS), take(DELETION));
        let status = status_item.clone().and_then(|item| parsed("STATUS", item));
        View { name: name.clone(), spec, status_item, status, deletion, beat: beat.clone(), now }
    });
    Ok(views.filter(View::exists).collect())
}

fn parsed<T: serde::de::DeserializeOwned>(what: &'static str, item: Item) -> Option<T> {
    let name = items::text(&item, "pk").to_owned();
    serde_json::from_value(Value::Object(item))
        .inspect_err(|error| tracing::warn!(what, name, %error, "item cannot be read by this version"))
        .ok()
}

impl View {
    /// A DELETION that was left alone is no environment.
    fn exists(&self) -> bool {
        self.spec.is_some() || self.status_item.is_some()
    }

    /// Whether it is to be deleted.
    pub fn deleting(&self) -> bool {
        self.deletion.is_some()
    }

    /// The environment's identity, once a controller has seen it.
    pub fn uid(&self) -> Option<&str> {
        self.status_item.as_ref().map(|item| items::text(item, "uid"))
    }

    /// Hash of the SPEC that was read; empty when there is none, as in STATUS.
    fn hash(&self) -> String {
        self.spec.as_ref().map(|item| spec_hash(&Value::Object(item.clone()))).unwrap_or_default()
    }

    /// Why no controller can be believed to run, if so.
    pub fn unattended(&self) -> Option<String> {
        match self.beat.as_ref().map(|beat| beat.at) {
            None => Some("no controller has ever reported; start `understudy controller`".to_owned()),
            Some(at) if self.now.duration_since(at) <= HEARTBEAT_MAX => None,
            Some(at) => Some(format!("the last report of a controller is of {at:.0}; start `understudy controller`")),
        }
    }

    /// `Ready` as STATUS says it, if STATUS is about the SPEC that was read and somebody keeps it up to date.
    pub fn ready(&self) -> Ready {
        let stored = self.status.as_ref().and_then(|status| status.condition(ConditionType::Ready));
        let unknown = |reason: Reason, message: String| Ready {
            status: Truth::Unknown,
            reason,
            message,
            since: stored.filter(|c| c.status == Truth::Unknown).map(|c| c.last_transition_time),
            observed_generation: stored.map(|c| c.observed_generation).unwrap_or_default(),
        };
        let observed = self.status.as_ref().is_some_and(|status| status.spec_hash == self.hash());
        match (observed, self.unattended(), stored) {
            (true, None, Some(condition)) => Ready {
                status: condition.status,
                reason: condition.reason,
                message: condition.message.clone(),
                since: Some(condition.last_transition_time),
                observed_generation: condition.observed_generation,
            },
            (true, Some(why), _) => unknown(Reason::ControllerNotRunning, why),
            (false, Some(why), _) => {
                unknown(Reason::NotObserved, format!("no controller has seen the record as it is now: {why}"))
            }
            (_, None, _) => unknown(Reason::NotObserved, Reason::NotObserved.row().means.to_owned()),
        }
    }

    /// STATUS, where it is about the SPEC that was read and somebody keeps it up to date.
    pub fn believed(&self) -> Option<&Status> {
        let is_known = !matches!(self.ready().reason, Reason::NotObserved | Reason::ControllerNotRunning);
        self.status.as_ref().filter(|_| is_known)
    }

    /// Its conditions: `Ready` as it is to be believed, the others as they were written.
    pub fn conditions(&self) -> Vec<Value> {
        let ready = self.ready();
        let mut shown = json!({
            "type": ConditionType::Ready,
            "status": ready.status,
            "reason": ready.reason,
            "message": ready.message,
            "observedGeneration": ready.observed_generation,
        });
        if let Some(since) = ready.since {
            shown["lastTransitionTime"] = json!(since);
        }
        let written = self.status_item.as_ref().and_then(|item| item.get("conditions")).and_then(Value::as_array);
        let others = written.into_iter().flatten().filter(|condition| condition["type"] != "Ready").cloned();
        std::iter::once(shown).chain(others).collect()
    }

    /// SPEC and STATUS as one Kubernetes-shaped document; also while the spec is invalid.
    pub fn document(&self) -> Value {
        let of_spec = |name: &str| self.spec.as_ref().and_then(|item| item.get(name)).cloned();
        let mut document = Map::new();
        document.insert("apiVersion".into(), of_spec("apiVersion").unwrap_or_else(|| API_VERSION.into()));
        document.insert("kind".into(), of_spec("kind").unwrap_or_else(|| KIND.into()));
        document.insert("metadata".into(), self.metadata(of_spec("metadata")).into());
        if let Some(spec) = of_spec("spec") {
            document.insert("spec".into(), spec);
        }
        document.insert("status".into(), self.status_document().into());
        document.into()
    }

    fn metadata(&self, written: Option<Value>) -> Map<String, Value> {
        let mut metadata = match written {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        metadata.insert("name".into(), self.name.clone().into());
        for field in OF_METADATA {
            // What a user wrote there means nothing.
            metadata.remove(field);
            if let Some(value) = self.status_item.as_ref().and_then(|item| item.get(field)) {
                metadata.insert(field.into(), value.clone());
            }
        }
        metadata.remove("deletionTimestamp");
        if let Some(at) = self.deletion.as_ref().and_then(|item| item.get("requestedAt")) {
            metadata.insert("deletionTimestamp".into(), at.clone());
        }
        metadata
    }

    fn status_document(&self) -> Map<String, Value> {
        let mut status = self.status_item.clone().unwrap_or_default();
        status.retain(|name, _| !OF_TABLE.contains(&name.as_str()) && !OF_METADATA.contains(&name.as_str()));
        status.insert("conditions".into(), self.conditions().into());
        status
    }

    /// `instances.count` of the revision in force, or, before there is one, of the SPEC.
    pub fn desired(&self) -> Option<u64> {
        let seen = self.status.as_ref().filter(|status| status.revision > 0).map(|status| u64::from(status.desired));
        seen.or_else(|| self.spec.as_ref()?.get("spec")?.get("instances")?.get("count")?.as_u64())
    }

    /// How many members are healthy; of how many of them are of the revision in force, where that is not all.
    pub fn healthy(&self) -> Option<String> {
        let status = self.status.as_ref()?;
        // A STATUS of an older version does not say how many serve.
        let all_new = status.serving <= status.ready;
        Some(if all_new { status.ready.to_string() } else { format!("{} ({} new)", status.serving, status.ready) })
    }

    /// The condition that is `condition`, as it is to be believed.
    pub fn truth(&self, condition: ConditionType) -> (Truth, String) {
        let said = |condition: &Condition| (condition.status, format!("{}: {}", condition.reason, condition.message));
        let ready = self.ready();
        let believed = self.believed();
        match believed.and_then(|status| status.condition(condition)) {
            Some(found) if condition != ConditionType::Ready => said(found),
            // What STATUS says of another spec, or said long ago, is not known of this one either.
            Some(_) | None if condition == ConditionType::Ready || believed.is_none() => {
                (ready.status, format!("{}: {}", ready.reason, ready.message))
            }
            Some(_) | None => (Truth::Unknown, "it has not been looked at yet".to_owned()),
        }
    }
}

/// `at`, and how long it was before `now`, in one or two units: `45s`, `12m`, `3h5m`, `9d`.
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{minutes}m"),
        7200..172_800 if minutes % 60 == 0 => format!("{hours}h"),
        7200..172_800 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_api::id::EnvUid;

    use super::*;

    const NOW: &str = "2026-11-24T08:00:00Z";

    /// An environment with that status, which a controller wrote this very moment.
    pub fn shown(name: &str, mut status: Value, now: &str) -> View {
        let now: Timestamp = now.parse().unwrap();
        let spec = object(json!({"pk": name, "sk": "SPEC", "kind": KIND, "metadata": {"name": name}, "spec": {}}));
        status["specHash"] = spec_hash(&Value::Object(spec.clone())).into();
        let status: Status = serde_json::from_value(status).unwrap();
        let item = object(serde_json::to_value(&status).unwrap());
        let name = name.to_owned();
        let (spec, status_item, status) = (Some(spec), Some(item), Some(status));
        let beat = Beat {
            at: now,
            holder: "a-1-0".to_owned(),
            epoch: 1,
            passes: BTreeMap::new(),
            leads_since: None,
            before: None,
            looks_every_seconds: None,
        };
        View { name, spec, status_item, status, deletion: None, beat: Some(beat), now }
    }

    fn object(value: Value) -> Item {
        value.as_object().unwrap().clone()
    }

    /// An environment that a controller saw, whose heartbeat is so old.
    fn seen(beat_age: Option<i64>) -> View {
        let now: Timestamp = NOW.parse().unwrap();
        let spec = object(
            json!({"pk": "a", "sk": "SPEC", "kind": KIND, "metadata": {"name": "a", "uid": "mine"}, "spec": {"x": 1}}),
        );
        let mut status = Status::new(EnvUid::parse("env-1").unwrap(), now);
        status.spec_hash = spec_hash(&Value::Object(spec.clone()));
        status.conditions.push(Condition {
            kind: ConditionType::Ready,
            status: Truth::True,
            reason: Reason::AllHealthy,
            message: "all is well".into(),
            last_transition_time: now,
            observed_generation: 1,
        });
        let mut item = object(serde_json::to_value(&status).unwrap());
        item.extend(object(json!({"pk": "a", "sk": "STATUS", "kind": STATUS_KIND})));
        let beat = beat_age.map(|age| {
            let at = now - SignedDuration::from_secs(age);
            serde_json::from_value(json!({"at": at, "holder": "a-1-0", "epoch": 1, "passes": {}})).unwrap()
        });
        View {
            name: "a".into(),
            spec: Some(spec),
            status_item: Some(item),
            status: Some(status),
            deletion: None,
            beat,
            now,
        }
    }

    fn ready(view: &View) -> (Truth, Reason) {
        (view.ready().status, view.ready().reason)
    }

    #[test]
    fn ready_is_believed_while_a_controller_reports() {
        assert_eq!(ready(&seen(Some(0))), (Truth::True, Reason::AllHealthy));
        assert_eq!(ready(&seen(Some(180))), (Truth::True, Reason::AllHealthy));
        assert_eq!(ready(&seen(Some(181))), (Truth::Unknown, Reason::ControllerNotRunning));
        assert_eq!(ready(&seen(None)), (Truth::Unknown, Reason::ControllerNotRunning));
    }

    #[test]
    fn an_edit_that_was_not_seen_makes_ready_unknown() {
        let mut view = seen(Some(0));
        view.spec.as_mut().unwrap()["spec"] = json!({"x": 2});
        assert_eq!(ready(&view), (Truth::Unknown, Reason::NotObserved));
        view.spec = None;
        assert_eq!(ready(&view), (Truth::Unknown, Reason::NotObserved));
    }

    #[test]
    fn the_document_has_no_keys_of_the_table_and_a_uid_that_the_controller_gave() {
        let document = seen(Some(500)).document();
        assert_eq!(document["metadata"]["uid"], "env-1");
        assert_eq!(document["metadata"]["generation"], 0);
        assert_eq!(document["status"]["conditions"][0]["reason"], "ControllerNotRunning");
        for key in ["pk", "sk", "kind", "uid"] {
            assert_eq!(document["status"].get(key), None, "{key}");
        }
        assert_eq!(document["spec"], json!({"x": 1}));
    }

    #[test]
    fn who_serves_of_an_older_revision_is_counted_and_told_apart() {
        let healthy = |ready, serving| {
            let mut view = seen(Some(0));
            let status = view.status.as_mut().unwrap();
            (status.ready, status.serving) = (ready, serving);
            view.healthy().unwrap()
        };
        assert_eq!([healthy(2, 2), healthy(0, 2), healthy(1, 3)], ["2", "2 (0 new)", "3 (1 new)"]);
        assert_eq!(healthy(2, 0), "2", "a status of an older version");
    }

    #[test]
    fn ages_are_short() {
        let now: Timestamp = NOW.parse().unwrap();
        let ages = [5, 119, 120, 7199, 7200, 11_100, 172_800].map(|s| age(now - SignedDuration::from_secs(s), now));
        assert_eq!(ages, ["5s", "119s", "2m", "119m", "2h", "3h5m", "2d"]);
    }
}
