//! What every [`RecordStore`] must do: run over the simulated table here, over DynamoDB's client elsewhere.
//!
//! In: a store, and a name; partitions that begin with it must be free. It panics with what differs, and leaves its items
//! there. Never: sleeps; what is seen late is asked for again.

use ports::{Change, Condition, Item, Key, Query, RecordStore, StoreError};
use serde_json::{Value, json};

/// How often the index is asked again.
const POLLS_MAX: u32 = 2_000;

/// Runs every check. `name` names the store in messages, and its partitions.
///
/// # Panics
/// When the store does not do what it must.
pub async fn suite(store: &dyn RecordStore, name: &str) {
    let suite = Suite { store, name };
    suite.values_come_back_as_they_were_written().await;
    suite.conditions_hold_or_nothing_is_written().await;
    suite.an_update_is_conditional_on_a_map().await;
    suite.a_transaction_is_all_or_nothing().await;
    suite.one_item_stands_once_in_a_transaction().await;
    suite.a_hundred_changes_fit_into_one_transaction().await;
    suite.deleting_what_is_absent_is_no_error().await;
    suite.a_query_is_ordered_and_cut().await;
    suite.a_query_reads_all_pages().await;
    suite.many_keys_are_read_at_once().await;
    suite.kinds_are_found_in_the_end().await;
}

struct Suite<'a> {
    store: &'a dyn RecordStore,
    name: &'a str,
}

impl Suite<'_> {
    fn key(&self, partition: &str, sk: &str) -> Key {
        Key::new(format!("{}-{partition}", self.name), sk)
    }

    fn item(&self, partition: &str, sk: &str, rest: Value) -> Item {
        let key = self.key(partition, sk);
        let mut item = Item::from_iter([("pk".to_owned(), json!(key.pk)), ("sk".to_owned(), json!(key.sk))]);
        let Value::Object(rest) = rest else { panic!("the suite writes objects") };
        item.extend(rest);
        item
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        // A conflict means that nothing was done, and to try again.
        for _ in 0..100 {
            match self.store.write(changes.clone()).await {
                Err(StoreError::TransactionConflict) => {}
                done => return done,
            }
        }
        panic!("{}: a write met a conflict a hundred times", self.name);
    }

    async fn put(&self, item: Item) {
        let done = self.write(vec![Change::Put(item, Vec::new())]).await;
        assert_eq!(done, Ok(()), "{}: a put without conditions", self.name);
    }

    async fn get(&self, key: &Key) -> Option<Item> {
        self.store.get(key).await.unwrap_or_else(|error| panic!("{}: get {key:?}: {error}", self.name))
    }

    async fn query(&self, query: Query) -> Vec<Item> {
        self.store.query(&query).await.unwrap_or_else(|error| panic!("{}: {query:?}: {error}", self.name))
    }

    async fn expect_failed(&self, changes: Vec<Change>, failed: &[usize], what: &str) {
        let expected = Err(StoreError::ConditionFailed { failed: failed.to_vec() });
        assert_eq!(self.write(changes).await, expected, "{}: {what}", self.name);
    }

    async fn values_come_back_as_they_were_written(&self) {
        let item = self.item(
            "values",
            "ALL",
            json!({
                "text": "ünïcode \"quoted\"\n", "empty": "", "yes": true, "no": false, "nothing": null,
                "zero": 0, "negative": -7, "large": 9_007_199_254_740_993_i64, "part": 0.25, "u64": u64::from(u32::MAX) * 4,
                "list": [1, "two", null, [3, {"four": 4}], {}], "map": {"a": {"b": {"c": [true, null]}}},
                "emptyList": [], "emptyMap": {}, "understudy:uid": "env-1", "a.b": 1, "#x": 2, ":y": 3
            }),
        );
        self.put(item.clone()).await;
        let read = self.get(&self.key("values", "ALL")).await;
        assert_eq!(read, Some(item), "{}: an item comes back as it was written", self.name);
        assert_eq!(self.get(&self.key("values", "NONE")).await, None, "{}: an absent item", self.name);
    }

    async fn conditions_hold_or_nothing_is_written(&self) {
        let key = self.key("conditions", "A");
        let put = |n: i64, conditions: &[Condition]| {
            vec![Change::Put(
                self.item("conditions", "A", json!({"n": n, "s": "x", "reserved": null})),
                conditions.to_vec(),
            )]
        };
        let equals = |name: &str, value: Value| Condition::Equals(name.to_owned(), value);
        self.expect_failed(put(1, &[Condition::Exists]), &[0], "Exists of an absent item").await;
        self.expect_failed(put(1, &[equals("n", json!(1))]), &[0], "Equals of an absent item").await;
        assert_eq!(self.get(&key).await, None, "{}: a refused write leaves nothing", self.name);
        assert_eq!(self.write(put(1, &[Condition::Absent])).await, Ok(()), "{}: Absent of an absent item", self.name);
        self.expect_failed(put(2, &[Condition::Absent]), &[0], "Absent of a present item").await;
        self.expect_failed(put(2, &[equals("n", json!(2))]), &[0], "Equals of another number").await;
        self.expect_failed(put(2, &[equals("n", json!("1"))]), &[0], "Equals of a string that looks like the number")
            .await;
        self.expect_failed(put(2, &[equals("m", json!(1))]), &[0], "Equals of an attribute that is not there").await;
        self.expect_failed(put(2, &[Condition::Lacks("s".into())]), &[0], "Lacks of an attribute that is there").await;
        self.expect_failed(put(2, &[Condition::Lacks("reserved".into())]), &[0], "Lacks of one that is null").await;
        let both = [Condition::Exists, equals("n", json!(1)), equals("s", json!("y"))];
        self.expect_failed(put(2, &both), &[0], "all conditions of a part must hold").await;
        let all =
            [Condition::Exists, equals("n", json!(1)), equals("reserved", Value::Null), Condition::Lacks("m".into())];
        assert_eq!(self.write(put(2, &all)).await, Ok(()), "{}: conditions that hold", self.name);
        let read = self.get(&key).await.and_then(|item| item.get("n").cloned());
        assert_eq!(read, Some(json!(2)), "{}: a write whose conditions hold is done", self.name);
        let delete = |value| vec![Change::Delete(key.clone(), vec![equals("n", value)])];
        self.expect_failed(delete(json!(1)), &[0], "a delete whose condition does not hold").await;
        assert_eq!(self.write(delete(json!(2))).await, Ok(()), "{}: a delete whose condition holds", self.name);
        assert_eq!(self.get(&key).await, None, "{}: a deleted item", self.name);
    }

    async fn an_update_is_conditional_on_a_map(&self) {
        let spec = json!({"count": 2, "list": [1, {"a": null}], "nested": {"x": "1", "y": [true]}});
        self.put(self.item("maps", "SPEC", json!({ "spec": spec }))).await;
        let put = |on: Value| {
            let item = self.item("maps", "SPEC", json!({"spec": {"count": 3}}));
            vec![Change::Put(item, vec![Condition::Equals("spec".to_owned(), on)])]
        };
        let other = json!({"count": 2, "list": [1, {"a": null}], "nested": {"x": "1", "y": [false]}});
        self.expect_failed(put(other), &[0], "a map that differs deep inside").await;
        let longer = json!({"count": 2, "list": [1, {"a": null}], "nested": {"x": "1", "y": [true]}, "more": 1});
        self.expect_failed(put(longer), &[0], "a map with one more entry").await;
        let reordered = json!({"nested": {"y": [true], "x": "1"}, "list": [1, {"a": null}], "count": 2});
        assert_eq!(self.write(put(reordered)).await, Ok(()), "{}: an equal map in another order", self.name);
    }

    async fn a_transaction_is_all_or_nothing(&self) {
        let put = |sk: &str, conditions| Change::Put(self.item("atomic", sk, json!({"v": sk})), conditions);
        let check = |sk: &str, conditions| Change::Check(self.key("atomic", sk), conditions);
        self.put(self.item("atomic", "LEASE", json!({"epoch": 4}))).await;
        let epoch = |n: i64| vec![Condition::Equals("epoch".to_owned(), json!(n))];
        let stale = vec![put("A", vec![]), check("LEASE", epoch(3)), put("B", vec![Condition::Absent])];
        self.expect_failed(stale, &[1], "a check that does not hold").await;
        assert_eq!(self.get(&self.key("atomic", "A")).await, None, "{}: nothing of a refused transaction", self.name);
        let several = vec![
            put("A", vec![Condition::Exists]),
            put("B", vec![Condition::Absent]),
            check("LEASE", epoch(5)),
            check("NONE", vec![Condition::Absent]),
        ];
        self.expect_failed(several, &[0, 2], "every part that failed is named, no other").await;
        let good = vec![put("A", vec![Condition::Absent]), check("LEASE", epoch(4)), put("B", vec![Condition::Absent])];
        assert_eq!(self.write(good).await, Ok(()), "{}: a transaction whose conditions hold", self.name);
        let mixed = vec![
            Change::Delete(self.key("atomic", "A"), vec![Condition::Exists]),
            put("B", vec![Condition::Exists]),
            put("C", vec![]),
        ];
        assert_eq!(self.write(mixed).await, Ok(()), "{}: puts and deletes in one transaction", self.name);
        let left = self.query(self.all_of("atomic")).await;
        let left: Vec<&Value> = left.iter().filter_map(|item| item.get("sk")).collect();
        assert_eq!(left, [&json!("B"), &json!("C"), &json!("LEASE")], "{}: what the transactions left", self.name);
        let alone = vec![check("LEASE", epoch(3))];
        self.expect_failed(alone, &[0], "a check alone").await;
        assert_eq!(self.write(vec![check("LEASE", epoch(4))]).await, Ok(()), "{}: a check alone that holds", self.name);
    }

    async fn one_item_stands_once_in_a_transaction(&self) {
        let put = || Change::Put(self.item("twice", "A", json!({})), Vec::new());
        let done = self.write(vec![put(), Change::Check(self.key("twice", "A"), vec![Condition::Absent])]).await;
        assert!(matches!(done, Err(StoreError::Failed { .. })), "{}: one item twice gives {done:?}", self.name);
        assert_eq!(self.get(&self.key("twice", "A")).await, None, "{}: nothing was written", self.name);
    }

    async fn a_hundred_changes_fit_into_one_transaction(&self) {
        let put =
            |n: usize| Change::Put(self.item("hundred", &format!("{n:03}"), json!({"n": n})), vec![Condition::Absent]);
        assert_eq!(self.write((0..100).map(put).collect()).await, Ok(()), "{}: a hundred changes", self.name);
        assert_eq!(self.query(self.all_of("hundred")).await.len(), 100, "{}: all of them", self.name);
        self.expect_failed((99..199).map(put).collect(), &[0], "one of a hundred does not hold").await;
        assert_eq!(self.query(self.all_of("hundred")).await.len(), 100, "{}: and none is written", self.name);
    }

    async fn deleting_what_is_absent_is_no_error(&self) {
        let key = self.key("absent", "A");
        assert_eq!(self.write(vec![Change::Delete(key.clone(), vec![])]).await, Ok(()), "{}: delete", self.name);
        self.expect_failed(vec![Change::Delete(key, vec![Condition::Exists])], &[0], "unless it must exist").await;
    }

    async fn a_query_is_ordered_and_cut(&self) {
        for sk in ["EVENT#2", "INTENT#a", "EVENT#10", "EVENT#1", "SPEC", "EVENT"] {
            self.put(self.item("query", sk, json!({}))).await;
        }
        self.put(self.item("query2", "EVENT#0", json!({}))).await;
        let ask = |prefix: &str, descending, limit| Query {
            prefix: prefix.to_owned(),
            descending,
            limit,
            ..self.all_of("query")
        };
        let cases = [
            (ask("EVENT#", false, None), vec!["EVENT#1", "EVENT#10", "EVENT#2"]),
            (ask("EVENT#", true, Some(2)), vec!["EVENT#2", "EVENT#10"]),
            (ask("EVENT", false, Some(2)), vec!["EVENT", "EVENT#1"]),
            (ask("", true, Some(1)), vec!["SPEC"]),
            (ask("NONE", false, None), vec![]),
        ];
        for (query, expected) in cases {
            let found = self.query(query.clone()).await;
            let found: Vec<&str> = found.iter().filter_map(|item| item.get("sk").and_then(Value::as_str)).collect();
            assert_eq!(found, expected, "{}: {query:?}", self.name);
        }
    }

    /// DynamoDB ends a page at 1 MB.
    async fn a_query_reads_all_pages(&self) {
        let filler = "x".repeat(100_000);
        for n in 0..25 {
            self.put(self.item("pages", &format!("ROW#{n:02}"), json!({"n": n, "filler": filler}))).await;
        }
        let numbers =
            |items: Vec<Item>| items.iter().filter_map(|i| i.get("n").and_then(Value::as_i64)).collect::<Vec<_>>();
        let all = numbers(self.query(self.all_of("pages")).await);
        assert_eq!(all, (0..25).collect::<Vec<_>>(), "{}: all pages", self.name);
        let last = Query { descending: true, limit: Some(15), ..self.all_of("pages") };
        let last = numbers(self.query(last).await);
        assert_eq!(last, (10..25).rev().collect::<Vec<_>>(), "{}: a limit beyond the first page", self.name);
    }

    /// BatchGetItem takes 100 keys and answers with 16 MB at most.
    async fn many_keys_are_read_at_once(&self) {
        let sk = |n: usize| format!("{n:03}");
        for start in (0..250).step_by(50) {
            let put = |n: usize| Change::Put(self.item("many", &sk(n), json!({"n": n})), vec![]);
            assert_eq!(self.write((start..start + 50).map(put).collect()).await, Ok(()), "{}: fifty puts", self.name);
        }
        let keys: Vec<Key> = (0..300).map(|n| self.key("many", &sk(n))).collect();
        let found = self.store.get_many(&keys).await.unwrap_or_else(|error| panic!("{}: get_many: {error}", self.name));
        let mut numbers: Vec<i64> = found.iter().filter_map(|item| item.get("n").and_then(Value::as_i64)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..250).collect::<Vec<_>>(), "{}: those of 300 keys that exist", self.name);
        let none = self.store.get_many(&[]).await;
        assert_eq!(none, Ok(Vec::new()), "{}: no keys, no items", self.name);
    }

    async fn kinds_are_found_in_the_end(&self) {
        let kind = format!("{}Kind", self.name);
        for partition in ["kind-b", "kind-a"] {
            self.put(self.item(partition, "SPEC", json!({"kind": kind}))).await;
            self.put(self.item(partition, "OTHER", json!({"kind": "Other"}))).await;
        }
        self.put(self.item("kind-c", "STATUS", json!({"note": "without a kind"}))).await;
        self.expect_kind(&kind, &["kind-a", "kind-b"]).await;
        self.put(self.item("kind-a", "SPEC", json!({"note": "no more"}))).await;
        let gone = Change::Delete(self.key("kind-b", "SPEC"), vec![]);
        assert_eq!(self.write(vec![gone]).await, Ok(()), "{}: delete", self.name);
        self.expect_kind(&kind, &[]).await;
    }

    async fn expect_kind(&self, kind: &str, partitions: &[&str]) {
        let expected: Vec<String> = partitions.iter().map(|partition| self.key(partition, "").pk).collect();
        let mut found = Vec::new();
        for _ in 0..POLLS_MAX {
            found = self.store.by_kind(kind).await.unwrap_or_else(|error| panic!("{}: by_kind: {error}", self.name));
            found.sort();
            if found == expected {
                return;
            }
        }
        panic!("{}: by_kind({kind}) still gives {found:?} instead of {expected:?}", self.name);
    }

    fn all_of(&self, partition: &str) -> Query {
        Query { pk: self.key(partition, "").pk, prefix: String::new(), descending: false, limit: None }
    }
}
