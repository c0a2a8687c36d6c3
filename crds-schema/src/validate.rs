//! From a document to a [`StagingEnvironment`] in which every default is filled in, or every fault at once.
//!
//! In: one document. Out: the environment, or all faults, by path. First the walk by the schema
//! ([`crate::structure`]), then the rules across fields ([`crate::rules`]) over what was usable.
//! Never: stops at the first fault, or ignores a field in silence.

use serde_json::Value;

use crate::fault::{Fault, Faults};
use crate::rules;
use crate::schema::{Node, schema};
use crate::spec::{Listener, ListenerAction, Protocol, StagingEnvironment};
use crate::structure::Walk;
use crate::written::Written;

/// Parses and validates one document. `status`, the table's keys and server-set metadata in it are ignored.
///
/// # Errors
/// Every fault of the document, each with its path and what to write instead, in the order of the paths.
pub fn parse(document: &Value) -> Result<StagingEnvironment, Vec<Fault>> {
    parse_written(document, &Written::default())
}

/// The same, of a document that was taken when it was stored: what only newer rules refuse is passed over, for a record
/// goes on as it is when the controller is replaced by a newer one. An edit is for [`parse`].
///
/// # Errors
/// As [`parse`], if an older version refuses it too.
pub fn parse_accepted(document: &Value) -> Result<StagingEnvironment, Vec<Fault>> {
    let (environment, faults) = judge(document, &Written::default());
    environment.filter(|_| faults.are_newer()).ok_or_else(|| faults.into_sorted())
}

/// The same as [`parse`], of a document whose text is known: faults quote it.
pub(crate) fn parse_written(document: &Value, written: &Written) -> Result<StagingEnvironment, Vec<Fault>> {
    let (environment, faults) = judge(document, written);
    environment.filter(|_| faults.is_empty()).ok_or_else(|| faults.into_sorted())
}

fn judge(document: &Value, written: &Written) -> (Option<StagingEnvironment>, Faults) {
    let mut faults = Faults::of(written.twice.clone());
    let Some(root) = Node::new(schema()).filter(|_| document.is_object()) else {
        faults.add("document", "is not a map", "write a map that begins with `apiVersion:`");
        return (None, faults);
    };
    let usable = Walk { faults: &mut faults, written }.value(document, root, "");
    match serde_json::from_value::<StagingEnvironment>(usable) {
        Ok(mut environment) => {
            fill_in(&mut environment);
            rules::check(&environment, &mut faults);
            (Some(environment), faults)
        }
        Err(error) => {
            // The schema is made from the types, so it lets nothing through that they cannot hold; a property tests it.
            faults.add("document", error.to_string(), "report this as a bug of the schema");
            (None, faults)
        }
    }
}

/// Fills in the defaults that depend on other fields.
fn fill_in(environment: &mut StagingEnvironment) {
    let spec = &mut environment.spec;
    let Some(service) = spec.services.first().map(|service| service.name.clone()) else { return };
    if spec.load_balancer.listeners.is_empty() {
        spec.load_balancer.listeners.push(Listener {
            protocol: Protocol::Http,
            port: 80,
            default: ListenerAction::default(),
            certificate_arns: vec![],
            ssl_policy: None,
            rules: vec![],
        });
    }
    for action in spec.load_balancer.listeners.iter_mut().map(|listener| &mut listener.default) {
        if action.forward.is_none() && action.redirect.is_none() {
            action.forward = Some(service.clone());
        }
    }
}
