//! The one list of AWS operations that the product calls.
//!
//! Counting, throttling, faults and the IAM policy are written once over it. A new call starts here: the compiler then
//! names every place that must know it.

use std::collections::BTreeMap;
use std::fmt;

/// An AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon EC2.
    Ec2,
    /// Elastic Load Balancing v2.
    Elbv2,
}

/// The token bucket that a call is charged to, per account and region.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Filtered or paginated Describe of EC2: 100, refilled by 20 a second.
    Ec2Describe,
    /// Other mutating calls of EC2: 50, refilled by 5 a second.
    Ec2Mutate,
    /// Authorize and Revoke: 50, refilled by 5 a second.
    Ec2Rules,
    /// RunInstances: 5, refilled by 2 a second.
    Ec2Run,
    /// TerminateInstances: 100, refilled by 5 a second.
    Ec2Terminate,
    /// CreateTags and DeleteTags: 100, refilled by 10 a second.
    Ec2Tags,
    /// Describe of ELBv2: 40, refilled by 10 a second.
    Elbv2Describe,
    /// RegisterTargets and DeregisterTargets: 20, refilled by 4 a second (not documented; what other controllers allow themselves).
    Elbv2Register,
    /// Other mutating calls of ELBv2: 20, refilled by 3 a second (not documented either).
    Elbv2Mutate,
}

/// So many calls of each bucket.
pub type Calls = BTreeMap<Bucket, u32>;

impl Bucket {
    /// Size, and tokens refilled a second.
    pub fn limits(self) -> (u32, u32) {
        match self {
            Self::Ec2Describe => (100, 20),
            Self::Ec2Mutate | Self::Ec2Rules => (50, 5),
            Self::Ec2Run => (5, 2),
            Self::Ec2Terminate => (100, 5),
            Self::Ec2Tags => (100, 10),
            Self::Elbv2Describe => (40, 10),
            Self::Elbv2Register => (20, 4),
            Self::Elbv2Mutate => (20, 3),
        }
    }

    /// The service whose calls are charged to it.
    pub fn service(self) -> Service {
        match self {
            Self::Ec2Describe
            | Self::Ec2Mutate
            | Self::Ec2Rules
            | Self::Ec2Run
            | Self::Ec2Terminate
            | Self::Ec2Tags => Service::Ec2,
            Self::Elbv2Describe | Self::Elbv2Register | Self::Elbv2Mutate => Service::Elbv2,
        }
    }
}

macro_rules! operations {
    ($($name:ident $service:ident $kind:ident $bucket:ident,)*) => {
        /// An AWS operation that the product calls.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name, as AWS writes it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Its service.
            pub fn service(self) -> Service {
                match self { $(Self::$name => Service::$service),* }
            }

            /// Whether it changes anything.
            pub fn is_write(self) -> bool {
                match self { $(Self::$name => operations!(@ $kind)),* }
            }

            /// What it is charged to.
            pub fn bucket(self) -> Bucket {
                match self { $(Self::$name => Bucket::$bucket),* }
            }
        }
    };
    (@ Read) => { false };
    (@ Write) => { true };
}

operations! {
    DescribeSubnets Ec2 Read Ec2Describe,
    DescribeInstanceTypeOfferings Ec2 Read Ec2Describe,
    DescribeImages Ec2 Read Ec2Describe,
    DescribeSecurityGroups Ec2 Read Ec2Describe,
    DescribeInstances Ec2 Read Ec2Describe,
    DescribeInstanceStatus Ec2 Read Ec2Describe,
    DescribeIamInstanceProfileAssociations Ec2 Read Ec2Describe,
    DescribeVolumes Ec2 Read Ec2Describe,
    DescribeNetworkInterfaces Ec2 Read Ec2Describe,
    CreateSecurityGroup Ec2 Write Ec2Mutate,
    AuthorizeSecurityGroupIngress Ec2 Write Ec2Rules,
    AuthorizeSecurityGroupEgress Ec2 Write Ec2Rules,
    RevokeSecurityGroupIngress Ec2 Write Ec2Rules,
    RevokeSecurityGroupEgress Ec2 Write Ec2Rules,
    DeleteSecurityGroup Ec2 Write Ec2Mutate,
    RunInstances Ec2 Write Ec2Run,
    TerminateInstances Ec2 Write Ec2Terminate,
    ModifyInstanceAttribute Ec2 Write Ec2Mutate,
    ModifyInstanceMetadataOptions Ec2 Write Ec2Mutate,
    AssociateIamInstanceProfile Ec2 Write Ec2Mutate,
    ReplaceIamInstanceProfileAssociation Ec2 Write Ec2Mutate,
    DisassociateIamInstanceProfile Ec2 Write Ec2Mutate,
    CreateTags Ec2 Write Ec2Tags,
    DeleteTags Ec2 Write Ec2Tags,
    DescribeLoadBalancers Elbv2 Read Elbv2Describe,
    DescribeLoadBalancerAttributes Elbv2 Read Elbv2Describe,
    DescribeListeners Elbv2 Read Elbv2Describe,
    DescribeRules Elbv2 Read Elbv2Describe,
    DescribeTargetGroups Elbv2 Read Elbv2Describe,
    DescribeTargetGroupAttributes Elbv2 Read Elbv2Describe,
    DescribeTargetHealth Elbv2 Read Elbv2Describe,
    // Named DescribeTags by AWS; EC2 has one of that name too, which we do not call.
    DescribeTags Elbv2 Read Elbv2Describe,
    CreateLoadBalancer Elbv2 Write Elbv2Mutate,
    ModifyLoadBalancerAttributes Elbv2 Write Elbv2Mutate,
    SetSubnets Elbv2 Write Elbv2Mutate,
    SetSecurityGroups Elbv2 Write Elbv2Mutate,
    DeleteLoadBalancer Elbv2 Write Elbv2Mutate,
    CreateTargetGroup Elbv2 Write Elbv2Mutate,
    ModifyTargetGroup Elbv2 Write Elbv2Mutate,
    ModifyTargetGroupAttributes Elbv2 Write Elbv2Mutate,
    DeleteTargetGroup Elbv2 Write Elbv2Mutate,
    RegisterTargets Elbv2 Write Elbv2Register,
    DeregisterTargets Elbv2 Write Elbv2Register,
    CreateListener Elbv2 Write Elbv2Mutate,
    ModifyListener Elbv2 Write Elbv2Mutate,
    DeleteListener Elbv2 Write Elbv2Mutate,
    AddTags Elbv2 Write Elbv2Mutate,
    RemoveTags Elbv2 Write Elbv2Mutate,
}

impl Operation {
    /// The IAM action that it needs, such as `ec2:RunInstances`.
    pub fn iam_action(self) -> String {
        let service = match self.service() {
            Service::Ec2 => "ec2",
            Service::Elbv2 => "elasticloadbalancing",
        };
        format!("{service}:{}", self.name())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_charged_to_a_bucket_of_its_own_service() {
        for operation in Operation::ALL {
            assert_eq!(operation.bucket().service(), operation.service(), "{operation}");
        }
    }
}
