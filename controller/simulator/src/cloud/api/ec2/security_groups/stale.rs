//! DescribeStaleSecurityGroups.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeStaleSecurityGroups.html>. A rule is stale when it refers
//! to a group of a peered VPC that is gone. There are no peered VPCs, and of one VPC no group goes that another refers to; so
//! there are none.

use std::collections::BTreeMap;

use aws_api::Bucket as Called;
use aws_api::id::VpcId;
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{page_or_all, parse_id};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::world::Outcome;

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStaleSecurityGroups {
    vpc_id: String,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// What it answers: nothing, whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaleGroups {
    stale_security_group_set: Vec<String>,
    next_token: Option<String>,
}

impl Operation for DescribeStaleSecurityGroups {
    type Answer = StaleGroups;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeStaleSecurityGroups {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<StaleGroups> {
        world.check_vpc(&parse_id(&self.vpc_id, VpcId::parse, "InvalidVpcID.Malformed")?)?;
        let (stale_security_group_set, next_token) =
            page_or_all(BTreeMap::new(), self.max_results, &self.next_token, (5, 255))?;
        Ok(StaleGroups { stale_security_group_set, next_token })
    }
}
