//! The store over the embedded DynamoDB: real requests, real replies.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidesCredentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{AttributeValue, KeySchemaElement, KeyType};
use jiff::{SignedDuration, Timestamp};
use ports::{Change, Condition, Item, Key, Query, RecordStore, Sent, StoreError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::DynamoDb;
use super::embedded::Embedded;
use super::table::{Feature, Outcome, TableError};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs `test` over a table of its own.
fn with_table<T>(test: impl AsyncFnOnce(DynamoDb) -> T) -> T {
    let embedded = Embedded::start().unwrap();
    block_on(async {
        let store = DynamoDb::new(&embedded.sdk_config(), "understudy");
        store.create_table().await.unwrap();
        test(store).await
    })
}

fn item(value: Value) -> Item {
    value.as_object().unwrap().clone()
}

fn numbered(pk: &str, sk: &str, n: u32) -> Item {
    item(json!({"pk": pk, "sk": sk, "n": n}))
}

fn everything(pk: &str, prefix: &str) -> Query {
    Query { pk: pk.to_owned(), prefix: prefix.to_owned(), descending: false, limit: None }
}

fn sort_keys(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item["sk"].as_str().unwrap()).collect()
}

#[test]
fn the_embedded_store_conforms() {
    with_table(async |store| simulator::conformance::suite(&store, "conformance").await);
}

#[test]
fn an_item_comes_back_as_it_was_written() {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (any::<i32>(), 1..1000_i32).prop_map(|(n, d)| f64::from(n) / f64::from(d)).prop_map(Value::from),
        "[ -~é€😀]{0,12}".prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z.#:]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    with_table(async |store| {
        let mut runner = TestRunner::default();
        let strategy = value.prop_filter("whole doubles come back as integers", |value| !has_whole_double(value));
        for _ in 0..64 {
            let value = strategy.new_tree(&mut runner).unwrap().current();
            let written = item(json!({"pk": "p", "sk": "s", "value": value}));
            store.write(vec![Change::Put(written.clone(), vec![])]).await.unwrap();
            assert_eq!(store.get(&Key::new("p", "s")).await.unwrap(), Some(written.clone()));
            // And what was read can be demanded, whatever it is.
            let unchanged = vec![Condition::Equals("value".into(), written["value"].clone())];
            store.write(vec![Change::Put(written, unchanged)]).await.unwrap();
        }
    });
}

fn has_whole_double(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() && number.as_f64().unwrap().fract() == 0.0,
        Value::Array(values) => values.iter().any(has_whole_double),
        Value::Object(map) => map.values().any(has_whole_double),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

#[test]
fn what_json_cannot_hold_is_made_plain_and_fails_no_read() {
    with_table(async |store| {
        let put = store.client.put_item().table_name("understudy");
        let put = put.item("pk", AttributeValue::S("p".into())).item("sk", AttributeValue::S("s".into()));
        let put = put.item("n", AttributeValue::N("3.14159265358979323846".into()));
        put.item("set", AttributeValue::Ss(vec!["b".into(), "a".into()])).send().await.unwrap();
        let keys = [Key::new("p", "s")];
        let expected = item(json!({"pk": "p", "sk": "s", "n": "3.14159265358979323846", "set": ["a", "b"]}));
        assert_eq!(store.get_many(&keys).await.unwrap(), [expected]);
    });
}

#[test]
fn each_condition_holds_exactly_when_it_says() {
    with_table(async |store| {
        let key = Key::new("p", "s");
        let there = item(json!({"pk": "p", "sk": "s", "size": 1, "a.b": {"list": [1, "x"]}}));
        let cases = [
            (Condition::Exists, true, false),
            (Condition::Absent, false, true),
            (Condition::Equals("size".into(), json!(1)), true, false),
            (Condition::Equals("size".into(), json!(2)), false, false),
            (Condition::Equals("size".into(), json!("1")), false, false),
            (Condition::Equals("a.b".into(), json!({"list": [1, "x"]})), true, false),
            (Condition::Equals("a.b".into(), json!({"list": ["x", 1]})), false, false),
            (Condition::Lacks("size".into()), false, true),
            (Condition::Lacks("other".into()), true, true),
        ];
        for (condition, if_there, if_absent) in cases {
            for (is_there, holds) in [(true, if_there), (false, if_absent)] {
                let conditions = vec![condition.clone()];
                let changes = [
                    Change::Put(there.clone(), conditions.clone()),
                    Change::Delete(key.clone(), conditions.clone()),
                    Change::Check(key.clone(), conditions),
                ];
                for change in changes {
                    let setup =
                        if is_there { Change::Put(there.clone(), vec![]) } else { Change::Delete(key.clone(), vec![]) };
                    store.write(vec![setup]).await.unwrap();
                    let expected = if holds { Ok(()) } else { Err(StoreError::ConditionFailed { failed: vec![0] }) };
                    assert_eq!(store.write(vec![change.clone()]).await, expected, "{change:?}, there: {is_there}");
                }
            }
        }
    });
}

#[test]
fn all_conditions_of_a_part_must_hold() {
    with_table(async |store| {
        store.write(vec![Change::Put(numbered("p", "s", 1), vec![])]).await.unwrap();
        let both = vec![Condition::Exists, Condition::Equals("n".into(), json!(2))];
        let failed = store.write(vec![Change::Put(numbered("p", "s", 3), both)]).await;
        assert_eq!(failed, Err(StoreError::ConditionFailed { failed: vec![0] }));
        assert_eq!(store.get(&Key::new("p", "s")).await.unwrap(), Some(numbered("p", "s", 1)));
        // A check without a condition always holds.
        store.write(vec![Change::Check(Key::new("p", "nowhere"), vec![])]).await.unwrap();
    });
}

#[test]
fn a_transaction_writes_all_or_nothing_and_names_the_parts_that_failed() {
    with_table(async |store| {
        store.write(vec![Change::Put(numbered("p", "lease", 1), vec![])]).await.unwrap();
        let changes = |epoch: u32| {
            vec![
                Change::Put(numbered("p", "a", 1), vec![Condition::Absent]),
                Change::Check(Key::new("p", "lease"), vec![Condition::Equals("n".into(), json!(epoch))]),
                Change::Delete(Key::new("p", "b"), vec![]),
                Change::Put(numbered("p", "c", 1), vec![Condition::Absent]),
            ]
        };
        let stale = store.write(changes(2)).await;
        assert_eq!(stale, Err(StoreError::ConditionFailed { failed: vec![1] }));
        assert_eq!(sort_keys(&store.query(&everything("p", "")).await.unwrap()), ["lease"]);
        store.write(changes(1)).await.unwrap();
        assert_eq!(sort_keys(&store.query(&everything("p", "")).await.unwrap()), ["a", "c", "lease"]);
        let again = store.write(changes(1)).await;
        assert_eq!(again, Err(StoreError::ConditionFailed { failed: vec![0, 3] }));
    });
}

#[test]
fn a_transaction_takes_a_hundred_changes_and_no_write_is_no_call() {
    with_table(async |store| {
        let changes = (0..100).map(|n| Change::Put(numbered("p", &format!("{n:03}"), n), vec![])).collect();
        store.write(changes).await.unwrap();
        assert_eq!(store.query(&everything("p", "")).await.unwrap().len(), 100);
    });
    block_on(async { assert_eq!(DynamoDb::new(&elsewhere("http://127.0.0.1:1"), "t").write(vec![]).await, Ok(())) });
}

#[test]
fn a_query_is_whole_ordered_and_limited() {
    with_table(async |store| {
        // 60 items of 100 kB: six pages of a megabyte.
        let filler = "x".repeat(100_000);
        for n in 0..60 {
            let event = item(json!({"pk": "p", "sk": format!("EVENT#{n:02}"), "filler": filler}));
            store.write(vec![Change::Put(event, vec![])]).await.unwrap();
        }
        store.write(vec![Change::Put(numbered("p", "SPEC", 1), vec![])]).await.unwrap();
        store.write(vec![Change::Put(numbered("q", "EVENT#00", 1), vec![])]).await.unwrap();

        let events = store.query(&everything("p", "EVENT#")).await.unwrap();
        let expected: Vec<String> = (0..60).map(|n| format!("EVENT#{n:02}")).collect();
        assert_eq!(sort_keys(&events), expected);
        assert_eq!(store.query(&everything("p", "")).await.unwrap().len(), 61);
        assert_eq!(store.query(&everything("nobody", "")).await.unwrap(), Vec::<Item>::new());

        let last = Query { descending: true, limit: Some(2), ..everything("p", "EVENT#") };
        assert_eq!(sort_keys(&store.query(&last).await.unwrap()), ["EVENT#59", "EVENT#58"]);
        let many = Query { limit: Some(25), ..everything("p", "EVENT#") };
        assert_eq!(sort_keys(&store.query(&many).await.unwrap()), &expected[..25]);
        let none = Query { limit: Some(0), ..everything("p", "") };
        assert_eq!(store.query(&none).await.unwrap(), Vec::<Item>::new());
    });
}

#[test]
fn many_keys_are_read_in_batches_and_what_stays_unprocessed_is_asked_again() {
    with_table(async |store| {
        // 60 items of 390 kB exceed the 16 MB of one reply.
        let filler = "x".repeat(390_000);
        for n in 0..60 {
            let big = item(json!({"pk": "big", "sk": format!("{n:03}"), "filler": filler}));
            store.write(vec![Change::Put(big, vec![])]).await.unwrap();
        }
        let small: Vec<Change> =
            (0..250).map(|n| Change::Put(numbered("small", &format!("{n:03}"), n), vec![])).collect();
        for changes in small.chunks(100) {
            store.write(changes.to_vec()).await.unwrap();
        }
        let key = |pk: &str, n: u32| Key::new(pk, format!("{n:03}"));
        let mut keys: Vec<Key> = (0..60).map(|n| key("big", n)).chain((0..260).map(|n| key("small", n))).collect();
        keys.push(key("small", 0));
        let items = store.get_many(&keys).await.unwrap();
        let read: BTreeSet<(&str, &str)> =
            items.iter().map(|item| (item["pk"].as_str().unwrap(), item["sk"].as_str().unwrap())).collect();
        assert_eq!((items.len(), read.len()), (310, 310), "each item that exists, once");
        assert_eq!(store.get_many(&[]).await.unwrap(), Vec::<Item>::new());
    });
}

#[test]
fn keys_that_stay_unprocessed_are_an_error_and_not_absent() {
    let nothing = r#"{"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [{"pk": {"S": "p"}, "sk": {"S": "s"}}]}}}"#;
    let (endpoint, requests) = canned(vec![reply(200, nothing); 6]);
    let read = block_on(async { DynamoDb::new(&elsewhere(&endpoint), "t").get_many(&[Key::new("p", "s")]).await });
    assert!(matches!(read, Err(StoreError::Throttled { .. })), "{read:?}");
    assert_eq!(requests.iter().count(), 6);
}

#[test]
fn environments_are_found_by_kind() {
    with_table(async |store| {
        let name = |n: u32| format!("environment-with-a-longer-name-{n:04}");
        for n in 0..30 {
            let spec = item(json!({"pk": name(n), "sk": "SPEC", "kind": "StagingEnvironment", "spec": {}}));
            store.write(vec![Change::Put(spec, vec![])]).await.unwrap();
        }
        let status = item(json!({"pk": name(7), "sk": "STATUS", "kind": "StagingEnvironmentStatus"}));
        store.write(vec![Change::Put(status, vec![])]).await.unwrap();
        store.write(vec![Change::Put(numbered("_controller", "LEASE", 1), vec![])]).await.unwrap();

        let all: Vec<String> = (0..30).map(name).collect();
        assert_eq!(store.by_kind("StagingEnvironment").await.unwrap(), all);
        assert_eq!(store.by_kind("StagingEnvironmentStatus").await.unwrap(), [name(7)]);
        assert_eq!(store.by_kind("Nothing").await.unwrap(), [""; 0]);
    });
}

#[test]
fn bootstrap_twice_changes_nothing_the_second_time() {
    let embedded = Embedded::start().unwrap();
    block_on(async {
        let store = DynamoDb::new(&embedded.sdk_config(), "understudy");
        let first = store.create_table().await.unwrap();
        assert_eq!(
            first.to_string(),
            "table understudy created\ntime to live on expiresAt: turned on\n\
             point-in-time recovery: not known to this endpoint\ndeletion protection: turned on"
        );
        let second = store.create_table().await.unwrap();
        assert!(!second.created);
        assert_eq!(
            second.features,
            [
                (Feature::TimeToLive, Outcome::AlreadyOn),
                (Feature::PointInTimeRecovery, Outcome::Unknown),
                (Feature::DeletionProtection, Outcome::AlreadyOn),
            ]
        );
    });
}

#[test]
fn bootstrap_waits_for_a_new_table_and_its_backups() {
    let table = |state: &str| {
        let keys = |hash, range| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
        let types = ["pk", "sk", "kind"].map(|name| json!({"AttributeName": name, "AttributeType": "S"}));
        let index = json!({"IndexName": "by-kind", "IndexStatus": state, "KeySchema": keys("kind", "pk")});
        json!({"TableName": "t", "TableStatus": "ACTIVE", "KeySchema": keys("pk", "sk"), "AttributeDefinitions": types,
               "GlobalSecondaryIndexes": [index], "DeletionProtectionEnabled": true})
    };
    let described = |state| (200, json!({"Table": table(state)}));
    let backups = |state| {
        let recovery = json!({"PointInTimeRecoveryStatus": state});
        let all = json!({"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery});
        (200, json!({"ContinuousBackupsDescription": all}))
    };
    let namespace = "com.amazonaws.dynamodb.v20120810";
    let replies = [
        (400, json!({"__type": format!("{namespace}#ResourceNotFoundException")})),
        (200, json!({"TableDescription": table("CREATING")})),
        described("CREATING"),
        described("ACTIVE"),
        (200, json!({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}})),
        backups("DISABLED"),
        (400, json!({"__type": format!("{namespace}#ContinuousBackupsUnavailableException")})),
        backups("ENABLED"),
        described("ACTIVE"),
    ];
    let count = replies.len();
    let (endpoint, requests) = canned(replies.iter().map(|(status, body)| reply(*status, &body.to_string())).collect());
    let report = block_on(async { DynamoDb::new(&elsewhere(&endpoint), "t").create_table().await.unwrap() });
    assert_eq!(requests.iter().count(), count);
    assert!(report.created);
    assert_eq!(
        report.features,
        [
            (Feature::TimeToLive, Outcome::AlreadyOn),
            (Feature::PointInTimeRecovery, Outcome::TurnedOn),
            (Feature::DeletionProtection, Outcome::TurnedOn),
        ]
    );
}

#[test]
fn bootstrap_turns_on_what_was_turned_off() {
    with_table(async |store| {
        let update = store.client.update_table().table_name("understudy").deletion_protection_enabled(false);
        update.send().await.unwrap();
        let report = store.create_table().await.unwrap();
        assert_eq!(report.features[2], (Feature::DeletionProtection, Outcome::TurnedOn));
    });
}

#[test]
fn a_table_of_another_shape_is_refused_and_left_alone() {
    let embedded = Embedded::start().unwrap();
    block_on(async {
        let store = DynamoDb::new(&embedded.sdk_config(), "orders");
        let id =
            aws_sdk_dynamodb::types::AttributeDefinition::builder().attribute_name("id").attribute_type("N".into());
        let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
        let create = store.client.create_table().table_name("orders").billing_mode("PAY_PER_REQUEST".into());
        create.attribute_definitions(id.build().unwrap()).key_schema(hash).send().await.unwrap();

        let error = store.create_table().await.unwrap_err();
        let TableError::Shape { differs, .. } = &error else { panic!("{error}") };
        let wanted = ["its key is id (N), not pk (S), sk (S)", "its index by-kind is missing, not kind (S), pk (S)"];
        assert_eq!(*differs, wanted);
        let found = store.client.describe_table().table_name("orders").send().await.unwrap().table.unwrap();
        assert_ne!(found.deletion_protection_enabled, Some(true));
    });
}

#[test]
fn a_missing_table_is_named() {
    let embedded = Embedded::start().unwrap();
    block_on(async {
        let store = DynamoDb::new(&embedded.sdk_config(), "nowhere");
        let missing = StoreError::TableMissing { table: "nowhere".into() };
        let key = Key::new("p", "s");
        assert_eq!(store.get(&key).await, Err(missing.clone()));
        assert_eq!(store.get_many(std::slice::from_ref(&key)).await, Err(missing.clone()));
        assert_eq!(store.query(&everything("p", "")).await, Err(missing.clone()));
        assert_eq!(store.by_kind("k").await, Err(missing.clone()));
        assert_eq!(store.write(vec![Change::Put(numbered("p", "s", 1), vec![])]).await, Err(missing.clone()));
        assert_eq!(store.write(vec![Change::Check(key, vec![Condition::Exists])]).await, Err(missing));
    });
}

#[test]
fn the_servers_time_comes_with_an_item() {
    with_table(async |store| {
        let before = Timestamp::now();
        let (found, date) = store.get_with_date(&Key::new("p", "s")).await.unwrap();
        assert_eq!(found, None);
        // The header has whole seconds.
        let earliest = before - SignedDuration::from_secs(1);
        assert!((earliest..=Timestamp::now()).contains(&date.unwrap()), "{date:?}");
    });
}

#[test]
fn an_endpoint_that_does_not_answer_is_named() {
    let embedded = Embedded::start().unwrap();
    let endpoint = embedded.endpoint_url();
    drop(embedded);
    let store = DynamoDb::new(&elsewhere(&endpoint), "t");
    let put = vec![Change::Put(numbered("p", "s", 1), vec![])];
    block_on(async {
        for error in [store.get(&Key::new("p", "s")).await.unwrap_err(), store.write(put).await.unwrap_err()] {
            let StoreError::Unanswered { endpoint: named, sent, .. } = &error else { panic!("{error:?}") };
            assert_eq!((named, sent), (&endpoint, &Sent::Nothing), "nobody took the connection");
        }
    });
}

#[test]
fn a_lost_reply_leaves_a_write_uncertain_and_a_read_not() {
    let lost = || elsewhere(&canned(vec![String::new(); 3]).0);
    let put = vec![Change::Put(numbered("p", "s", 1), vec![])];
    let sent = |error| {
        let StoreError::Unanswered { sent, .. } = &error else { panic!("{error:?}") };
        *sent
    };
    block_on(async {
        let read = DynamoDb::new(&lost(), "t").get(&Key::new("p", "s")).await.unwrap_err();
        assert_eq!(sent(read), Sent::Read);
        let write = DynamoDb::new(&lost(), "t").write(put).await.unwrap_err();
        assert_eq!(sent(write), Sent::Write);
    });
}

#[test]
fn no_credentials_is_told_apart() {
    #[derive(Debug)]
    struct Nobody;
    impl ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> ProvidesCredentials<'a>
        where
            Self: 'a,
        {
            ProvidesCredentials::ready(Err(CredentialsError::not_loaded("no profile, no variable")))
        }
    }
    let config = elsewhere("http://127.0.0.1:1").into_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(Nobody)).build();
    let error = block_on(async { DynamoDb::new(&config, "t").get(&Key::new("p", "s")).await.unwrap_err() });
    assert!(matches!(error, StoreError::NoCredentials { .. }), "{error:?}");
    assert!(error.to_string().contains("no profile, no variable"), "{error}");
}

#[test]
fn what_was_never_sent_is_not_unanswered() {
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    let error = block_on(async { DynamoDb::new(&config, "t").get(&Key::new("p", "s")).await.unwrap_err() });
    assert!(matches!(&error, StoreError::Failed { operation, .. } if operation == "GetItem"), "{error:?}");
}

#[test]
fn a_refused_call_names_its_action_and_resource() {
    let body = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not you"}"#;
    let (endpoint, _) = canned(vec![reply(400, body)]);
    block_on(async {
        let error = DynamoDb::new(&elsewhere(&endpoint), "t").by_kind("k").await.unwrap_err();
        let (action, resource) = ("dynamodb:Query".to_owned(), "table/t".to_owned());
        let message = "AccessDeniedException: not you".to_owned();
        let code = "AccessDeniedException".to_owned();
        assert_eq!(error, StoreError::Denied { action, resource, code, message });
    });
}

#[test]
fn a_throttled_write_did_not_go_through_unless_an_attempt_before_it_may_have() {
    let throttled = reply(400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#);
    let lost = String::new();
    let write = |replies: Vec<String>| {
        let (endpoint, _) = canned(replies);
        let put = vec![Change::Put(numbered("p", "s", 1), vec![])];
        (block_on(async { DynamoDb::new(&elsewhere(&endpoint), "t").write(put).await.unwrap_err() }), endpoint)
    };
    let (error, _) = write(vec![throttled.clone(), throttled.clone(), throttled.clone()]);
    assert!(matches!(error, StoreError::Throttled { .. }), "{error:?}");
    let (error, endpoint) = write(vec![lost, throttled.clone(), throttled]);
    assert!(matches!(&error, StoreError::Unanswered { endpoint: named, .. } if *named == endpoint), "{error:?}");
}

#[test]
fn a_transaction_whose_answer_was_lost_is_sent_again_as_the_same_one() {
    let (endpoint, requests) = canned(vec![String::new(), reply(200, "{}")]);
    let check = vec![Change::Check(Key::new("p", "s"), vec![Condition::Exists])];
    block_on(async { DynamoDb::new(&elsewhere(&endpoint), "t").write(check).await.unwrap() });
    let bodies: Vec<Value> = requests.iter().map(|body| serde_json::from_str(&body).unwrap()).collect();
    assert_eq!(bodies.len(), 2);
    assert!(!bodies[0]["ClientRequestToken"].as_str().unwrap().is_empty());
    assert_eq!(bodies[0], bodies[1]);
}

#[test]
fn items_in_a_file_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    for (n, expected) in [(1, None), (2, Some(1))] {
        let embedded = Embedded::start_at(&path).unwrap();
        block_on(async {
            let store = DynamoDb::new(&embedded.sdk_config(), "understudy");
            assert_eq!(store.create_table().await.unwrap().created, expected.is_none());
            let found = store.get(&Key::new("p", "s")).await.unwrap();
            assert_eq!(found, expected.map(|n| numbered("p", "s", n)));
            store.write(vec![Change::Put(numbered("p", "s", n), vec![])]).await.unwrap();
        });
    }
}

#[test]
fn an_expired_item_is_read_and_one_in_a_file_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let key = Key::new("p", "EVENT#1");
    let serve = || {
        let embedded = Embedded::start_at(&path).unwrap();
        let store = DynamoDb::new(&embedded.sdk_config(), "understudy");
        (embedded, store)
    };
    let (embedded, store) = serve();
    block_on(async {
        store.create_table().await.unwrap();
        let expired = item(json!({"pk": "p", "sk": "EVENT#1", "expiresAt": 1_700_000_000}));
        store.write(vec![Change::Put(expired.clone(), vec![])]).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), Some(expired));
    });
    drop(embedded);
    // The time of what is in a file may have stood still since.
    let (_embedded, store) = serve();
    assert!(block_on(async { store.get(&key).await.unwrap() }).is_some());
}

/// A configuration for that endpoint, which tries again at once.
fn elsewhere(endpoint: &str) -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test"));
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).credentials_provider(credentials);
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    config.region(Region::from_static("us-east-2")).endpoint_url(endpoint).retry_config(retries).build()
}

/// An endpoint that gives these replies, one a connection, and the bodies of the requests. An empty reply is a connection
/// closed after its request came.
fn canned(replies: Vec<String>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for reply in replies {
            let (mut connection, _) = listener.accept().unwrap();
            let body = read_request(&mut connection);
            connection.write_all(reply.as_bytes()).unwrap();
            // A test that does not look at them has dropped the receiver.
            let _ = sender.send(body);
        }
    });
    (endpoint, requests)
}

/// The body of the request.
fn read_request(connection: &mut impl Read) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8(read.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
            if body.len() >= length.trim().parse().unwrap() {
                return body.to_owned();
            }
        }
        let count = connection.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the client hung up in the middle of a request");
        read.extend_from_slice(&buffer[..count]);
    }
}

fn reply(status: u16, body: &str) -> String {
    let length = body.len();
    let head = "connection: close\r\ncontent-type: application/x-amz-json-1.0";
    format!("HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")
}
