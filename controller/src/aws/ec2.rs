//! EC2's calls: one method an operation, each with the whole request in sight.
//!
//! In: our request. Out: the reply, read by [`super::convert::ec2`]. Every page is asked for at its largest.
//! Never: a second attempt of a create by the SDK. A create's intent is stored before it, and the loop looks by tag and
//! replays it; an attempt in between could only be charged twice, or meet its own `InvalidGroup.Duplicate`.

use std::collections::BTreeSet;

use aws_api::ec2::{
    BlockDeviceRequest, ChangeRules, CreateSecurityGroup, Direction, MetadataRequest, Peer, ProfileChange, Rule,
    RunInstances, Taggable, UserData,
};
use aws_api::id::{AmiId, InstanceId, SecurityGroupId};
use aws_api::{CloudError, Filter, Operation, Page, Ref, Reply, ResourceId, Tags};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Builder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter as SdkFilter, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceNetworkInterfaceSpecification, InstanceType,
    IpPermission, IpRange, Ipv6Range, LocationType, PrefixListId, ResourceType, Tag, TagSpecification, UserIdGroupPair,
    VolumeType,
};

use super::Answered;
use super::classify::{all_known, answer, done, known, some};
use super::convert::{self, each, ec2 as read, only, page_of};
use crate::wire::Wire;

/// The largest page of EC2's Describe calls.
const PAGE_MAX: i32 = 1000;

/// EC2 of one region.
pub(super) struct Ec2(Client);

impl Ec2 {
    pub(super) fn new(config: &SdkConfig, wire: Wire) -> Self {
        Self(Client::from_conf(Builder::from(config).interceptor(wire).build()))
    }

    pub(super) async fn subnets(&self, filters: Vec<Filter>, page: Page) -> Answered {
        let call = self.0.describe_subnets().set_filters(sdk_filters(filters));
        let sent = call.set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(Operation::DescribeSubnets, sent, |out| {
            Ok(Reply::Subnets(each(out.subnets(), read::subnet)?, page_of(out.next_token())))
        })
    }

    pub(super) async fn instance_type_offerings(&self, types: Vec<String>, page: Page) -> Answered {
        let operation = Operation::DescribeInstanceTypeOfferings;
        some(operation, "an instance type", &types)?;
        let by_type = SdkFilter::builder().name("instance-type").set_values(Some(types)).build();
        let call = self.0.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
        let sent = call.filters(by_type).set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(operation, sent, |out| {
            let offerings = each(out.instance_type_offerings(), read::offering)?;
            Ok(Reply::InstanceTypeOfferings(offerings, page_of(out.next_token())))
        })
    }

    pub(super) async fn images(&self, ids: Vec<AmiId>) -> Answered {
        some(Operation::DescribeImages, "an image id", &ids)?;
        let sent = self.0.describe_images().set_image_ids(Some(texts(&ids))).send().await;
        answer(Operation::DescribeImages, sent, |out| {
            convert::whole(out.next_token())?;
            Ok(Reply::Images(each(out.images(), read::image)?))
        })
    }

    pub(super) async fn security_groups(&self, filters: Vec<Filter>, page: Page) -> Answered {
        let call = self.0.describe_security_groups().set_filters(sdk_filters(filters));
        let sent = call.set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(Operation::DescribeSecurityGroups, sent, |out| {
            let groups = each(out.security_groups(), read::security_group)?;
            Ok(Reply::SecurityGroups(groups, page_of(out.next_token())))
        })
    }

    pub(super) async fn instances(&self, filters: Vec<Filter>, page: Page) -> Answered {
        let call = self.0.describe_instances().set_filters(sdk_filters(filters));
        let sent = call.set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(Operation::DescribeInstances, sent, |out| {
            let instances = out.reservations().iter().flat_map(|reservation| reservation.instances());
            Ok(Reply::Instances(each(instances, read::instance)?, page_of(out.next_token())))
        })
    }

    pub(super) async fn instance_status(&self, ids: Vec<InstanceId>, page: Page) -> Answered {
        some(Operation::DescribeInstanceStatus, "an instance id", &ids)?;
        // AWS refuses a page size beside ids.
        let call = self.0.describe_instance_status().set_instance_ids(Some(texts(&ids)));
        let sent = call.include_all_instances(false).set_next_token(page).send().await;
        answer(Operation::DescribeInstanceStatus, sent, |out| {
            let statuses = each(out.instance_statuses(), read::instance_status)?;
            Ok(Reply::InstanceStatus(statuses, page_of(out.next_token())))
        })
    }

    pub(super) async fn profile_associations(&self, filters: Vec<Filter>, page: Page) -> Answered {
        let call = self.0.describe_iam_instance_profile_associations().set_filters(sdk_filters(filters));
        let sent = call.set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(Operation::DescribeIamInstanceProfileAssociations, sent, |out| {
            let found = each(out.iam_instance_profile_associations(), read::profile_association)?;
            Ok(Reply::ProfileAssociations(found, page_of(out.next_token())))
        })
    }

    pub(super) async fn volumes(&self, filters: Vec<Filter>, page: Page) -> Answered {
        let call = self.0.describe_volumes().set_filters(sdk_filters(filters));
        let sent = call.set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(Operation::DescribeVolumes, sent, |out| {
            let attached = out.volumes().iter().filter(|volume| !volume.attachments().is_empty());
            Ok(Reply::Volumes(each(attached, read::volume)?, page_of(out.next_token())))
        })
    }

    pub(super) async fn network_interfaces(&self, filters: Vec<Filter>, page: Page) -> Answered {
        let call = self.0.describe_network_interfaces().set_filters(sdk_filters(filters));
        let sent = call.set_next_token(page).max_results(PAGE_MAX).send().await;
        answer(Operation::DescribeNetworkInterfaces, sent, |out| {
            let interfaces = each(out.network_interfaces(), read::network_interface)?;
            Ok(Reply::NetworkInterfaces(interfaces, page_of(out.next_token())))
        })
    }

    pub(super) async fn create_security_group(&self, create: CreateSecurityGroup) -> Answered {
        let call = self.0.create_security_group().group_name(create.name).description(create.description);
        let call = call.vpc_id(create.vpc).set_tag_specifications(tagged([(ResourceType::SecurityGroup, create.tags)]));
        let sent = call.customize().config_override(once()).send().await;
        answer(Operation::CreateSecurityGroup, sent, |out| {
            Ok(Reply::Made(ResourceId::SecurityGroup(convert::id(out.group_id(), "GroupId")?)))
        })
    }

    pub(super) async fn authorize_rules(&self, change: ChangeRules) -> Answered {
        let operation = match change.direction {
            Direction::Ingress => Operation::AuthorizeSecurityGroupIngress,
            Direction::Egress => Operation::AuthorizeSecurityGroupEgress,
        };
        let group = known(operation, &change.group)?.to_string();
        let rules = Some(permissions(operation, &change.rules)?);
        match change.direction {
            Direction::Ingress => {
                let call = self.0.authorize_security_group_ingress().group_id(group).set_ip_permissions(rules);
                done(operation, call.send().await)
            }
            Direction::Egress => {
                let call = self.0.authorize_security_group_egress().group_id(group).set_ip_permissions(rules);
                done(operation, call.send().await)
            }
        }
    }

    pub(super) async fn revoke_rules(&self, change: ChangeRules) -> Answered {
        let operation = match change.direction {
            Direction::Ingress => Operation::RevokeSecurityGroupIngress,
            Direction::Egress => Operation::RevokeSecurityGroupEgress,
        };
        let group = known(operation, &change.group)?.to_string();
        let rules = Some(permissions(operation, &change.rules)?);
        // In a default VPC AWS answers success and lists the rules that it did not find; elsewhere it fails.
        // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>
        let (answered, unknown) = match change.direction {
            Direction::Ingress => {
                let call = self.0.revoke_security_group_ingress().group_id(group).set_ip_permissions(rules);
                let sent = call.send().await;
                let unknown = sent.as_ref().is_ok_and(|out| !out.unknown_ip_permissions().is_empty());
                (done(operation, sent), unknown)
            }
            Direction::Egress => {
                let call = self.0.revoke_security_group_egress().group_id(group).set_ip_permissions(rules);
                let sent = call.send().await;
                let unknown = sent.as_ref().is_ok_and(|out| !out.unknown_ip_permissions().is_empty());
                (done(operation, sent), unknown)
            }
        };
        let answer = answered?;
        if unknown {
            let missing =
                CloudError::coded(operation, "InvalidPermission.NotFound", "some of the rules were not there");
            return Err(CloudError { request_id: answer.request_id, ..missing }.into());
        }
        Ok(answer)
    }

    pub(super) async fn delete_security_group(&self, group: SecurityGroupId) -> Answered {
        done(Operation::DeleteSecurityGroup, self.0.delete_security_group().group_id(group).send().await)
    }

    pub(super) async fn run_instances(&self, run: RunInstances) -> Answered {
        let operation = Operation::RunInstances;
        let groups = all_known(operation, &run.groups)?;
        let user_data = run.user_data.map(|data| sdk_user_data(operation, data)).transpose()?;
        let disks = run.block_devices.into_iter().map(|disk| sdk_disk(operation, disk)).collect::<Result<_, _>>()?;
        let profile = run.instance_profile.map(sdk_profile);
        let call = (self.0.run_instances().min_count(1).max_count(1))
            .client_token(run.token)
            .image_id(run.image)
            .instance_type(InstanceType::from(run.instance_type.as_str()))
            .set_key_name(run.key_name)
            .set_iam_instance_profile(profile)
            .set_user_data(user_data)
            .metadata_options(metadata_options(operation, run.metadata_options)?)
            .set_block_device_mappings(Some(disks))
            .set_tag_specifications(tagged([
                (ResourceType::Instance, run.tags),
                (ResourceType::Volume, run.volume_tags),
            ]));
        // A public address is asked for on the network interface, and then subnet and groups belong there too.
        let call = match run.associate_public_ip {
            None => call.subnet_id(run.subnet).set_security_group_ids(Some(groups)),
            Some(public) => call.network_interfaces(
                InstanceNetworkInterfaceSpecification::builder()
                    .device_index(0)
                    .associate_public_ip_address(public)
                    .subnet_id(run.subnet)
                    .set_groups(Some(groups))
                    .build(),
            ),
        };
        let sent = call.customize().config_override(once()).send().await;
        answer(operation, sent, |out| {
            let instance = only(out.instances(), "Instances")?;
            Ok(Reply::Made(ResourceId::Instance(convert::id(instance.instance_id(), "InstanceId")?)))
        })
    }

    pub(super) async fn terminate_instances(&self, instance: InstanceId) -> Answered {
        done(Operation::TerminateInstances, self.0.terminate_instances().instance_ids(instance).send().await)
    }

    pub(super) async fn set_instance_groups(
        &self,
        instance: InstanceId,
        groups: BTreeSet<Ref<SecurityGroupId>>,
    ) -> Answered {
        let operation = Operation::ModifyInstanceAttribute;
        let groups = Some(all_known(operation, &groups)?);
        done(operation, self.0.modify_instance_attribute().instance_id(instance).set_groups(groups).send().await)
    }

    /// Whether the metadata service answers at all is left as it is.
    pub(super) async fn set_metadata_options(&self, instance: InstanceId, options: MetadataRequest) -> Answered {
        let operation = Operation::ModifyInstanceMetadataOptions;
        let call = self.0.modify_instance_metadata_options().instance_id(instance);
        let call = call.http_tokens(read::sdk_http_tokens(options.http_tokens));
        let hops = convert::sdk_number(operation, options.hop_limit)?;
        done(operation, call.http_put_response_hop_limit(hops).send().await)
    }

    pub(super) async fn change_profile(&self, instance: InstanceId, change: ProfileChange) -> Answered {
        match change {
            ProfileChange::Associate(profile) => {
                let call = self.0.associate_iam_instance_profile().instance_id(instance);
                let sent = call.iam_instance_profile(sdk_profile(profile)).send().await;
                done(Operation::AssociateIamInstanceProfile, sent)
            }
            ProfileChange::Replace { association, profile } => {
                let call = self.0.replace_iam_instance_profile_association().association_id(association);
                let sent = call.iam_instance_profile(sdk_profile(profile)).send().await;
                done(Operation::ReplaceIamInstanceProfileAssociation, sent)
            }
            ProfileChange::Disassociate(association) => {
                let sent = self.0.disassociate_iam_instance_profile().association_id(association).send().await;
                done(Operation::DisassociateIamInstanceProfile, sent)
            }
        }
    }

    pub(super) async fn create_tags(&self, resource: Taggable, tags: Tags) -> Answered {
        let id = taggable(Operation::CreateTags, &resource)?;
        let call = self.0.create_tags().resources(id).set_tags(Some(sdk_tags(tags)));
        done(Operation::CreateTags, call.send().await)
    }

    pub(super) async fn delete_tags(&self, resource: Taggable, keys: BTreeSet<String>) -> Answered {
        let id = taggable(Operation::DeleteTags, &resource)?;
        let tags: Vec<Tag> = keys.into_iter().map(|key| Tag::builder().key(key).build()).collect();
        some(Operation::DeleteTags, "a tag key", &tags)?;
        done(Operation::DeleteTags, self.0.delete_tags().resources(id).set_tags(Some(tags)).send().await)
    }
}

/// The configuration of a call that the SDK sends once.
fn once() -> Builder {
    Builder::default().retry_config(RetryConfig::disabled())
}

fn texts<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(T::to_string).collect()
}

fn sdk_filters(filters: Vec<Filter>) -> Option<Vec<SdkFilter>> {
    let sdk = |filter: Filter| SdkFilter::builder().name(filter.name).set_values(Some(filter.values)).build();
    Some(filters.into_iter().map(sdk).collect())
}

fn sdk_profile(name: String) -> IamInstanceProfileSpecification {
    IamInstanceProfileSpecification::builder().name(name).build()
}

fn sdk_tags(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags for what the call makes. AWS refuses a specification without tags.
fn tagged<const N: usize>(of: [(ResourceType, Tags); N]) -> Option<Vec<TagSpecification>> {
    let some = of.into_iter().filter(|(_, tags)| !tags.is_empty());
    let sdk = |(kind, tags)| TagSpecification::builder().resource_type(kind).set_tags(Some(sdk_tags(tags))).build();
    Some(some.map(sdk).collect())
}

fn taggable(operation: Operation, resource: &Taggable) -> Result<String, CloudError> {
    match resource {
        Taggable::SecurityGroup(group) => Ok(known(operation, group)?.to_string()),
        Taggable::Instance(id) => Ok(id.to_string()),
        Taggable::Volume(id) => Ok(id.to_string()),
    }
}

/// One permission a rule, so that what AWS says of one says nothing of another.
fn permissions(operation: Operation, rules: &BTreeSet<Rule>) -> Result<Vec<IpPermission>, CloudError> {
    rules.iter().map(|rule| permission(operation, rule)).collect()
}

fn permission(operation: Operation, rule: &Rule) -> Result<IpPermission, CloudError> {
    let built = IpPermission::builder().ip_protocol(&rule.protocol);
    // `-1` is every protocol, and has no ports.
    let ports = if rule.protocol == "-1" { (None, None) } else { (rule.from, rule.to) };
    let built = built.set_from_port(ports.0).set_to_port(ports.1);
    let built = match &rule.peer {
        Peer::Cidr(cidr) if cidr.is_ipv6() => {
            built.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr.to_string()).build())
        }
        Peer::Cidr(cidr) => built.ip_ranges(IpRange::builder().cidr_ip(cidr.to_string()).build()),
        Peer::Group(group) => {
            let group = known(operation, group)?.to_string();
            built.user_id_group_pairs(UserIdGroupPair::builder().group_id(group).build())
        }
        Peer::PrefixList(list) => built.prefix_list_ids(PrefixListId::builder().prefix_list_id(list).build()),
    };
    Ok(built.build())
}

fn sdk_user_data(operation: Operation, data: UserData) -> Result<String, CloudError> {
    match data {
        UserData::Text(text) => Ok(aws_smithy_types::base64::encode(text)),
        UserData::Base64(encoded) => Ok(encoded),
        UserData::Revision(number) => {
            Err(CloudError::bug(operation, format!("sent before revision {number}'s user data was filled in")))
        }
    }
}

/// Whether tags are in the metadata is left to the account's and the image's defaults.
fn metadata_options(
    operation: Operation,
    options: MetadataRequest,
) -> Result<InstanceMetadataOptionsRequest, CloudError> {
    Ok(InstanceMetadataOptionsRequest::builder()
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_tokens(read::sdk_http_tokens(options.http_tokens))
        .http_put_response_hop_limit(convert::sdk_number(operation, options.hop_limit)?)
        .build())
}

fn sdk_disk(operation: Operation, disk: BlockDeviceRequest) -> Result<BlockDeviceMapping, CloudError> {
    let size = disk.size_gib.map(|gib| convert::sdk_number(operation, gib)).transpose()?;
    let ebs = EbsBlockDevice::builder()
        .set_volume_size(size)
        .set_volume_type(disk.volume_type.as_deref().map(VolumeType::from))
        .set_encrypted(disk.encrypted)
        .delete_on_termination(disk.delete_on_termination)
        .build();
    Ok(BlockDeviceMapping::builder().device_name(disk.device).ebs(ebs).build())
}
