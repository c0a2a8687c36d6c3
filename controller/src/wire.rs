//! What calls show on the wire, which neither their output nor their error tells.
//!
//! Where they were really sent (an endpoint may come from a flag, a variable, a profile or the region), the server's own
//! clock, and whether an attempt before the last one stayed unanswered: the SDK tries again by itself, and a write that
//! was throttled at the second attempt may have gone through at the first.
//! `store` gives one to each call; `aws` one to each client, all of whose calls go to one endpoint.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::proxies;

/// An interceptor for one call or one client; its clones share what they see.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    endpoint: Option<String>,
    date: Option<Timestamp>,
    sent: u32,
    answered: u32,
    /// Attempts that found no connection: they never left.
    unconnected: u32,
}

impl Wire {
    /// Scheme, host and port that the last attempt went to, with the proxy that it went through; absent when none was sent.
    pub fn endpoint(&self) -> Option<String> {
        let endpoint = self.seen().endpoint.clone();
        endpoint.map(|endpoint| proxies::told(&endpoint))
    }

    /// Whether the last attempt went through a proxy, which may have answered in the server's place.
    pub fn is_by_proxy(&self) -> bool {
        self.seen().endpoint.as_deref().is_some_and(|endpoint| proxies::on_the_way_to(endpoint).is_some())
    }

    /// The server's time, by the `Date` header of its last reply: to the second.
    pub fn date(&self) -> Option<Timestamp> {
        self.seen().date
    }

    /// Whether an attempt may have taken effect without our having been told. Of one call only: those of a client run
    /// at the same time.
    pub fn is_uncertain(&self) -> bool {
        let seen = self.seen();
        seen.sent > seen.answered + seen.unconnected
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Every update is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "understudy::wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut seen = self.seen();
        seen.sent += 1;
        seen.endpoint = Some(origin(context.request().uri()).to_owned());
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.seen().date = DateTimeParser::new().parse_timestamp(date).ok();
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A 5xx says that something went wrong, not that nothing was done.
        let replied = context.response().is_some_and(|response| response.status().as_u16() < 500);
        let error = context.output_or_error().and_then(Result::err);
        if error.and_then(OrchestratorError::as_connector_error).is_some_and(|error| never_connected(error)) {
            self.seen().unconnected += 1;
        }
        let readable = context.output_or_error().is_some_and(|output| match output {
            Ok(_) => true,
            Err(error) => error.is_operation_error(),
        });
        if replied && readable {
            self.seen().answered += 1;
        }
        Ok(())
    }
}

/// Whether the far end took no connection, so that nothing was sent to it. What was sent on one that broke is another matter.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |cause: &&(dyn Error + 'static)| Error::source(*cause));
    causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
        )
    })
}

/// `https://host:port` of a URI: all before its path.
fn origin(uri: &str) -> &str {
    let host = uri.find("://").map_or(0, |at| at + 3);
    let end = uri[host..].find(['/', '?']).map_or(uri.len(), |at| host + at);
    &uri[..end]
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn the_origin_is_all_before_the_path() {
        assert_eq!(origin("http://127.0.0.1:8000/"), "http://127.0.0.1:8000");
        assert_eq!(origin("https://dynamodb.us-east-2.amazonaws.com"), "https://dynamodb.us-east-2.amazonaws.com");
        assert_eq!(origin("http://host/deep/path?x=1"), "http://host");
    }
}
