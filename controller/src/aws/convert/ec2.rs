//! What EC2 replies, as ours.
//!
//! Permissions are taken apart into rules with one peer each, because AWS groups peers as it likes.
//! Never: drops a peer that it cannot read. A rule that is not seen could not be revoked, and a wanted one would be
//! asked for again on each pass.

use std::collections::BTreeSet;

use aws_api::ec2::{
    Image, Instance, InstanceState, NetworkInterface, Peer, ProfileAssociation, Rule, SecurityGroup, StatusChecks,
    Subnet, Volume,
};
use aws_api::id::{InstanceId, Zone};
use aws_api::{Ref, Tags};
use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types as sdk;
use crds_schema::Cidr;
use crds_schema::spec::HttpTokens;
use jiff::Timestamp;

use super::{Read, Unreadable, id, id_if_any, need, need_text, number, text};

pub(in crate::aws) fn subnet(subnet: &sdk::Subnet) -> Read<Subnet> {
    let has_ipv6 = subnet.ipv6_cidr_block_association_set().iter().any(|block| {
        let state = block.ipv6_cidr_block_state().and_then(|state| state.state());
        // Associations stay listed for a while after they were taken away.
        state.is_none_or(|state| *state == sdk::SubnetCidrBlockStateCode::Associated)
    });
    Ok(Subnet {
        id: id(subnet.subnet_id(), "SubnetId")?,
        vpc: id(subnet.vpc_id(), "VpcId")?,
        zone: Zone(need_text(subnet.availability_zone(), "AvailabilityZone")?),
        has_ipv6,
        default_for_az: subnet.default_for_az().unwrap_or(false),
    })
}

pub(in crate::aws) fn offering(offering: &sdk::InstanceTypeOffering) -> Read<(String, Zone)> {
    let instance_type = need(offering.instance_type(), "InstanceType")?.as_str().to_owned();
    Ok((instance_type, Zone(need_text(offering.location(), "Location")?)))
}

pub(in crate::aws) fn image(image: &sdk::Image) -> Read<Image> {
    let ebs = image.block_device_mappings().iter().filter(|device| device.ebs().is_some());
    Ok(Image {
        id: id(image.image_id(), "ImageId")?,
        state: need(image.state(), "ImageState")?.as_str().to_owned(),
        root_device: text(image.root_device_name()),
        ebs_devices: ebs.map(|device| need_text(device.device_name(), "DeviceName")).collect::<Read<_>>()?,
    })
}

pub(in crate::aws) fn security_group(group: &sdk::SecurityGroup) -> Read<SecurityGroup> {
    Ok(SecurityGroup {
        id: id(group.group_id(), "GroupId")?,
        name: need_text(group.group_name(), "GroupName")?,
        vpc: id(group.vpc_id(), "VpcId")?,
        ingress: rules(group.ip_permissions())?,
        egress: rules(group.ip_permissions_egress())?,
        tags: tags(group.tags())?,
    })
}

/// The rules of all permissions. One without peers lets nobody through, so it is no rule.
fn rules(permissions: &[sdk::IpPermission]) -> Read<BTreeSet<Rule>> {
    let mut rules = BTreeSet::new();
    for permission in permissions {
        let protocol = protocol(need(permission.ip_protocol(), "IpProtocol")?);
        // Some emulators write ports for every protocol at once; AWS has none there.
        let ports = if protocol == "-1" { (None, None) } else { (permission.from_port(), permission.to_port()) };
        for peer in peers(permission)? {
            rules.insert(Rule { protocol: protocol.to_owned(), from: ports.0, to: ports.1, peer });
        }
    }
    Ok(rules)
}

/// AWS answers with these four by name, also when it was asked by number.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>
fn protocol(name: &str) -> &str {
    match name {
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        "58" => "icmpv6",
        other => other,
    }
}

fn peers(permission: &sdk::IpPermission) -> Read<Vec<Peer>> {
    let v4 = permission.ip_ranges().iter().map(|range| cidr(range.cidr_ip(), "CidrIp"));
    let v6 = permission.ipv6_ranges().iter().map(|range| cidr(range.cidr_ipv6(), "CidrIpv6"));
    let groups =
        permission.user_id_group_pairs().iter().map(|pair| Ok(Peer::Group(Ref::Id(id(pair.group_id(), "GroupId")?))));
    let lists = permission.prefix_list_ids().iter();
    let lists = lists.map(|list| Ok(Peer::PrefixList(need_text(list.prefix_list_id(), "PrefixListId")?)));
    v4.chain(v6).chain(groups).chain(lists).collect()
}

fn cidr(range: Option<&str>, field: &'static str) -> Read<Peer> {
    let range = need(range, field)?;
    Cidr::canonical(range).map(Peer::Cidr).ok_or_else(|| Unreadable::strange(field, range))
}

/// The last part of a profile's ARN: a path may stand before it.
fn profile_name(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

pub(in crate::aws) fn profile_association(one: &sdk::IamInstanceProfileAssociation) -> Read<ProfileAssociation> {
    Ok(ProfileAssociation {
        id: id(one.association_id(), "AssociationId")?,
        instance: id(one.instance_id(), "InstanceId")?,
        profile: profile_name(need(
            one.iam_instance_profile().and_then(|profile| profile.arn()),
            "IamInstanceProfile",
        )?),
    })
}

pub(in crate::aws) fn network_interface(interface: &sdk::NetworkInterface) -> Read<NetworkInterface> {
    let groups = interface.groups().iter().map(|group| id(group.group_id(), "GroupId"));
    let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
    Ok(NetworkInterface {
        id: id(interface.network_interface_id(), "NetworkInterfaceId")?,
        description: interface.description().unwrap_or_default().to_owned(),
        groups: groups.collect::<Read<_>>()?,
        instance: id_if_any(instance, "InstanceId")?,
        requester_managed: interface.requester_managed().unwrap_or(false),
        tags: tags(interface.tag_set())?,
    })
}

/// A volume that is attached.
pub(in crate::aws) fn volume(volume: &sdk::Volume) -> Read<Volume> {
    let instance = volume.attachments().iter().find_map(|attachment| attachment.instance_id());
    Ok(Volume {
        id: id(volume.volume_id(), "VolumeId")?,
        instance: id(instance, "InstanceId")?,
        tags: tags(volume.tags())?,
    })
}

pub(in crate::aws) fn instance(instance: &sdk::Instance) -> Read<Instance> {
    let metadata = instance.metadata_options();
    let zone = instance.placement().and_then(|placement| placement.availability_zone());
    let groups = instance.security_groups().iter().map(|group| id(group.group_id(), "GroupId"));
    Ok(Instance {
        id: id(instance.instance_id(), "InstanceId")?,
        state: instance_state(instance)?,
        client_token: text(instance.client_token()),
        image: id(instance.image_id(), "ImageId")?,
        instance_type: need(instance.instance_type(), "InstanceType")?.as_str().to_owned(),
        zone: Zone(need_text(zone, "AvailabilityZone")?),
        subnet: id_if_any(instance.subnet_id(), "SubnetId")?,
        vpc: id_if_any(instance.vpc_id(), "VpcId")?,
        groups: groups.collect::<Read<_>>()?,
        key_name: text(instance.key_name()),
        instance_profile: instance.iam_instance_profile().and_then(|profile| profile.arn()).map(profile_name),
        private_ip: text(instance.private_ip_address()),
        public_ip: text(instance.public_ip_address()),
        http_tokens: metadata.and_then(|options| options.http_tokens()).map(http_tokens).transpose()?,
        hop_limit: (metadata.and_then(|options| options.http_put_response_hop_limit()))
            .map(|hops| number(hops, "HttpPutResponseHopLimit"))
            .transpose()?,
        launched_at: timestamp(need(instance.launch_time(), "LaunchTime")?)?,
        state_reason: text(instance.state_reason().and_then(|reason| reason.code())),
        tags: tags(instance.tags())?,
    })
}

fn instance_state(instance: &sdk::Instance) -> Read<InstanceState> {
    let name = need(instance.state().and_then(|state| state.name()), "InstanceState")?.as_str();
    InstanceState::from_aws(name).ok_or_else(|| Unreadable::strange("InstanceState", name))
}

fn http_tokens(state: &sdk::HttpTokensState) -> Read<HttpTokens> {
    match state.as_str() {
        "required" => Ok(HttpTokens::Required),
        "optional" => Ok(HttpTokens::Optional),
        other => Err(Unreadable::strange("HttpTokens", other)),
    }
}

pub(in crate::aws) fn sdk_http_tokens(tokens: HttpTokens) -> sdk::HttpTokensState {
    match tokens {
        HttpTokens::Required => sdk::HttpTokensState::Required,
        HttpTokens::Optional => sdk::HttpTokensState::Optional,
    }
}

fn timestamp(time: &DateTime) -> Read<Timestamp> {
    // The part below a second is under 10^9, which fits.
    let nanos = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    Timestamp::new(time.secs(), nanos).map_err(|_| Unreadable::strange("LaunchTime", time))
}

pub(in crate::aws) fn instance_status(status: &sdk::InstanceStatus) -> Read<(InstanceId, StatusChecks)> {
    use sdk::SummaryStatus::{Impaired, Initializing, Ok as Passed};
    let checks = [status.instance_status(), status.system_status()].map(|check| check.and_then(|check| check.status()));
    let checks = match checks {
        [Some(Passed), Some(Passed)] => StatusChecks::Ok,
        [Some(Impaired), _] | [_, Some(Impaired)] => StatusChecks::Impaired,
        [Some(Initializing), _] | [_, Some(Initializing)] => StatusChecks::Initializing,
        // Not enough data, not applicable, absent, or a word that AWS has added.
        _ => StatusChecks::Unknown,
    };
    Ok((id(status.instance_id(), "InstanceId")?, checks))
}

fn tags(tags: &[sdk::Tag]) -> Read<Tags> {
    let pair = |tag: &sdk::Tag| Ok((need_text(tag.key(), "tag's key")?, tag.value().unwrap_or_default().to_owned()));
    tags.iter().map(pair).collect()
}
