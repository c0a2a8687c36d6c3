//! Where the SDK's clients come from: region, endpoint, credentials, and how long a call may take.
//!
//! The usual AWS variables and profiles hold, and a flag beats them. Of proxies, see [`proxies`]. Retries here are for transport only (a reset, a
//! 5xx, a throttle: once more, soon); everything else is tried again by the work queue, with fresh sight.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

use crate::proxies;

/// The name by which AWS's logs know our calls.
const APP_NAME: &str = "understudy";

/// Attempts of one call, the first included.
const ATTEMPTS_MAX: u32 = 2;

/// Waits between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(500));

/// What flags say of where to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The region.
    pub region: Option<&'a str>,
    /// The endpoint. It beats `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`: the SDK asks the variables only where
    /// none was set in code.
    pub endpoint: Option<&'a str>,
    /// Whether whoever is asked there wants no credentials, so that none are looked for.
    pub without_credentials: bool,
}

/// Loads the shared configuration of all clients. `call_max` bounds every call as a whole: credentials,
/// attempts and the waits between them. Keep it well under the lease.
pub async fn load(asked: &Asked<'_>, call_max: Duration) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(BACKOFF.0)
        .with_max_backoff(BACKOFF.1);
    // No limit of an attempt: a slow first attempt may well be RunInstances at work. A host that does not even accept
    // the connection is given up sooner, so that a second attempt fits in.
    let timeouts = TimeoutConfig::builder().operation_timeout(call_max).connect_timeout(call_max / 3).build();
    // Shorter than the call, so that a search for credentials that hangs is told apart from AWS not answering.
    let identities = IdentityCache::lazy().load_timeout(call_max * 3 / 4).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .app_name(AppName::new(APP_NAME).expect("the name is of letters only"))
        .http_client(proxies::client())
        .retry_config(retries)
        .timeout_config(timeouts)
        .identity_cache(identities)
        // Replies are small and bounded by `call_max`; a stream's pace says nothing about them.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = asked.region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(endpoint) = asked.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if asked.without_credentials {
        // That is a cloud of our own, wherever it listens.
        proxies::never();
        loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "local"));
    }
    loader.load().await
}
