//! DescribeInstanceAttribute.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html>

use aws_api::Bucket as Called;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::instance_ids::instance_id;
use super::instance_item::{Attached, DeviceItem};
use super::network_interfaces::{GroupItem, group_set};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::world::{Outcome, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstanceAttribute {
    instance_id: String,
    attribute: String,
}

/// What it answers: the one attribute that was asked for.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    instance_id: String,
    instance_type: Option<Value<String>>,
    user_data: Option<Value<Option<String>>>,
    disable_api_termination: Option<Value<bool>>,
    disable_api_stop: Option<Value<bool>>,
    instance_initiated_shutdown_behavior: Option<Value<&'static str>>,
    root_device_name: Option<Value<Option<String>>>,
    block_device_mapping: Option<Vec<DeviceItem>>,
    product_codes: Option<Vec<String>>,
    source_dest_check: Option<Value<bool>>,
    group_set: Option<Vec<GroupItem>>,
    ebs_optimized: Option<Value<bool>>,
    enclave_options: Option<Enclave>,
    kernel: Option<Value<Option<String>>>,
    ramdisk: Option<Value<Option<String>>>,
    sriov_net_support: Option<Value<Option<String>>>,
}

#[derive(Debug, Serialize)]
struct Value<T> {
    value: T,
}

#[derive(Debug, Serialize)]
struct Enclave {
    enabled: bool,
}

impl Operation for DescribeInstanceAttribute {
    type Answer = Attribute;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeInstanceAttribute {
    fn answer(&self, Sight { world, at }: &Sight<'_>) -> Outcome<Attribute> {
        let id = instance_id(&self.instance_id)?;
        let instance = world.instance(&id, *at)?;
        let settings = &instance.settings;
        let mut answer = Attribute { instance_id: id.to_string(), ..Attribute::default() };
        let value = |value| Some(Value { value });
        match self.attribute.as_str() {
            "instanceType" => answer.instance_type = Some(Value { value: instance.instance_type.clone() }),
            "userData" => {
                let value = instance.user_data.as_ref().map(|data| STANDARD.encode(data));
                answer.user_data = Some(Value { value });
            }
            "disableApiTermination" => answer.disable_api_termination = value(instance.protected),
            "disableApiStop" => answer.disable_api_stop = value(settings.stop_protected),
            "instanceInitiatedShutdownBehavior" => {
                answer.instance_initiated_shutdown_behavior = Some(Value { value: settings.on_shutdown.word() });
            }
            "rootDeviceName" => {
                answer.root_device_name = Some(Value { value: instance.origin.root_device.clone() });
            }
            "blockDeviceMapping" => answer.block_device_mapping = Some(Attached::of(world).to(world, &id)),
            "productCodes" => answer.product_codes = Some(Vec::new()),
            "sourceDestCheck" => answer.source_dest_check = value(settings.source_dest_check),
            "groupSet" => answer.group_set = Some(group_set(world, &instance.groups)),
            "ebsOptimized" => answer.ebs_optimized = value(settings.ebs_optimized),
            "enclaveOptions" => answer.enclave_options = Some(Enclave { enabled: false }),
            // No instance has one: its value is empty.
            "kernel" => answer.kernel = Some(Value { value: None }),
            "ramdisk" => answer.ramdisk = Some(Value { value: None }),
            "sriovNetSupport" => answer.sriov_net_support = Some(Value { value: None }),
            other => {
                let message = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
                return refuse("InvalidParameterValue", message);
            }
        }
        Ok(answer)
    }
}
