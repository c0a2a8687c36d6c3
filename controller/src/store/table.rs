//! The table: makes it, or checks the one that is there and turns on what is off.
//!
//! In: a name and an endpoint. Out: a [`Report`] of what was found and done, for `understudy bootstrap`.
//! Never: changes keys, indexes or billing of a table that exists, or turns anything off. Running it again is harmless.
//! What an endpoint does not know (emulators lack some) is reported, not an error.

use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
    PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, Projection, ProjectionType, ScalarAttributeType,
    TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use futures::FutureExt;
use ports::StoreError;
use tokio::time::Instant;

use super::dynamodb::DynamoDb;

/// The index by which environments are found.
pub const BY_KIND: &str = "by-kind";
/// The attribute with the second after which an item is expired.
pub const EXPIRES_AT: &str = "expiresAt";

/// How long AWS may take over a table and its backups; usually some ten seconds.
const READY_LIMIT: Duration = Duration::from_secs(180);
/// How often it is asked meanwhile.
const READY_POLL: Duration = Duration::from_secs(1);

/// Something about a table that can be on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Expired items are removed.
    TimeToLive,
    /// The table can be restored as of any second of the last 35 days.
    PointInTimeRecovery,
    /// The table cannot be deleted before this is turned off.
    DeletionProtection,
}

/// What became of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was on.
    AlreadyOn,
    /// It was off.
    TurnedOn,
    /// The endpoint has no such thing.
    Unknown,
}

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The table's name.
    pub table: String,
    /// Whether it was made now.
    pub created: bool,
    /// Its features, in the order in which they were looked at.
    pub features: Vec<(Feature, Outcome)>,
}

/// Why there is no such table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is one of another shape; it was left alone.
    #[error("table {table} has another shape: {}; name another table", differs.join("; "))]
    Shape {
        /// Its name.
        table: String,
        /// Each difference, with what is there and what is wanted.
        differs: Vec<String>,
    },
    /// It was not ready in time. It may be later: run it again.
    #[error("table {table} is still {state} after {} s", READY_LIMIT.as_secs())]
    NotReady {
        /// Its name.
        table: String,
        /// AWS's word for its state.
        state: String,
    },
    /// A call failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::fmt::Display for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TimeToLive => "time to live on expiresAt",
            Self::PointInTimeRecovery => "point-in-time recovery",
            Self::DeletionProtection => "deletion protection",
        })
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AlreadyOn => "on",
            Self::TurnedOn => "turned on",
            Self::Unknown => "not known to this endpoint",
        })
    }
}

impl std::fmt::Display for Report {
    /// A line for the table and one for each feature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "table {} {}", self.table, if self.created { "created" } else { "exists" })?;
        self.features.iter().try_for_each(|(feature, outcome)| write!(f, "\n{feature}: {outcome}"))
    }
}

impl DynamoDb {
    /// Makes the table, on demand, or takes the one that is there if its keys and index are right; then turns on
    /// whatever is off. It is ready when this returns.
    ///
    /// # Errors
    /// [`TableError::Shape`] before anything is changed; others may leave it half done: run it again.
    pub async fn create_table(&self) -> Result<Report, TableError> {
        let created = match self.describe().await? {
            Some(_) => false,
            None => self.create().await?,
        };
        let found = self.ready().await?;
        let differs = differences(&found);
        if !differs.is_empty() {
            return Err(TableError::Shape { table: self.table.clone(), differs });
        }
        let features = vec![
            (Feature::TimeToLive, self.time_to_live().await?),
            (Feature::PointInTimeRecovery, self.point_in_time_recovery().await?),
            (Feature::DeletionProtection, self.deletion_protection(&found, created).await?),
        ];
        self.ready().await?;
        Ok(Report { table: self.table.clone(), created, features })
    }

    async fn describe(&self) -> Result<Option<TableDescription>, StoreError> {
        let call = self.call("DescribeTable");
        let request = self.client.describe_table().table_name(&self.table).customize().interceptor(call.wire.clone());
        match request.send().boxed_local().await {
            Ok(output) => Ok(output.table),
            Err(error) => {
                let failed = call.failed(&error);
                if matches!(failed, StoreError::TableMissing { .. }) { Ok(None) } else { Err(failed) }
            }
        }
    }

    /// Whether it was we who made it, and not somebody else at the same time.
    async fn create(&self) -> Result<bool, StoreError> {
        let call = self.call("CreateTable");
        let shape = wanted().map_err(|error| call.other(error.to_string()))?;
        let request = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(shape.attributes))
            .set_key_schema(Some(shape.keys))
            .global_secondary_indexes(shape.index)
            .deletion_protection_enabled(true);
        match request.customize().interceptor(call.wire.clone()).send().boxed_local().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(false),
            Err(error) => Err(call.failed(&error)),
        }
    }

    /// The table once it and its index are active.
    async fn ready(&self) -> Result<TableDescription, TableError> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            // Right after it was made it may not be visible yet.
            let found = self.describe().await?;
            let state = match found {
                Some(table) => match unready(&table) {
                    None => return Ok(table),
                    Some(state) => state,
                },
                None => "not visible".to_owned(),
            };
            if Instant::now() >= deadline {
                return Err(TableError::NotReady { table: self.table.clone(), state });
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    async fn time_to_live(&self) -> Result<Outcome, TableError> {
        let call = self.call("DescribeTimeToLive");
        let request = self.client.describe_time_to_live().table_name(&self.table);
        let found = match request.customize().interceptor(call.wire.clone()).send().boxed_local().await {
            Ok(output) => output.time_to_live_description,
            Err(error) if is_unknown(&error) => return Ok(Outcome::Unknown),
            Err(error) => return Err(call.failed(&error).into()),
        };
        if let Some(found) = found
            && matches!(found.time_to_live_status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        {
            let attribute = found.attribute_name.unwrap_or_default();
            if attribute == EXPIRES_AT {
                return Ok(Outcome::AlreadyOn);
            }
            let differs = vec![format!("its time to live is on `{attribute}`, not `{EXPIRES_AT}`")];
            return Err(TableError::Shape { table: self.table.clone(), differs });
        }
        let call = self.call("UpdateTimeToLive");
        let on = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT).build();
        let on = on.map_err(|error| call.other(error.to_string()))?;
        let request = self.client.update_time_to_live().table_name(&self.table).time_to_live_specification(on);
        match request.customize().interceptor(call.wire.clone()).send().boxed_local().await {
            Ok(_) => Ok(Outcome::TurnedOn),
            Err(error) if is_unknown(&error) => Ok(Outcome::Unknown),
            Err(error) => Err(call.failed(&error).into()),
        }
    }

    async fn point_in_time_recovery(&self) -> Result<Outcome, TableError> {
        let call = self.call("DescribeContinuousBackups");
        let request = self.client.describe_continuous_backups().table_name(&self.table);
        let found = match request.customize().interceptor(call.wire.clone()).send().boxed_local().await {
            Ok(output) => output.continuous_backups_description,
            Err(error) if is_unknown(&error) => return Ok(Outcome::Unknown),
            Err(error) => return Err(call.failed(&error).into()),
        };
        let status = found.and_then(|found| found.point_in_time_recovery_description?.point_in_time_recovery_status);
        if status == Some(PointInTimeRecoveryStatus::Enabled) {
            return Ok(Outcome::AlreadyOn);
        }
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let call = self.call("UpdateContinuousBackups");
            let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
            let on = on.map_err(|error| call.other(error.to_string()))?;
            let request = self
                .client
                .update_continuous_backups()
                .table_name(&self.table)
                .point_in_time_recovery_specification(on);
            match request.customize().interceptor(call.wire.clone()).send().boxed_local().await {
                Ok(_) => return Ok(Outcome::TurnedOn),
                Err(error) if is_unknown(&error) => return Ok(Outcome::Unknown),
                // A new table's backups are being set up for a while after it is active.
                Err(error)
                    if error.code() == Some("ContinuousBackupsUnavailableException") && Instant::now() < deadline =>
                {
                    tokio::time::sleep(READY_POLL).await;
                }
                Err(error) => return Err(call.failed(&error).into()),
            }
        }
    }

    async fn deletion_protection(&self, found: &TableDescription, created: bool) -> Result<Outcome, TableError> {
        if found.deletion_protection_enabled == Some(true) {
            return Ok(if created { Outcome::TurnedOn } else { Outcome::AlreadyOn });
        }
        let call = self.call("UpdateTable");
        let request = self.client.update_table().table_name(&self.table).deletion_protection_enabled(true);
        match request.customize().interceptor(call.wire.clone()).send().boxed_local().await {
            // An endpoint that does not know it ignores it.
            Ok(output) => {
                let on = output.table_description.and_then(|table| table.deletion_protection_enabled);
                Ok(if on == Some(true) { Outcome::TurnedOn } else { Outcome::Unknown })
            }
            Err(error) if is_unknown(&error) => Ok(Outcome::Unknown),
            Err(error) => Err(call.failed(&error).into()),
        }
    }
}

/// The shape that our items need.
struct Shape {
    attributes: Vec<AttributeDefinition>,
    keys: Vec<KeySchemaElement>,
    index: GlobalSecondaryIndex,
}

fn wanted() -> Result<Shape, BuildError> {
    let text =
        |name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let keys = |hash, range| -> Result<Vec<KeySchemaElement>, BuildError> {
        let element = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        Ok(vec![element(hash, KeyType::Hash)?, element(range, KeyType::Range)?])
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name(BY_KIND)
        .set_key_schema(Some(keys("kind", "pk")?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    Ok(Shape { attributes: vec![text("pk")?, text("sk")?, text("kind")?], keys: keys("pk", "sk")?, index })
}

/// What is not as our items need it. An index that holds more than keys serves as well.
fn differences(table: &TableDescription) -> Vec<String> {
    let mut differs = Vec::new();
    let mut compare = |what: &str, found: String, wanted: &str| {
        if found != wanted {
            differs.push(format!("{what} is {found}, not {wanted}"));
        }
    };
    compare("its key", key_text(table, table.key_schema()), "pk (S), sk (S)");
    let index = table.global_secondary_indexes().iter().find(|index| index.index_name() == Some(BY_KIND));
    let index = index.map_or("missing".to_owned(), |index| key_text(table, index.key_schema()));
    compare("its index by-kind", index, "kind (S), pk (S)");
    differs
}

/// `pk (S), sk (S)`: hash key, then range key, each with its type.
fn key_text(table: &TableDescription, keys: &[KeySchemaElement]) -> String {
    let type_of = |name: &str| {
        let found = table.attribute_definitions().iter().find(|attribute| attribute.attribute_name() == name);
        found.map_or("?", |attribute| attribute.attribute_type().as_str())
    };
    let of = |kind: KeyType| keys.iter().find(move |key| *key.key_type() == kind).map(KeySchemaElement::attribute_name);
    let names = [of(KeyType::Hash), of(KeyType::Range)].into_iter().flatten();
    names.map(|name| format!("{name} ({})", type_of(name))).collect::<Vec<_>>().join(", ")
}

/// What it or its index still is, unless both are ready. An emulator may name no state.
fn unready(table: &TableDescription) -> Option<String> {
    let state = table.table_status().filter(|state| **state != TableStatus::Active).map(TableStatus::as_str);
    let indexes = table.global_secondary_indexes().iter().filter_map(|index| index.index_status());
    let index = indexes.filter(|state| **state == IndexStatus::Creating).map(IndexStatus::as_str).next();
    state.or(index).map(str::to_owned)
}

/// Whether the endpoint has no such operation at all.
fn is_unknown<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.code().unwrap_or_default();
    let status = error.raw_response().map(|response| response.status().as_u16());
    matches!(code, "UnknownOperationException" | "NotImplemented" | "NotImplementedException" | "UnknownOperation")
        || status == Some(501)
}
