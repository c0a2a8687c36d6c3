//! How the table's items are keyed, aged and numbered: the one place that spells their sort keys.
//!
//! In: names, ids, instants. Out: keys, and items without what is expired.
//! Never: reads or writes the table. What stands in the items is known to [`crate::records`], [`crate::journal`],
//! [`crate::recorder`], [`crate::lease`] and [`crate::heartbeat`].

use std::time::Duration;

use jiff::Timestamp;
use ports::{Item, Key};
use serde::Serialize;
use serde_json::{Map, Value};

/// The controller's own partition. No environment can be named so.
pub const CONTROLLER: &str = "_controller";
/// What users want.
pub const SPEC: &str = "SPEC";
/// What the controller remembers and says.
pub const STATUS: &str = "STATUS";
/// The wish to delete.
pub const DELETION: &str = "DELETION";
/// Which replica works.
pub const LEASE: &str = "LEASE";
/// That it is alive.
pub const HEARTBEAT: &str = "HEARTBEAT";
/// Revisions.
pub const REVISIONS: &str = "REV#";
/// Intents, open and closed.
pub const INTENTS: &str = "INTENT#";
/// Intents whose create call may still take effect.
pub const OPEN_INTENTS: &str = "INTENT#open#";
/// Intents that are settled.
pub const CLOSED_INTENTS: &str = "INTENT#closed#";
/// Passes that were journalled and not concluded.
pub const OPEN_PASSES: &str = "JOURNAL#open#";
/// Passes that are over.
pub const DONE_PASSES: &str = "JOURNAL#done#";
/// Events.
pub const EVENTS: &str = "EVENT#";

/// `kind` of a STATUS item, by which the index finds an environment whose SPEC was removed.
pub const STATUS_KIND: &str = "StagingEnvironmentStatus";

/// How long closed intents and journal entries are kept: long enough to look into last week's trouble.
pub const CLOSED_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long events are kept: two weeks, so that one can look back over a holiday.
pub const EVENTS_KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

const EXPIRES_AT: &str = "expiresAt";

/// The key of a revision; sort keys stand in the order of the numbers.
pub fn revision_key(name: &str, number: u64) -> Key {
    Key::new(name, format!("{REVISIONS}{number:010}"))
}

/// The key of an item of that prefix and id.
pub fn key(name: &str, prefix: &str, id: &str) -> Key {
    Key::new(name, format!("{prefix}{id}"))
}

/// An id whose order as text is the order in time; `nth` orders those of one instant, `draw` keeps any two apart.
pub fn sortable_id(now: Timestamp, nth: usize, draw: u64) -> String {
    // The low half of a draw: 32 bits within one microsecond of one environment.
    let chance = draw & u64::from(u32::MAX);
    format!("{}-{nth:03}-{chance:08x}", now.strftime("%Y%m%dT%H%M%S.%6fZ"))
}

/// An item of that key with the fields of `body`, and, if it is not kept for good, the second after which it expires.
pub fn item(key: &Key, body: &impl Serialize, expires: Option<Timestamp>) -> Item {
    let mut item: Item = Map::new();
    // Our own types: maps with text keys and no failing serializer, so there is always an object.
    if let Ok(Value::Object(fields)) = serde_json::to_value(body) {
        item.extend(fields);
    }
    item.insert("pk".into(), key.pk.clone().into());
    item.insert("sk".into(), key.sk.clone().into());
    if let Some(at) = expires {
        item.insert(EXPIRES_AT.into(), at.as_second().into());
    }
    item
}

/// `now`, and `kept` more.
pub fn expiry(now: Timestamp, kept: Duration) -> Option<Timestamp> {
    now.checked_add(kept).ok()
}

/// Whether an item has not expired. DynamoDB goes on returning expired ones for days.
pub fn is_live(item: &Item, now: Timestamp) -> bool {
    item.get(EXPIRES_AT).and_then(Value::as_i64).is_none_or(|at| at > now.as_second())
}

/// A text attribute; empty when there is none.
pub fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The key of an item.
pub fn key_of(item: &Item) -> Key {
    Key::new(text(item, "pk"), text(item, "sk"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ids_stand_in_the_order_of_time_then_of_telling() {
        let ids = [
            sortable_id(at("2026-11-24T09:00:00.000009Z"), 0, u64::MAX),
            sortable_id(at("2026-11-24T09:00:00.00001Z"), 0, 7),
            sortable_id(at("2026-11-24T09:00:00.00001Z"), 10, 3),
            sortable_id(at("2026-12-01T00:00:00Z"), 9, 0),
        ];
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(ids[1], "20261124T090000.000010Z-000-00000007");
    }

    #[test]
    fn revisions_stand_in_the_order_of_their_numbers() {
        assert!(revision_key("a", 9) < revision_key("a", 10));
        assert_eq!(revision_key("a", 10).sk, "REV#0000000010");
    }

    #[test]
    fn an_item_expires_at_its_second() {
        let key = key("a", EVENTS, "1");
        let expires = expiry(at("2026-11-24T09:00:00Z"), Duration::from_secs(60));
        let item = item(&key, &json!({"pk": "other", "time": 1}), expires);
        assert_eq!((key_of(&item), &item["time"]), (key, &json!(1)));
        assert!(is_live(&item, at("2026-11-24T09:00:59Z")));
        assert!(!is_live(&item, at("2026-11-24T09:01:00Z")));
        assert!(is_live(&Item::new(), Timestamp::MAX), "one that does not expire");
    }
}
