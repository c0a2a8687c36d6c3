//! Describe and Modify of the attributes of load balancers, listeners and target groups.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyLoadBalancerAttributes.html>

use aws_api::{Bucket as Called, Ref};
use serde::{Deserialize, Serialize};

use super::common::{Attribute, attribute_items, attributes, listener, load_balancer, target_group};
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::attributes::{all_of_load_balancer, of_listener, set_of_listener};
use crate::cloud::world::{Outcome, World};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeLoadBalancerAttributes {
    load_balancer_arn: String,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyLoadBalancerAttributes {
    load_balancer_arn: String,
    attributes: Vec<Attribute>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeListenerAttributes {
    listener_arn: String,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyListenerAttributes {
    listener_arn: String,
    attributes: Vec<Attribute>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTargetGroupAttributes {
    target_group_arn: String,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyTargetGroupAttributes {
    target_group_arn: String,
    attributes: Vec<Attribute>,
}

/// All of a resource's attributes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    attributes: Vec<Attribute>,
}

macro_rules! answered_with_attributes {
    ($($name:ident $bucket:ident,)*) => {$(
        impl Operation for $name {
            type Answer = Attributes;

            fn bucket(&self) -> Bucket {
                Bucket::Called(Called::$bucket)
            }
        }
    )*};
}

answered_with_attributes! {
    DescribeLoadBalancerAttributes Elbv2Describe,
    ModifyLoadBalancerAttributes Elbv2Mutate,
    DescribeListenerAttributes Elbv2Describe,
    ModifyListenerAttributes Elbv2Mutate,
    DescribeTargetGroupAttributes Elbv2Describe,
    ModifyTargetGroupAttributes Elbv2Mutate,
}

impl Read for DescribeLoadBalancerAttributes {
    fn answer(&self, sight: &Sight<'_>) -> Outcome<Attributes> {
        of_balancer(sight.world, &self.load_balancer_arn)
    }
}

impl Write for ModifyLoadBalancerAttributes {
    fn apply(&self, world: &mut World) -> Outcome<Attributes> {
        let arn = load_balancer(&self.load_balancer_arn)?;
        world.set_balancer_attributes(&Ref::Id(arn), &attributes(&self.attributes)?)?;
        of_balancer(world, &self.load_balancer_arn)
    }
}

impl Read for DescribeListenerAttributes {
    fn answer(&self, sight: &Sight<'_>) -> Outcome<Attributes> {
        of_one_listener(sight.world, &self.listener_arn)
    }
}

impl Write for ModifyListenerAttributes {
    fn apply(&self, world: &mut World) -> Outcome<Attributes> {
        let record = world.listener_mut(&listener(&self.listener_arn)?)?;
        set_of_listener(record.protocol, &mut record.attributes, &attributes(&self.attributes)?)?;
        of_one_listener(world, &self.listener_arn)
    }
}

impl Read for DescribeTargetGroupAttributes {
    fn answer(&self, sight: &Sight<'_>) -> Outcome<Attributes> {
        of_group(sight.world, &self.target_group_arn)
    }
}

impl Write for ModifyTargetGroupAttributes {
    fn apply(&self, world: &mut World) -> Outcome<Attributes> {
        let arn = target_group(&self.target_group_arn)?;
        world.set_target_group_attributes(&Ref::Id(arn), &attributes(&self.attributes)?)?;
        of_group(world, &self.target_group_arn)
    }
}

fn of_balancer(world: &World, arn: &str) -> Outcome<Attributes> {
    Ok(Attributes {
        attributes: attribute_items(&all_of_load_balancer(&world.balancer(&load_balancer(arn)?)?.attributes)),
    })
}

fn of_one_listener(world: &World, arn: &str) -> Outcome<Attributes> {
    let record = world.listener(&listener(arn)?)?;
    Ok(Attributes { attributes: attribute_items(&of_listener(record.protocol, &record.attributes)) })
}

fn of_group(world: &World, arn: &str) -> Outcome<Attributes> {
    Ok(Attributes { attributes: attribute_items(&world.target_group(&target_group(arn)?)?.attributes) })
}
