//! A DynamoDB that needs no account: that of [`cloud`], and how our client reaches it.
//!
//! For tests. It speaks the real protocol to the ordinary client, so that what runs here is what runs on AWS.
//! It stops when dropped.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use cloud::dynamodb::DynamoDb;
pub use cloud::dynamodb::StartError;

/// Any region will do; this is where the example environment stands.
const REGION: &str = "us-east-2";

/// A running embedded DynamoDB, with no table in it until [`super::DynamoDb::create_table`].
#[derive(Debug)]
pub struct Embedded(DynamoDb);

impl Embedded {
    /// One in memory, gone when it is dropped.
    ///
    /// # Errors
    /// When the machine has no port or thread left.
    pub fn start() -> Result<Self, StartError> {
        DynamoDb::in_memory().map(Self)
    }

    /// For tests of what a restart finds: one that keeps its items in the file at `path`, which is made if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be opened, or the machine has no port or thread left.
    pub fn start_at(path: &std::path::Path) -> Result<Self, StartError> {
        DynamoDb::at(path).map(Self)
    }

    /// Where it listens: `http://127.0.0.1:<port>`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.0.address())
    }

    /// How a client reaches it: its endpoint, a region and credentials that mean nothing. No variable or profile enters.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("embedded", "embedded", None, None, "embedded");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(self.endpoint_url())
            .http_client(crate::proxies::client())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }
}
