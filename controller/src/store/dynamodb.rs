//! [`RecordStore`] over aws-sdk-dynamodb.
//!
//! Reads are consistent and whole: every page is asked for, and what DynamoDB leaves unprocessed is asked again. A write
//! of one change is a conditional PutItem or DeleteItem, of several one TransactWriteItems.
//! The SDK tries again by itself, within [`CALL_LIMIT`]; a transaction carries the same token each time (the SDK makes
//! it), so that a lost answer does not apply it twice. Errors: `classify`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, TransactWriteItem};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use ports::{Change, Condition, Item, Key, Query, RecordStore, StoreError};

use super::classify::Call;
use super::condition::Expression;
use super::convert;
use super::table::BY_KIND;

/// How long a connection may take to stand.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long an answer may take to begin. Credentials are not in it: a provider may ask its own servers first.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How long a call may take with all its attempts: less than the 15 s of a lease, so that one that was asked at once
/// ends while the lease still stands.
const CALL_LIMIT: Duration = Duration::from_secs(12);
/// What BatchGetItem takes at most.
const BATCH_MAX: usize = 100;
/// How often a batch is asked again when nothing of it was processed.
const FRUITLESS_MAX: u32 = 5;
/// How long before it is asked again the first time; twice as long each time after, so under a second in all: whoever
/// reads a batch reads it again in a few.
const FRUITLESS_WAIT: Duration = Duration::from_millis(25);
/// Pages of at most 1 MB each. No partition and no index of ours comes near it.
const PAGES_MAX: usize = 1000;

type Attributes = HashMap<String, AttributeValue>;

/// One table of a DynamoDB endpoint.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    pub(super) client: Client,
    pub(super) table: String,
}

impl DynamoDb {
    /// The table of that name, where and as whom `config` says. Nothing is sent yet.
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        let limits = TimeoutConfig::builder()
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(ANSWER_LIMIT)
            .operation_timeout(CALL_LIMIT)
            .build();
        let client = Client::from_conf(Builder::from(config).timeout_config(limits).build());
        Self { client, table: table.into() }
    }

    /// The item of that key, and the time by DynamoDB's own clock when it answered, to the second. The time is absent
    /// only when an endpoint sends no `Date`.
    ///
    /// # Errors
    /// As [`RecordStore::get`].
    pub async fn get_with_date(&self, key: &Key) -> Result<(Option<Item>, Option<Timestamp>), StoreError> {
        let (found, date) = self.get_attributes(key).await?;
        Ok((found.map(convert::item), date))
    }

    /// An attribute of the item that no condition can be made from, because it is of a type that only others write (a
    /// set, binary): where it is, and what. `None`: the item can be compared with what is read of it.
    ///
    /// # Errors
    /// As [`RecordStore::get`].
    pub async fn foreign_attribute(&self, key: &Key) -> Result<Option<(String, &'static str)>, StoreError> {
        let (found, _) = self.get_attributes(key).await?;
        let sorted: BTreeMap<_, _> = found.unwrap_or_default().into_iter().collect();
        Ok(sorted.iter().find_map(|(name, attribute)| convert::foreign(name, attribute)))
    }

    async fn get_attributes(&self, key: &Key) -> Result<(Option<Attributes>, Option<Timestamp>), StoreError> {
        let call = self.call("GetItem");
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.set_key(Some(convert::key_attributes(key))).customize().interceptor(call.wire.clone());
        let output = request.send().boxed_local().await.map_err(|error| call.failed(&error))?;
        Ok((output.item, call.wire.date()))
    }

    pub(super) fn call(&self, operation: &'static str) -> Call {
        Call::new(operation, &self.table)
    }

    /// One batch, until all of it was processed.
    async fn get_batch(&self, keys: &[&Key]) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut left: Vec<Attributes> = keys.iter().map(|key| convert::key_attributes(key)).collect();
        let mut fruitless = 0;
        while !left.is_empty() {
            let asked = left.len();
            let call = self.call("BatchGetItem");
            let wanted = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(left));
            let wanted = wanted.build().map_err(|error| unbuildable(&call, &error))?;
            let request = self.client.batch_get_item().request_items(&self.table, wanted);
            let request = request.customize().interceptor(call.wire.clone());
            let output = request.send().boxed_local().await.map_err(|error| call.failed(&error))?;
            items.extend(output.responses.into_iter().flat_map(HashMap::into_values).flatten().map(convert::item));
            let unprocessed = output.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
            left = unprocessed.flat_map(|keys| keys.keys).collect();
            if left.len() < asked {
                fruitless = 0;
            } else if fruitless == FRUITLESS_MAX {
                return Err(call.throttled(format!("{asked} keys stayed unprocessed")));
            } else {
                tokio::time::sleep(FRUITLESS_WAIT * 2_u32.pow(fruitless)).await;
                fruitless += 1;
            }
        }
        Ok(items)
    }

    /// The items of all pages, or the first `limit` of them.
    async fn pages(&self, query: QueryFluentBuilder, limit: Option<usize>) -> Result<Vec<Attributes>, StoreError> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut items = Vec::new();
        let mut from = None;
        for _ in 0..PAGES_MAX {
            let call = self.call("Query");
            // No limit at all, rather than one that does not fit.
            let page = i32::try_from(limit.saturating_sub(items.len())).ok();
            if page == Some(0) {
                break;
            }
            let request = query.clone().set_limit(page).set_exclusive_start_key(from);
            let request = request.customize().interceptor(call.wire.clone());
            let output = request.send().boxed_local().await.map_err(|error| call.failed(&error))?;
            items.extend(output.items.unwrap_or_default());
            from = output.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
        if from.is_some() && items.len() < limit {
            return Err(self.call("Query").other(format!("it has more than {PAGES_MAX} pages")));
        }
        items.truncate(limit);
        Ok(items)
    }

    fn query_of(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table)
    }

    async fn put(&self, item: &Item, conditions: &[Condition]) -> Result<(), StoreError> {
        let call = self.call("PutItem");
        let condition = Expression::all(conditions);
        let request = self.client.put_item().table_name(&self.table).set_item(Some(convert::attributes(item)));
        let request = request
            .set_condition_expression(condition.text)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values);
        let request = request.customize().interceptor(call.wire.clone());
        request.send().boxed_local().await.map_err(|error| call.failed(&error))?;
        Ok(())
    }

    async fn delete(&self, key: &Key, conditions: &[Condition]) -> Result<(), StoreError> {
        let call = self.call("DeleteItem");
        let condition = Expression::all(conditions);
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(convert::key_attributes(key)));
        let request = request
            .set_condition_expression(condition.text)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values);
        let request = request.customize().interceptor(call.wire.clone());
        request.send().boxed_local().await.map_err(|error| call.failed(&error))?;
        Ok(())
    }

    async fn transact(&self, changes: &[Change]) -> Result<(), StoreError> {
        let call = self.call("TransactWriteItems");
        let parts: Result<Vec<_>, _> = changes.iter().map(|change| self.part(change)).collect();
        let parts = parts.map_err(|error| unbuildable(&call, &error))?;
        let request = self.client.transact_write_items().set_transact_items(Some(parts));
        let request = request.customize().interceptor(call.wire.clone());
        request.send().boxed_local().await.map_err(|error| call.transaction_failed(&error))?;
        Ok(())
    }

    fn part(&self, change: &Change) -> Result<TransactWriteItem, BuildError> {
        let part = TransactWriteItem::builder();
        Ok(match change {
            Change::Put(item, conditions) => {
                let condition = Expression::all(conditions);
                let put = Put::builder().table_name(&self.table).set_item(Some(convert::attributes(item)));
                let put = put
                    .set_condition_expression(condition.text)
                    .set_expression_attribute_names(condition.names)
                    .set_expression_attribute_values(condition.values);
                part.put(put.build()?)
            }
            Change::Delete(key, conditions) => {
                let condition = Expression::all(conditions);
                let delete = Delete::builder().table_name(&self.table).set_key(Some(convert::key_attributes(key)));
                let delete = delete
                    .set_condition_expression(condition.text)
                    .set_expression_attribute_names(condition.names)
                    .set_expression_attribute_values(condition.values);
                part.delete(delete.build()?)
            }
            Change::Check(key, conditions) => {
                let condition = Expression::all(conditions).or_always();
                let check = ConditionCheck::builder().table_name(&self.table);
                let check = check
                    .set_key(Some(convert::key_attributes(key)))
                    .set_condition_expression(condition.text)
                    .set_expression_attribute_names(condition.names)
                    .set_expression_attribute_values(condition.values);
                part.condition_check(check.build()?)
            }
        }
        .build())
    }
}

impl RecordStore for DynamoDb {
    fn get<'a>(&'a self, key: &'a Key) -> LocalBoxFuture<'a, Result<Option<Item>, StoreError>> {
        async move { Ok(self.get_with_date(key).await?.0) }.boxed_local()
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        async move {
            // DynamoDB refuses a batch that names a key twice.
            let keys: Vec<&Key> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
            let mut items = Vec::with_capacity(keys.len());
            for batch in keys.chunks(BATCH_MAX) {
                items.extend(self.get_batch(batch).await?);
            }
            Ok(items)
        }
        .boxed_local()
    }

    fn query<'a>(&'a self, query: &'a Query) -> LocalBoxFuture<'a, Result<Vec<Item>, StoreError>> {
        async move {
            let request = self.query_of().consistent_read(true).scan_index_forward(!query.descending);
            let request = request.expression_attribute_names("#pk", "pk");
            let request = request.expression_attribute_values(":pk", AttributeValue::S(query.pk.clone()));
            // DynamoDB refuses an empty string as the value of a key.
            let request = if query.prefix.is_empty() {
                request.key_condition_expression("#pk = :pk")
            } else {
                request
                    .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                    .expression_attribute_names("#sk", "sk")
                    .expression_attribute_values(":prefix", AttributeValue::S(query.prefix.clone()))
            };
            Ok(self.pages(request, query.limit).await?.into_iter().map(convert::item).collect())
        }
        .boxed_local()
    }

    fn by_kind<'a>(&'a self, kind: &'a str) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let request = self.query_of().index_name(BY_KIND).key_condition_expression("#kind = :kind");
            let request = request.expression_attribute_names("#kind", "kind");
            let request = request.expression_attribute_values(":kind", AttributeValue::S(kind.to_owned()));
            let pages = self.pages(request, None).await?;
            let names: BTreeSet<_> = pages.iter().filter_map(convert::key_of).map(|key| key.pk).collect();
            Ok(names.into_iter().collect())
        }
        .boxed_local()
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            match changes.as_slice() {
                [] => Ok(()),
                [Change::Put(item, conditions)] => self.put(item, conditions).await,
                [Change::Delete(key, conditions)] => self.delete(key, conditions).await,
                changes => self.transact(changes).await,
            }
        }
        .boxed_local()
    }
}

fn unbuildable(call: &Call, error: &BuildError) -> StoreError {
    call.other(error.to_string())
}
