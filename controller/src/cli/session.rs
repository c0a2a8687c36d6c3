//! Where a verb finds the record: the table, in the region and at the endpoint that apply.

use std::time::Duration;

use aws_config::SdkConfig;

use super::failure::{Complaint, Failure};
use crate::aws;
use crate::config::Config;
use crate::local_clock::LocalClock;
use crate::store::DynamoDb;

/// The time of the cloud that `--local` means; `None`: that of AWS is everybody's.
///
/// # Errors
/// When no cloud answers.
pub async fn local_clock(config: &Config) -> Result<Option<LocalClock>, Failure> {
    let Some(endpoint) = config.endpoint_url.as_deref().filter(|_| config.local) else { return Ok(None) };
    let refused = |why: String, instead: &str| Failure::failed(Complaint::new("--local", why, instead));
    let instead = "start `understudy cloud`, or name its address with --endpoint-url";
    let clock = LocalClock::of(endpoint).await.map_err(|error| refused(error.to_string(), instead))?;
    let speed = clock.speed();
    if speed > LOCAL_SPEED_MAX {
        let why =
            format!("the cloud's time goes {speed} times as fast, and a controller keeps up with {LOCAL_SPEED_MAX}");
        return Err(refused(why, "start the cloud with a lower --speed"));
    }
    Ok(Some(clock))
}

/// How many times as fast as real time the time of a cloud may go: beyond, heartbeats are old before they are read.
const LOCAL_SPEED_MAX: u32 = 60;

/// Longest call of a verb, with all its attempts: longer than a person waits gladly, shorter than they give up.
const CALL_MAX: Duration = Duration::from_secs(10);

/// What a verb works with.
pub struct Session {
    /// The record store.
    pub store: DynamoDb,
    /// Region, endpoint and credentials.
    pub sdk: SdkConfig,
    /// The table's region, which is that of environments that name none.
    pub region: String,
}

/// Loads region, endpoint and credentials as flags, variables and profiles say. Nothing is sent yet.
///
/// # Errors
/// When nobody names a region.
pub async fn open(config: &Config) -> Result<Session, Failure> {
    let asked = aws::config::Asked {
        region: config.region.as_deref(),
        endpoint: config.endpoint_url.as_deref(),
        without_credentials: config.local,
    };
    let sdk = Box::pin(aws::config::load(&asked, CALL_MAX)).await;
    let Some(region) = sdk.region().map(ToString::to_string) else {
        let instead = "write --region, or set UNDERSTUDY_REGION, AWS_REGION or the profile's region";
        return Err(Failure::failed(Complaint::new("--region", "nothing names a region", instead)));
    };
    Ok(Session { store: DynamoDb::new(&sdk, &config.table), sdk, region })
}
