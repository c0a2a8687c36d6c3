//! AWS, as the loop sees it: one method, called with one request, at the granularity of AWS's own operations.
//!
//! The adapter (SDK) and the simulator implement it. Paging, batching and retries are above it, so that the simulator
//! exercises them too. One method makes calls, so that counting, throttling and faults wrap every call alike; the others are
//! about the room that our share of the quota has for them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use planner::id::{AmiId, InstanceId, ListenerArn, LoadBalancerArn, TargetGroupArn, Zone};
use planner::request::{ElbTaggable, Made, Write};
use planner::resource::{
    Image, Instance, Listener, ListenerRule, LoadBalancer, NetworkInterface, ProfileAssociation, SecurityGroup,
    StatusChecks, Subnet, Tags, Target, TargetGroup, Volume,
};

use crate::error::CloudError;
use crate::operation::{Calls, Operation};

/// One region of one AWS account.
pub trait Cloud {
    /// Makes one call and waits for its reply, at most as long as the implementation was told to.
    ///
    /// Errors carry AWS's code and whether it is certain that nothing was done; the caller decides about trying again.
    fn call<'a>(&'a self, region: &'a str, request: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>>;

    /// Sets calls aside, all of them or none, and says how many: never more than a whole bucket. Where there is no room for
    /// them now, says in how long there is. What has no bounds has room for everything.
    fn set_aside(&self, _region: &str, calls: &Calls) -> Result<Calls, Duration> {
        Ok(calls.clone())
    }

    /// Takes back what was set aside and is not needed.
    fn give_back(&self, _region: &str, _calls: &Calls) {}

    /// Makes a call that was set aside.
    fn call_set_aside<'a>(
        &'a self,
        region: &'a str,
        request: Request,
    ) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        self.call(region, request)
    }

    /// In how long there is room for what was not read for want of it; absent: there was room for everything.
    fn short_by(&self) -> Option<Duration> {
        None
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// One that changes nothing.
    Read(Read),
    /// One that does. Every `Ref` in it is resolved.
    Write(Write),
}

impl Request {
    /// Which operation it is.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Read(read) => Operation::from(read),
            Self::Write(write) => Operation::from(write),
        }
    }
}

/// A filter of an EC2 Describe call: any of the values, `*` and `?` as wildcards. Several filters must all match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    /// AWS's name of it, such as `tag:understudy:uid`.
    pub name: String,
    /// Any of these, at most 200.
    pub values: Vec<String>,
}

/// Where a paged answer goes on.
pub type Page = Option<String>;

/// A call that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// EC2 DescribeSubnets.
    Subnets {
        /// Filters.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeInstanceTypeOfferings by availability zone.
    InstanceTypeOfferings {
        /// Types asked about.
        types: Vec<String>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeImages by id. A missing one fails the call with `InvalidAMIID.NotFound`.
    Images {
        /// Which.
        ids: Vec<AmiId>,
    },
    /// EC2 DescribeSecurityGroups.
    SecurityGroups {
        /// Filters.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeInstances.
    Instances {
        /// Filters; `instance-id` does not fail for an unknown id.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeInstanceStatus of running instances. A missing one fails the call with `InvalidInstanceID.NotFound`.
    InstanceStatus {
        /// Which, at most 100.
        ids: Vec<InstanceId>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeIamInstanceProfileAssociations.
    ProfileAssociations {
        /// Filters; `instance-id` does not fail for an unknown id.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeVolumes.
    Volumes {
        /// Filters; `attachment.instance-id` does not fail for an unknown id.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// EC2 DescribeNetworkInterfaces.
    NetworkInterfaces {
        /// Filters.
        filters: Vec<Filter>,
        /// Where to go on.
        page: Page,
    },
    /// ELBv2 DescribeLoadBalancers by name, at most 20. A missing one fails the call with `LoadBalancerNotFound`.
    LoadBalancers {
        /// Which.
        names: Vec<String>,
    },
    /// ELBv2 DescribeLoadBalancerAttributes.
    LoadBalancerAttributes {
        /// Of which.
        load_balancer: LoadBalancerArn,
    },
    /// ELBv2 DescribeListeners.
    Listeners {
        /// Of which.
        load_balancer: LoadBalancerArn,
        /// Where to go on.
        page: Page,
    },
    /// ELBv2 DescribeRules of one listener, the default one included.
    Rules {
        /// Of which.
        listener: ListenerArn,
        /// Where to go on.
        page: Page,
    },
    /// ELBv2 DescribeTargetGroups by name, at most 20. A missing one fails the call with `TargetGroupNotFound`.
    TargetGroups {
        /// Which.
        names: Vec<String>,
    },
    /// ELBv2 DescribeTargetGroupAttributes.
    TargetGroupAttributes {
        /// Of which.
        target_group: TargetGroupArn,
    },
    /// ELBv2 DescribeTargetHealth of all of its targets.
    TargetHealth {
        /// Of which.
        target_group: TargetGroupArn,
    },
    /// ELBv2 DescribeTags, at most 20. A missing one fails the call with `LoadBalancerNotFound` and the like.
    Tags {
        /// Of which.
        resources: Vec<ElbTaggable>,
    },
}

/// What a call answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Of [`Read::Subnets`].
    Subnets(Vec<Subnet>, Page),
    /// Of [`Read::InstanceTypeOfferings`]: type and zone.
    InstanceTypeOfferings(Vec<(String, Zone)>, Page),
    /// Of [`Read::Images`].
    Images(Vec<Image>),
    /// Of [`Read::SecurityGroups`].
    SecurityGroups(Vec<SecurityGroup>, Page),
    /// Of [`Read::Instances`].
    Instances(Vec<Instance>, Page),
    /// Of [`Read::InstanceStatus`].
    InstanceStatus(Vec<(InstanceId, StatusChecks)>, Page),
    /// Of [`Read::ProfileAssociations`].
    ProfileAssociations(Vec<ProfileAssociation>, Page),
    /// Of [`Read::Volumes`]: those that are attached.
    Volumes(Vec<Volume>, Page),
    /// Of [`Read::NetworkInterfaces`].
    NetworkInterfaces(Vec<NetworkInterface>, Page),
    /// Of [`Read::LoadBalancers`].
    LoadBalancers(Vec<LoadBalancer>),
    /// Of [`Read::LoadBalancerAttributes`] and [`Read::TargetGroupAttributes`].
    Attributes(BTreeMap<String, String>),
    /// Of [`Read::Listeners`].
    Listeners(Vec<Listener>, Page),
    /// Of [`Read::Rules`], without the default one.
    Rules(Vec<ListenerRule>, Page),
    /// Of [`Read::TargetGroups`].
    TargetGroups(Vec<TargetGroup>),
    /// Of [`Read::TargetHealth`].
    TargetHealth(Vec<Target>),
    /// Of [`Read::Tags`].
    Tags(Vec<(ElbTaggable, Tags)>),
    /// Of a create call.
    Made(Made),
    /// Of any other write.
    Done,
}
