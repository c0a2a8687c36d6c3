//! DescribeAccountAttributes.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html>

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::world::{Outcome, World, refuse};

/// Every attribute that there is.
const NAMES: [&str; 6] = [
    "default-vpc",
    "max-elastic-ips",
    "max-instances",
    "supported-platforms",
    "vpc-max-elastic-ips",
    "vpc-max-security-groups-per-interface",
];

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAccountAttributes {
    #[serde(default)]
    attribute_name: Vec<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAttributes {
    account_attribute_set: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute {
    attribute_name: &'static str,
    attribute_value_set: Vec<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    attribute_value: String,
}

impl Operation for DescribeAccountAttributes {
    type Answer = AccountAttributes;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeAccountAttributes {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<AccountAttributes> {
        if let Some(unknown) = self.attribute_name.iter().find(|name| !NAMES.contains(&name.as_str())) {
            return refuse(
                "InvalidParameterValue",
                format!("Value ({unknown}) for parameter attributeName is invalid."),
            );
        }
        let asked =
            |name: &&str| self.attribute_name.is_empty() || self.attribute_name.iter().any(|asked| asked == name);
        let attribute = |name: &'static str| Attribute {
            attribute_name: name,
            attribute_value_set: vec![Value { attribute_value: value(world, name) }],
        };
        Ok(AccountAttributes { account_attribute_set: NAMES.into_iter().filter(asked).map(attribute).collect() })
    }
}

fn value(world: &World, name: &str) -> String {
    match name {
        "default-vpc" => world.default_vpc().map_or_else(|| "none".to_owned(), ToString::to_string),
        "max-instances" => world.config.quotas.instances.to_string(),
        "supported-platforms" => "VPC".to_owned(),
        "vpc-max-security-groups-per-interface" => world.config.quotas.groups_per_interface.to_string(),
        // An account's default: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html>.
        _ => "5".to_owned(),
    }
}
