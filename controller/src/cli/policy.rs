//! The IAM policy that the product needs, written from the one list of operations.
//!
//! What can only hurt what is ours is allowed only on what carries our tag. What cannot be limited so is not: a create
//! has no tag yet, tags that were taken off are put back, and targets are registered in place of tags.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>

use aws_api::Operation;
use serde_json::{Value, json};

/// DynamoDB's actions on the record. Transactions need no others.
const ON_RECORD: [&str; 6] = ["GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem", "ConditionCheckItem"];
/// DynamoDB's actions of `bootstrap`.
const ON_TABLE: [&str; 7] = [
    "CreateTable",
    "DescribeTable",
    "UpdateTable",
    "DescribeTimeToLive",
    "UpdateTimeToLive",
    "DescribeContinuousBackups",
    "UpdateContinuousBackups",
];

/// The policy for that table, in that region or in any.
pub fn iam_policy(table: &str, region: Option<&str>) -> Value {
    let table = format!("arn:aws:dynamodb:{}:*:table/{table}", region.unwrap_or("*"));
    let dynamodb = |names: &[&str]| names.iter().map(|name| format!("dynamodb:{name}")).collect::<Vec<_>>();
    let actions = |chosen: &dyn Fn(Operation) -> bool| {
        Operation::ALL.iter().filter(|operation| chosen(**operation)).map(|o| o.iam_action()).collect::<Vec<_>>()
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Record",
                "Effect": "Allow",
                "Action": dynamodb(&ON_RECORD),
                "Resource": [table, format!("{table}/index/*")],
            },
            { "Sid": "Bootstrap", "Effect": "Allow", "Action": dynamodb(&ON_TABLE), "Resource": table },
            { "Sid": "Look", "Effect": "Allow", "Action": actions(&|o| !o.is_write()), "Resource": "*" },
            { "Sid": "Make", "Effect": "Allow", "Action": actions(&|o| o.is_write() && !only_on_ours(o)), "Resource": "*" },
            {
                "Sid": "ChangeOurs",
                "Effect": "Allow",
                "Action": actions(&|o| o.is_write() && only_on_ours(o)),
                "Resource": "*",
                "Condition": { "Null": { "aws:ResourceTag/understudy:uid": "false" } },
            },
            {
                "Sid": "PassProfile",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": "*",
                "Condition": { "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } },
            },
            {
                "Sid": "FirstLoadBalancerOfTheAccount",
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": "*",
                "Condition": { "StringEquals": { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com" } },
            },
        ],
    })
}

/// Whether a write can be limited to what carries our tag.
fn only_on_ours(operation: Operation) -> bool {
    match operation {
        Operation::AuthorizeSecurityGroupIngress
        | Operation::AuthorizeSecurityGroupEgress
        | Operation::RevokeSecurityGroupIngress
        | Operation::RevokeSecurityGroupEgress
        | Operation::DeleteSecurityGroup
        | Operation::TerminateInstances
        | Operation::AssociateIamInstanceProfile
        | Operation::ReplaceIamInstanceProfileAssociation
        | Operation::DisassociateIamInstanceProfile
        | Operation::ModifyLoadBalancerAttributes
        | Operation::SetSubnets
        | Operation::SetSecurityGroups
        | Operation::DeleteLoadBalancer
        | Operation::ModifyTargetGroup
        | Operation::ModifyTargetGroupAttributes
        | Operation::DeleteTargetGroup => true,
        Operation::DescribeSubnets
        | Operation::DescribeInstanceTypeOfferings
        | Operation::DescribeImages
        | Operation::DescribeSecurityGroups
        | Operation::DescribeInstances
        | Operation::DescribeInstanceStatus
        | Operation::DescribeIamInstanceProfileAssociations
        | Operation::DescribeVolumes
        | Operation::DescribeNetworkInterfaces
        | Operation::DescribeLoadBalancers
        | Operation::DescribeLoadBalancerAttributes
        | Operation::DescribeListeners
        | Operation::DescribeRules
        | Operation::DescribeTargetGroups
        | Operation::DescribeTargetGroupAttributes
        | Operation::DescribeTargetHealth
        | Operation::DescribeTags
        | Operation::CreateSecurityGroup
        | Operation::RunInstances
        // Its groups may be the user's, which carry no tag of ours.
        | Operation::ModifyInstanceAttribute
        | Operation::ModifyInstanceMetadataOptions
        | Operation::CreateTags
        | Operation::DeleteTags
        | Operation::CreateLoadBalancer
        | Operation::CreateTargetGroup
        | Operation::RegisterTargets
        | Operation::DeregisterTargets
        | Operation::CreateListener
        | Operation::ModifyListener
        | Operation::DeleteListener
        | Operation::AddTags
        | Operation::RemoveTags => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_allowed_exactly_once() {
        let policy = iam_policy("t", None);
        let listed: Vec<&str> = policy["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|statement| statement["Action"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .filter(|action| !action.starts_with("dynamodb:"))
            .collect();
        let wanted: BTreeSet<String> = Operation::ALL.iter().map(|operation| operation.iam_action()).collect();
        assert_eq!(listed.iter().map(|action| (*action).to_owned()).collect::<BTreeSet<_>>(), wanted);
        assert_eq!(listed.len(), wanted.len());
    }

    #[test]
    fn a_profile_may_be_passed_to_ec2_and_given_to_what_carries_our_tag() {
        let policy = iam_policy("t", None);
        let statements = policy["Statement"].as_array().unwrap();
        let pass = statements.iter().find(|statement| statement["Action"] == "iam:PassRole").unwrap();
        assert_eq!(pass["Condition"]["StringEquals"]["iam:PassedToService"], "ec2.amazonaws.com");
        let ours = statements.iter().find(|statement| statement["Sid"] == "ChangeOurs").unwrap();
        for action in ["AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"] {
            assert!(ours["Action"].as_array().unwrap().contains(&json!(format!("ec2:{action}"))), "{action}");
        }
    }

    #[test]
    fn a_terminate_is_only_allowed_on_what_carries_our_tag() {
        let policy = iam_policy("t", Some("us-east-2"));
        let statements = policy["Statement"].as_array().unwrap();
        let terminate = json!("ec2:TerminateInstances");
        let with = |s: &&Value| s["Action"].as_array().is_some_and(|actions| actions.contains(&terminate));
        let statement = statements.iter().find(with).unwrap();
        assert_eq!(statement["Condition"]["Null"]["aws:ResourceTag/understudy:uid"], "false");
        assert_eq!(statements[0]["Resource"][0], "arn:aws:dynamodb:us-east-2:*:table/t");
    }
}
