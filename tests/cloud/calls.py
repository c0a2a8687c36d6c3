"""The calls that differential.py sends to both: each a name, a service, an operation and its parameters.

A parameter "{front}" stands for what an earlier call saved under that name. What is compared is the whole answer, or what
`only` picks of it (JMESPath) where the rest is each cloud's own stock. Never: judges."""

PASS = "time passes"


def call(name, service, operation, only=None, save=None, **parameters):
    return {"name": name, "service": service, "operation": operation, "only": only, "save": save or {},
            "parameters": parameters}


def ec2(name, operation, only=None, save=None, **parameters):
    return call(name, "ec2", operation, only, save, **parameters)


def elb(name, operation, only=None, save=None, **parameters):
    return call(name, "elbv2", operation, only, save, **parameters)


def where(name, *values):
    return [{"Name": name, "Values": list(values)}]


def tcp(port, **source):
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]


ANYWHERE = {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}]}
ABSENT = "i-0123456789abcdef0"

NETWORK = [
    call("the caller", "sts", "get_caller_identity", only="Account"),
    ec2("the default VPC", "describe_vpcs", save={"vpc": "Vpcs[0].VpcId"}, Filters=where("is-default", "true"),
        only="Vpcs[].[State,CidrBlock,IsDefault,InstanceTenancy]"),
    ec2("default subnets", "describe_subnets", save={f"subnet{n}": f"sort_by(Subnets,&AvailabilityZone)[{n}].SubnetId"
                                                     for n in range(3)},
        only="sort_by(Subnets,&AvailabilityZone)[].[AvailabilityZone,DefaultForAz,MapPublicIpOnLaunch,State]",
        Filters=where("default-for-az", "true")),
    ec2("subnets by a wildcard", "describe_subnets", only="length(Subnets)",
        Filters=where("availability-zone", "us-east-2?")),
    ec2("subnets by a filter that no operation has", "describe_subnets", Filters=where("colour", "red")),
    ec2("a filter in capitals", "describe_vpcs", only="length(Vpcs)", Filters=where("is-default", "TRUE")),
    ec2("a VPC that is not there", "describe_vpcs", VpcIds=["vpc-0123456789abcdef0"]),
    ec2("a VPC id that is none", "describe_vpcs", VpcIds=["nonsense"]),
    ec2("a subnet that is not there", "describe_subnets", SubnetIds=["subnet-0123456789abcdef0"]),
    ec2("zones", "describe_availability_zones", only="AvailabilityZones[].[ZoneName,State,RegionName,ZoneType]"),
    ec2("one zone that is not there", "describe_availability_zones", ZoneNames=["us-east-2z"]),
    ec2("a region by name", "describe_regions", only="Regions[].[RegionName,OptInStatus]", RegionNames=["us-east-2"]),
    ec2("an instance type", "describe_instance_types", InstanceTypes=["t3.medium"],
        only="InstanceTypes[].[InstanceType,VCpuInfo.DefaultVCpus,MemoryInfo.SizeInMiB,BurstablePerformanceSupported]"),
    ec2("an instance type that is none", "describe_instance_types", InstanceTypes=["t3.gigantic"]),
    ec2("route tables of the VPC", "describe_route_tables", Filters=where("vpc-id", "{vpc}"),
        only="RouteTables[].Associations[].[Main,AssociationState.State]"),
    ec2("DNS of the VPC", "describe_vpc_attribute", only="EnableDnsHostnames", VpcId="{vpc}",
        Attribute="enableDnsHostnames"),
    ec2("a rehearsed read", "describe_vpcs", DryRun=True),
]

IMAGES = [
    ec2("images of Amazon", "describe_images", save={"image": "Images[0].ImageId"}, Owners=["amazon"],
        Filters=where("architecture", "x86_64") + where("virtualization-type", "hvm") + where("root-device-type", "ebs"),
        only="Images[0].[State,Public,ImageType,Architecture]"),
    ec2("images of this account", "describe_images", Owners=["self"], only="Images"),
    ec2("an image that is not there", "describe_images", ImageIds=["ami-0123456789abcdef0"]),
    ec2("an image id that is none", "describe_images", ImageIds=["nonsense"]),
]

GROUPS = [
    ec2("a group is made", "create_security_group", save={"front": "GroupId"}, GroupName="d-alb", Description="front",
        VpcId="{vpc}"),
    ec2("a group with tags", "create_security_group", save={"back": "GroupId"}, GroupName="d-web", Description="back",
        VpcId="{vpc}", TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "Name", "Value": "b"}]}]),
    ec2("a third group", "create_security_group", only="Tags", save={"named": "GroupId"}, GroupName="d-named",
        Description="x", VpcId="{vpc}"),
    ec2("a second group of the name", "create_security_group", GroupName="d-alb", Description="x", VpcId="{vpc}"),
    ec2("a group named as none may be", "create_security_group", GroupName="sg-web", Description="x", VpcId="{vpc}"),
    ec2("a group of a VPC that is not there", "create_security_group", GroupName="d-x", Description="x",
        VpcId="vpc-0123456789abcdef0"),
    ec2("a rule", "authorize_security_group_ingress", GroupId="{front}", IpPermissions=tcp(80, **ANYWHERE)),
    ec2("the rule again", "authorize_security_group_ingress", GroupId="{front}", IpPermissions=tcp(80, **ANYWHERE)),
    ec2("a rule from a group", "authorize_security_group_ingress", GroupId="{back}",
        IpPermissions=tcp(8080, UserIdGroupPairs=[{"GroupId": "{front}"}])),
    ec2("a rule from the third group", "authorize_security_group_ingress", GroupId="{back}", only="Return",
        IpPermissions=tcp(9, UserIdGroupPairs=[{"GroupId": "{named}"}])),
    ec2("a rule from a group that is not there", "authorize_security_group_ingress", GroupId="{back}",
        IpPermissions=tcp(1, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}])),
    ec2("a rule with an address that is none", "authorize_security_group_ingress", GroupId="{back}",
        IpPermissions=tcp(1, IpRanges=[{"CidrIp": "300.0.0.0/8"}])),
    ec2("a rule with a port that is none", "authorize_security_group_ingress", GroupId="{back}",
        IpPermissions=tcp(70000, IpRanges=[{"CidrIp": "10.0.0.0/8"}])),
    ec2("a group as it stands", "describe_security_groups", GroupIds=["{front}"]),
    ec2("groups by tag", "describe_security_groups", Filters=where("tag:Name", "b"), only="SecurityGroups[].GroupName"),
    ec2("groups by a rule's port", "describe_security_groups", Filters=where("ip-permission.to-port", "8080"),
        only="SecurityGroups[].GroupName"),
    ec2("a group that is not there", "describe_security_groups", GroupIds=["sg-0123456789abcdef0"]),
    ec2("a group id that is none", "describe_security_groups", GroupIds=["nonsense"]),
    ec2("rules by group", "describe_security_group_rules", Filters=where("group-id", "{front}"),
        only="sort_by(SecurityGroupRules[].{a: IsEgress, b: IpProtocol, c: FromPort, d: ToPort, e: CidrIpv4, f: Description}, "
             "&to_string(a))"),
    ec2("a rule with a description is revoked without it", "revoke_security_group_ingress", GroupId="{front}",
        IpPermissions=tcp(80, IpRanges=[{"CidrIp": "0.0.0.0/0"}]), only="Return"),
    ec2("a rule that is not there is revoked", "revoke_security_group_ingress", GroupId="{front}",
        IpPermissions=tcp(81, IpRanges=[{"CidrIp": "0.0.0.0/0"}]), only="Return"),
    ec2("a group that another refers to is deleted", "delete_security_group", GroupId="{named}"),
    ec2("the default group is deleted", "delete_security_group", GroupName="default"),
]

TAGS = [
    ec2("a tag", "create_tags", Resources=["{front}"], Tags=[{"Key": "team", "Value": "red"}]),
    ec2("the tag again, another value", "create_tags", Resources=["{front}"], Tags=[{"Key": "team", "Value": "blue"}]),
    ec2("tags of a resource", "describe_tags", Filters=where("resource-id", "{front}")),
    ec2("tags by a key", "describe_tags", Filters=where("key", "te*"), only="Tags[].[Key,Value,ResourceType]"),
    ec2("a tag of AWS's own", "create_tags", Resources=["{front}"], Tags=[{"Key": "aws:mine", "Value": "x"}]),
    ec2("a tag of what is not there", "create_tags", Resources=["sg-0123456789abcdef0"],
        Tags=[{"Key": "a", "Value": "b"}]),
    ec2("a tag is deleted with another value", "delete_tags", Resources=["{front}"],
        Tags=[{"Key": "team", "Value": "red"}]),
    ec2("and stays", "describe_tags", Filters=where("resource-id", "{front}"), only="Tags[].[Key,Value]"),
    ec2("a tag is deleted", "delete_tags", Resources=["{front}"], Tags=[{"Key": "team"}]),
]

LAUNCH = {"ImageId": "{image}", "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1}
INSTANCES = [
    ec2("a rehearsed launch", "run_instances", **LAUNCH, DryRun=True),
    ec2("a launch of an unknown type", "run_instances", **{**LAUNCH, "InstanceType": "t3.gigantic"}),
    ec2("a launch of an unknown image", "run_instances", **{**LAUNCH, "ImageId": "ami-0123456789abcdef0"}),
    ec2("a launch of none", "run_instances", **{**LAUNCH, "MinCount": 0, "MaxCount": 0}),
    ec2("a launch into an unknown subnet", "run_instances", **LAUNCH, SubnetId="subnet-0123456789abcdef0"),
    ec2("a launch with any key", "run_instances", save={"keyed": "Instances[0].InstanceId"}, **LAUNCH, KeyName="some",
        only="Instances[].[KeyName,SecurityGroups[].GroupName]"),
    ec2("it is terminated", "terminate_instances", InstanceIds=["{keyed}"], only="length(TerminatingInstances)"),
    ec2("a launch", "run_instances", save={"one": "Instances[0].InstanceId"}, **LAUNCH, SubnetId="{subnet0}",
        only="Instances[].[State.Name,StateReason.Code,AmiLaunchIndex,ClientToken]", SecurityGroupIds=["{back}"], ClientToken="d-1", TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}]),
    ec2("the launch again, with its token", "run_instances", **LAUNCH, SubnetId="{subnet0}", SecurityGroupIds=["{back}"],
        ClientToken="d-1", only="Instances[].InstanceId", TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}]),
    ec2("its token with another type", "run_instances", **{**LAUNCH, "InstanceType": "t3.large"}, SubnetId="{subnet0}",
        SecurityGroupIds=["{back}"], ClientToken="d-1", only="length(Instances)"),
    ec2("another launch", "run_instances", save={"two": "Instances[0].InstanceId"}, **LAUNCH, SubnetId="{subnet1}",
        SecurityGroupIds=["{back}"], only="Instances[].State.Name"),
    ec2("states just after", "describe_instances", InstanceIds=["{one}"], only="Reservations[].Instances[].State.Name"),
    PASS,
    ec2("an instance as it stands", "describe_instances", InstanceIds=["{one}"]),
    ec2("instances by state and tag", "describe_instances", only="Reservations[].Instances[].InstanceId",
        Filters=where("instance-state-name", "running") + where("tag:Name", "w?b")),
    ec2("instances by token", "describe_instances", Filters=where("client-token", "d-1"),
        only="length(Reservations[].Instances[])"),
    ec2("instances by state's number", "describe_instances", Filters=where("instance-state-code", "48"),
        only="length(Reservations[].Instances[])"),
    ec2("an instance that is not there", "describe_instances", InstanceIds=[ABSENT]),
    ec2("an instance id that is none", "describe_instances", InstanceIds=["i-1"]),
    ec2("ids and a page in one", "describe_instances", InstanceIds=["{one}"], MaxResults=5),
    ec2("a page that is too small", "describe_instances", MaxResults=2),
    ec2("a page's token that is none", "describe_instances", NextToken="nonsense"),
    ec2("status checks", "describe_instance_status", InstanceIds=["{one}"],
        only="InstanceStatuses[].[InstanceState.Name,InstanceStatus.Status,SystemStatus.Status]"),
    ec2("an attribute", "describe_instance_attribute", InstanceId="{one}", Attribute="disableApiTermination",
        only="DisableApiTermination"),
    ec2("termination is forbidden", "modify_instance_attribute", InstanceId="{one}",
        DisableApiTermination={"Value": True}),
    ec2("and then refused", "terminate_instances", InstanceIds=["{one}"]),
    ec2("and allowed again", "modify_instance_attribute", InstanceId="{one}", DisableApiTermination={"Value": False}),
    ec2("the type of a running instance", "modify_instance_attribute", InstanceId="{one}",
        InstanceType={"Value": "t3.large"}),
    ec2("its disk", "describe_volumes", Filters=where("attachment.instance-id", "{one}"),
        only="Volumes[].[State,VolumeType,Encrypted,Attachments[0].[State,DeleteOnTermination]]"),
    ec2("its network interface", "describe_network_interfaces", Filters=where("attachment.instance-id", "{one}"),
        only="NetworkInterfaces[].[Status,InterfaceType,SourceDestCheck,Groups[].GroupName,Attachment.[DeviceIndex,Status]]"),
    ec2("a group for use", "create_security_group", save={"used": "GroupId"}, only="Tags", GroupName="d-used",
        Description="x", VpcId="{vpc}"),
    ec2("is put on an instance", "modify_instance_attribute", InstanceId="{two}", Groups=["{back}", "{used}"]),
    ec2("a group in use is deleted", "delete_security_group", GroupId="{used}"),
    ec2("an instance stops", "stop_instances", InstanceIds=["{two}"],
        only="StoppingInstances[].[PreviousState.Name,CurrentState.Name]"),
    PASS,
    ec2("a stopped instance", "describe_instances", InstanceIds=["{two}"],
        only="Reservations[].Instances[].[State.Name,StateReason.Code,PublicIpAddress]"),
    ec2("a stopped instance's status is not listed", "describe_instance_status", InstanceIds=["{two}"],
        only="InstanceStatuses"),
    ec2("an instance starts", "start_instances", InstanceIds=["{two}"],
        only="StartingInstances[].[PreviousState.Name,CurrentState.Name]"),
    PASS,
    ec2("an image is baked", "create_image", save={"baked": "ImageId"}, InstanceId="{one}", Name="d-baked", NoReboot=True),
    ec2("its state just after", "describe_images", ImageIds=["{baked}"], only="Images[].State"),
    ec2("a second image of the name", "create_image", InstanceId="{one}", Name="d-baked", NoReboot=True),
    PASS,
    ec2("the image as it stands", "describe_images", ImageIds=["{baked}"], save={
        "snapshot": "Images[0].BlockDeviceMappings[0].Ebs.SnapshotId"},
        only="Images[].[State,Name,Public,RootDeviceType,BlockDeviceMappings[].[DeviceName,Ebs.VolumeType]]"),
    ec2("a snapshot of an image is deleted", "delete_snapshot", SnapshotId="{snapshot}"),
    ec2("the image is deregistered", "deregister_image", ImageId="{baked}"),
    ec2("and again", "deregister_image", ImageId="{baked}"),
]

DISKS = [
    ec2("a disk as it stands", "describe_volumes", Filters=where("attachment.instance-id", "{one}"),
        save={"disk": "Volumes[0].VolumeId"}, only="Volumes[0].{a: AvailabilityZone, b: MultiAttachEnabled, c: Tags}"),
    ec2("a disk that is not there", "describe_volumes", VolumeIds=["vol-0123456789abcdef0"]),
    ec2("a snapshot is made", "create_snapshot", save={"own": "SnapshotId"}, VolumeId="{disk}", Description="mine"),
    PASS,
    ec2("the snapshot as it stands", "describe_snapshots", SnapshotIds=["{own}"]),
    ec2("snapshots by owner", "describe_snapshots", OwnerIds=["self"], Filters=where("description", "mine"),
        only="Snapshots[].[State,Progress]"),
    ec2("a snapshot of a disk that is not there", "create_snapshot", VolumeId="vol-0123456789abcdef0"),
    ec2("the snapshot is deleted", "delete_snapshot", SnapshotId="{own}"),
    ec2("a snapshot that is not there", "delete_snapshot", SnapshotId="{own}"),
    ec2("a network interface as it stands", "describe_network_interfaces",
        Filters=where("attachment.instance-id", "{one}")),
    ec2("a reboot", "reboot_instances", InstanceIds=["{one}"]),
    ec2("a reboot of what is not there", "reboot_instances", InstanceIds=[ABSENT]),
    ec2("metadata options", "modify_instance_metadata_options", InstanceId="{one}", HttpTokens="required",
        HttpPutResponseHopLimit=2),
    ec2("a hop limit that is none", "modify_instance_metadata_options", InstanceId="{one}", HttpPutResponseHopLimit=65),
    ec2("key pairs by a name that is none", "describe_key_pairs", KeyNames=["nobody"],
        only="length(KeyPairs)"),
    ec2("a key pair by a filter", "describe_key_pairs", Filters=where("key-name", "nobody"), only="KeyPairs"),
    ec2("prefix lists of AWS", "describe_managed_prefix_lists", Filters=where("owner-id", "AWS"),
        only="sort(PrefixLists[].PrefixListName)"),
    ec2("types in a zone", "describe_instance_type_offerings", LocationType="availability-zone", only=(
        "sort(InstanceTypeOfferings[].Location)"), Filters=where("instance-type", "t3.medium")),
]

GROUP = {"Name": "d-web", "Protocol": "HTTP", "Port": 8080, "VpcId": "{vpc}", "HealthCheckPath": "/health"}
BALANCER = {"Name": "d-alb", "Subnets": ["{subnet0}", "{subnet1}"], "SecurityGroups": ["{front}"]}
FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain"}}]
FORWARD = [{"Type": "forward", "TargetGroupArn": "{group}"}]
HEALTHS = "sort_by(TargetHealthDescriptions[].{a: Target.Port, b: TargetHealth.State, c: TargetHealth.Reason}, &to_string(b))"
BALANCING = [
    elb("a load balancer in one zone", "create_load_balancer", **{**BALANCER, "Subnets": ["{subnet0}"]}),
    elb("a load balancer named as none may be", "create_load_balancer", **{**BALANCER, "Name": "-alb"}),
    elb("a load balancer is made", "create_load_balancer", save={"alb": "LoadBalancers[0].LoadBalancerArn"}, **BALANCER),
    elb("the same again", "create_load_balancer", **BALANCER, only="LoadBalancers[].LoadBalancerArn"),
    elb("its name with other settings", "create_load_balancer", **{**BALANCER, "Scheme": "internal"},
        only="length(LoadBalancers)"),
    PASS,
    elb("a load balancer as it stands", "describe_load_balancers", Names=["d-alb"],
        only="LoadBalancers[].[State.Code,Type,Scheme,IpAddressType,AvailabilityZones[].ZoneName]"),
    elb("its attributes", "describe_load_balancer_attributes", LoadBalancerArn="{alb}", only=(
        "sort(Attributes[?Key=='idle_timeout.timeout_seconds' || Key=='deletion_protection.enabled' || "
        "Key=='routing.http2.enabled'].join('=', [Key, Value]))")),
    elb("an attribute that is none", "modify_load_balancer_attributes", LoadBalancerArn="{alb}",
        Attributes=[{"Key": "colour", "Value": "red"}], only="length(Attributes) > `0`"),
    elb("an idle timeout that is none", "modify_load_balancer_attributes", LoadBalancerArn="{alb}",
        Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "0"}], only="length(Attributes) > `0`"),
    elb("a load balancer that is not there", "describe_load_balancers", Names=["nobody"]),
    elb("a target group is made", "create_target_group", save={"group": "TargetGroups[0].TargetGroupArn"}, **GROUP),
    elb("the same group again", "create_target_group", **GROUP, only="TargetGroups[].TargetGroupArn"),
    elb("its name with another port", "create_target_group", **{**GROUP, "Port": 81}),
    elb("a target group of an unknown protocol", "create_target_group", **{**GROUP, "Name": "d-x", "Protocol": "FTP"}),
    elb("a timeout longer than its interval", "create_target_group", **GROUP | {
        "Name": "d-x", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 6}),
    elb("a target group that is not there", "describe_target_groups", Names=["nobody"]),
    elb("a target group's attributes", "describe_target_group_attributes", TargetGroupArn="{group}",
        only="sort(Attributes[].join('=', [Key, Value]))"),
    elb("an unknown attribute of a target group", "modify_target_group_attributes", TargetGroupArn="{group}",
        Attributes=[{"Key": "colour", "Value": "red"}], only="length(Attributes) > `0`"),
    elb("stickiness", "modify_target_group_attributes", TargetGroupArn="{group}", Attributes=[
        {"Key": "stickiness.enabled", "Value": "true"}], only="Attributes[?Key=='stickiness.enabled'].Value"),
    elb("targets are registered", "register_targets", TargetGroupArn="{group}", Targets=[{"Id": "{one}"}]),
    elb("targets of a group that no listener uses", "describe_target_health", TargetGroupArn="{group}", only=HEALTHS),
    elb("a target that is not there", "register_targets", TargetGroupArn="{group}", Targets=[{"Id": ABSENT}]),
    elb("a listener is made", "create_listener", save={"listener": "Listeners[0].ListenerArn"}, LoadBalancerArn="{alb}",
        Protocol="HTTP", Port=80, DefaultActions=FORWARD),
    elb("a second listener of the port", "create_listener", LoadBalancerArn="{alb}", Protocol="HTTP", Port=80,
        DefaultActions=FIXED, only="length(Listeners)"),
    elb("a listener of TLS without a certificate", "create_listener", LoadBalancerArn="{alb}", Protocol="HTTPS", Port=443,
        DefaultActions=FORWARD, only="length(Listeners)"),
    elb("targets just after", "describe_target_health", TargetGroupArn="{group}", only=HEALTHS),
    PASS,
    elb("targets after a while", "describe_target_health", TargetGroupArn="{group}", only=HEALTHS),
    elb("one that is not registered", "describe_target_health", TargetGroupArn="{group}",
        Targets=[{"Id": "{two}", "Port": 8080}], only=HEALTHS),
    elb("a rule of the listener", "create_rule", save={"rule": "Rules[0].RuleArn"}, ListenerArn="{listener}", Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/a*"]}], Actions=FIXED),
    elb("a second rule of the priority", "create_rule", ListenerArn="{listener}", Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/b*"]}], Actions=FIXED, only="length(Rules)"),
    elb("rules", "describe_rules", ListenerArn="{listener}", save={"default": "Rules[?IsDefault]|[0].RuleArn"}, only="Rules[].[Priority,IsDefault,Actions[0].Type]"),
    elb("the default rule is deleted", "delete_rule", RuleArn="{default}"),
    elb("tags of a load balancer", "add_tags", ResourceArns=["{alb}"], Tags=[{"Key": "team", "Value": "red"}]),
    elb("are shown", "describe_tags", ResourceArns=["{alb}"], only="TagDescriptions[].Tags[]"),
    elb("a target group in use is deleted", "delete_target_group", TargetGroupArn="{group}"),
    elb("a load balancer to be protected", "create_load_balancer", save={"kept": "LoadBalancers[0].LoadBalancerArn"},
        only="length(LoadBalancers)", Name="d-kept", Subnets=["{subnet0}", "{subnet1}"]),
    elb("a target is deregistered", "deregister_targets", TargetGroupArn="{group}", Targets=[{"Id": "{one}"}]),
    elb("and drains", "describe_target_health", TargetGroupArn="{group}", only=HEALTHS),
    elb("one that never was is deregistered", "deregister_targets", TargetGroupArn="{group}", Targets=[{"Id": "{two}"}]),
]

RULES = [
    elb("a listener as it stands", "describe_listeners", LoadBalancerArn="{alb}", only="Listeners[].[Protocol,Port]"),
    elb("a target group as it stands", "describe_target_groups", TargetGroupArns=["{group}"]),
    elb("listeners of what is not there", "describe_listeners", ListenerArns=[
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/x/0123456789abcdef/0123456789abcdef"]),
    elb("a rule without conditions", "create_rule", ListenerArn="{listener}", Priority=11, Conditions=[], Actions=FIXED,
        only="length(Rules)"),
    elb("a priority that is none", "create_rule", ListenerArn="{listener}", Priority=50001, Actions=FIXED,
        Conditions=[{"Field": "path-pattern", "Values": ["/c"]}], only="length(Rules)"),
    elb("a rule by host", "create_rule", ListenerArn="{listener}", Priority=12, Actions=FORWARD, save={
        "second": "Rules[0].RuleArn"}, Conditions=[{"Field": "host-header", "Values": ["a.example.com"]}]),
    elb("a rule changes", "modify_rule", RuleArn="{second}", Actions=FIXED, only="Rules[].[Priority,Actions[0].Type]"),
    elb("priorities change", "set_rule_priorities", RulePriorities=[{"RuleArn": "{second}", "Priority": 5}],
        only="Rules[].Priority"),
    elb("to one that is taken", "set_rule_priorities", RulePriorities=[{"RuleArn": "{second}", "Priority": 10}]),
    elb("a rule is deleted", "delete_rule", RuleArn="{second}"),
    elb("a rule that is not there", "delete_rule", RuleArn="{second}"),
    elb("a listener changes", "modify_listener", ListenerArn="{listener}", Port=81, only="Listeners[].[Protocol,Port]"),
    elb("a health check changes", "modify_target_group", TargetGroupArn="{group}", HealthCheckPath="/up", only=(
        "TargetGroups[].[HealthCheckPath,HealthCheckIntervalSeconds]")),
    elb("a health check's path that is none", "modify_target_group", TargetGroupArn="{group}", HealthCheckPath="up",
        only="length(TargetGroups)"),
    elb("a threshold that is none", "modify_target_group", TargetGroupArn="{group}", HealthyThresholdCount=11,
        only="length(TargetGroups)"),
    elb("a third subnet", "set_subnets", LoadBalancerArn="{alb}", Subnets=["{subnet0}", "{subnet1}", "{subnet2}"],
        only="sort(AvailabilityZones[].ZoneName)"),
    elb("other groups", "set_security_groups", LoadBalancerArn="{alb}", SecurityGroups=["{front}"]),
    elb("groups that are not there", "set_security_groups", LoadBalancerArn="{alb}",
        SecurityGroups=["sg-0123456789abcdef0"]),
    elb("tags of what is not there", "describe_tags", ResourceArns=[
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/x/0123456789abcdef"]),
    elb("a tag twice in one call", "add_tags", ResourceArns=["{alb}"],
        Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]),
    elb("tags are removed", "remove_tags", ResourceArns=["{alb}"], TagKeys=["team"]),
    elb("limits", "describe_account_limits", only="length(Limits[?Name=='target-groups'])"),
    elb("an SSL policy", "describe_ssl_policies", Names=["ELBSecurityPolicy-TLS13-1-2-2021-06"],
        only="SslPolicies[].[Name,SslProtocols]"),
    elb("an SSL policy that is none", "describe_ssl_policies", Names=["nonsense"], only="SslPolicies"),
]

PAGES = [
    ec2("seven more instances", "run_instances", **{**LAUNCH, "MinCount": 7, "MaxCount": 7}, only="length(Instances)"),
    ec2("a page of them", "describe_instances", save={"next": "NextToken"}, MaxResults=5,
        only="[length(Reservations[].Instances[]), NextToken != null]"),
    ec2("a page of instance types", "describe_instance_types", MaxResults=5, only="length(InstanceTypes)"),
    ec2("a page of groups", "describe_security_groups", MaxResults=5, only="length(SecurityGroups)"),
    ec2("a page of one group", "describe_security_groups", MaxResults=1, only="length(SecurityGroups)"),
    elb("a second target group", "create_target_group", only="length(TargetGroups)", **GROUP | {"Name": "d-second"}),
    elb("a page of target groups", "describe_target_groups", PageSize=1, save={"marker": "NextMarker"},
        only="[length(TargetGroups), NextMarker != null]"),
    elb("a page of none", "describe_target_groups", PageSize=0, only="length(TargetGroups)"),
    elb("a page of too many", "describe_load_balancers", PageSize=401, only="length(LoadBalancers)"),
]

ENDING = [
    elb("deletion protection", "modify_load_balancer_attributes", LoadBalancerArn="{kept}", only="length(Attributes) > `0`",
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}]),
    elb("a protected load balancer is deleted", "delete_load_balancer", LoadBalancerArn="{kept}"),
    elb("the load balancer is deleted", "delete_load_balancer", LoadBalancerArn="{alb}"),
    elb("and again", "delete_load_balancer", LoadBalancerArn="{alb}"),
    elb("its listeners are gone", "describe_listeners", ListenerArns=["{listener}"], only="length(Listeners)"),
    elb("the target group is deleted", "delete_target_group", TargetGroupArn="{group}"),
    elb("deleted a second time", "delete_target_group", TargetGroupArn="{group}"),
    ec2("instances are terminated", "terminate_instances", InstanceIds=["{one}", "{two}"],
        only="sort(TerminatingInstances[].join(' ', [PreviousState.Name, CurrentState.Name]))"),
    ec2("terminated, one of them unknown", "terminate_instances", InstanceIds=["{one}", ABSENT]),
    PASS,
    ec2("a terminated instance", "describe_instances", InstanceIds=["{one}"],
        only="Reservations[].Instances[].[State.Name,StateReason.Code,SubnetId,VpcId,SecurityGroups]"),
    ec2("a terminated instance starts", "start_instances", InstanceIds=["{one}"]),
    ec2("terminated again", "terminate_instances", InstanceIds=["{one}"],
        only="TerminatingInstances[].[PreviousState.Name,CurrentState.Name]"),
    ec2("the group is deleted", "delete_security_group", GroupId="{back}", only="Return"),
    ec2("its group too", "delete_security_group", GroupId="{front}", only="Return"),
    ec2("and once more", "delete_security_group", GroupId="{front}"),
]

CALLS = NETWORK + IMAGES + GROUPS + TAGS + INSTANCES + DISKS + BALANCING + RULES + PAGES + ENDING
