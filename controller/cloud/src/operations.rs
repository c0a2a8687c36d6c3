//! The one list of operations that answer on the wire, by service.
//!
//! A new operation is a type in [`simulator::cloud::api`] and a line here. One that is not here is refused by name.

use serde::Serialize;
use simulator::SimCloud;
use simulator::cloud::Refusal;
use simulator::cloud::api::{Read, Write, ec2, elbv2};

use crate::envelope::Query;
use crate::parameters::Node;

/// A call, ready to be done.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The region's cloud.
    pub cloud: &'a SimCloud,
    /// Which service.
    pub query: Query,
    /// Its name.
    pub action: &'a str,
    /// Whether it is only to be rehearsed.
    pub dry_run: bool,
    /// What the answer is known by.
    pub request_id: &'a str,
}

/// The body of an answer, or a refusal.
pub type Answer = Result<Vec<u8>, Refusal>;

macro_rules! operations {
    ($($service:ident { $($kind:ident $name:ident,)* })*) => {
        /// What the services answer to, by service.
        pub const NAMES: &[(&str, &[&str])] = &[$((stringify!($service), &[$(stringify!($name)),*])),*];

        /// Whether an operation changes nothing.
        pub fn is_read(query: Query, action: &str) -> bool {
            let reads: &[&[&str]] = &[$(&[$(operations!(@ $kind $name)),*]),*];
            query == Query::Sts || reads.iter().any(|names| names.contains(&action))
        }

        $(
            fn $service(call: &Call<'_>, parameters: Node, keep: Keep<'_>) -> Answer {
                match call.action {
                    $(stringify!($name) => $kind::<$service::$name>(call, parameters, keep),)*
                    _ => no_such_action(call),
                }
            }
        )*
    };
    (@ read $name:ident) => { stringify!($name) };
    (@ write $name:ident) => { "" };
}

operations! {
    ec2 {
        write AssociateIamInstanceProfile,
        write AuthorizeSecurityGroupEgress,
        write AuthorizeSecurityGroupIngress,
        write CreateImage,
        write CreateSecurityGroup,
        write CreateSnapshot,
        write CreateTags,
        write DeleteSecurityGroup,
        write DeleteSnapshot,
        write DeleteTags,
        write DeregisterImage,
        read DescribeAccountAttributes,
        read DescribeAvailabilityZones,
        read DescribeIamInstanceProfileAssociations,
        read DescribeImages,
        read DescribeInstanceAttribute,
        read DescribeInstanceCreditSpecifications,
        read DescribeInstanceStatus,
        read DescribeInstanceTypeOfferings,
        read DescribeInstanceTypes,
        read DescribeInstances,
        read DescribeKeyPairs,
        read DescribeManagedPrefixLists,
        read DescribeNetworkInterfaces,
        read DescribeRegions,
        read DescribeRouteTables,
        read DescribeSecurityGroupRules,
        read DescribeSecurityGroups,
        read DescribeSnapshots,
        read DescribeStaleSecurityGroups,
        read DescribeSubnets,
        read DescribeTags,
        read DescribeVolumes,
        read DescribeVpcAttribute,
        read DescribeVpcs,
        write DisassociateIamInstanceProfile,
        read GetConsoleOutput,
        write ModifyInstanceAttribute,
        write ModifyInstanceMetadataOptions,
        write ModifySecurityGroupRules,
        write RebootInstances,
        write ReplaceIamInstanceProfileAssociation,
        write RevokeSecurityGroupEgress,
        write RevokeSecurityGroupIngress,
        write RunInstances,
        write StartInstances,
        write StopInstances,
        write TerminateInstances,
        write UpdateSecurityGroupRuleDescriptionsEgress,
        write UpdateSecurityGroupRuleDescriptionsIngress,
    }
    elbv2 {
        read DescribeAccountLimits,
        read DescribeCapacityReservation,
        read DescribeListenerAttributes,
        read DescribeListenerCertificates,
        read DescribeListeners,
        read DescribeLoadBalancerAttributes,
        read DescribeLoadBalancers,
        read DescribeRules,
        read DescribeSSLPolicies,
        read DescribeTags,
        read DescribeTargetGroupAttributes,
        read DescribeTargetGroups,
        read DescribeTargetHealth,
        write AddListenerCertificates,
        write AddTags,
        write CreateListener,
        write CreateLoadBalancer,
        write CreateRule,
        write CreateTargetGroup,
        write DeleteListener,
        write DeleteLoadBalancer,
        write DeleteRule,
        write DeleteTargetGroup,
        write DeregisterTargets,
        write ModifyListener,
        write ModifyListenerAttributes,
        write ModifyLoadBalancerAttributes,
        write ModifyRule,
        write ModifyTargetGroup,
        write ModifyTargetGroupAttributes,
        write RegisterTargets,
        write RemoveListenerCertificates,
        write RemoveTags,
        write SetIpAddressType,
        write SetRulePriorities,
        write SetSecurityGroups,
        write SetSubnets,
    }
}

/// Who is told of a change that is about to be made, with what it will be answered (as if the request had no id). If it says
/// no, nothing is changed.
pub type Keep<'a> = Option<&'a mut dyn FnMut(&[u8]) -> Result<(), Refusal>>;

/// Does a call.
pub fn answer(call: &Call<'_>, parameters: Node) -> Answer {
    answer_kept(call, parameters, None)
}

/// Does a call, and lets what it changes be kept before it is changed.
pub fn answer_kept(call: &Call<'_>, parameters: Node, keep: Keep<'_>) -> Answer {
    match call.query {
        Query::Ec2 => ec2(call, parameters, keep),
        Query::Elbv2 => elbv2(call, parameters, keep),
        Query::Sts => no_such_action(call),
    }
}

fn read<O: Read>(call: &Call<'_>, parameters: Node, _: Keep<'_>) -> Answer {
    let operation: O = parameters.read().map_err(|wrong| call.query.misread(&wrong))?;
    let answer = call.cloud.read(&operation)?;
    if call.dry_run {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Refusal { code: "DryRunOperation", message: message.into() });
    }
    call.body(&answer)
}

fn write<O: Write>(call: &Call<'_>, parameters: Node, keep: Keep<'_>) -> Answer {
    let operation: O = parameters.read().map_err(|wrong| call.query.misread(&wrong))?;
    let done = match keep {
        _ if call.dry_run => call.cloud.rehearse(&operation),
        None => call.cloud.write(&operation),
        Some(keep) => {
            let nameless = Call { request_id: "", ..*call };
            call.cloud.write_kept(&operation, |answer| keep(&nameless.body(answer)?))
        }
    };
    done.and_then(|answer| call.body(&answer))
}

fn no_such_action(call: &Call<'_>) -> Answer {
    let message = format!("The action {} is not valid for this web service, or not modelled by it", call.action);
    Err(Refusal { code: "InvalidAction", message })
}

impl Call<'_> {
    /// The answer's body.
    pub fn body<T: Serialize>(&self, answer: &T) -> Answer {
        let written = self.query.answer(self.action, answer, self.request_id);
        written.map_err(|error| Refusal { code: "InternalError", message: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_names_every_operation() {
        let root = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
        let page = std::fs::read_to_string(root.join("../../docs/cloud.md")).unwrap();
        let words: std::collections::BTreeSet<&str> = page.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        for (service, names) in NAMES {
            let missing: Vec<_> = names.iter().filter(|name| !words.contains(**name)).collect();
            assert!(missing.is_empty(), "{service}: {missing:?}");
        }
    }
}
