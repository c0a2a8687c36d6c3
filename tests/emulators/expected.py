"""What AWS must hold for a record, derived from the record alone.

Written from the contract (docs and schema), not from the controller's code: this is the second opinion that the judge
compares AWS with. Defaults stand here once more on purpose.
"""
from dataclasses import dataclass, field
from ipaddress import ip_network


def seconds(text):
    """A duration such as `30s`, `5m` or `24h`."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


def onoff(value):
    return "true" if value else "false"


@dataclass
class Expected:
    """Names, settings and rules of one environment. `alb_sg` stands for the load balancer group's id in rules."""
    name: str
    vpc: str
    zones: dict            # zone -> subnet of the load balancer: the first listed of each
    subnets: list
    tags: dict
    groups: dict           # role -> name
    ingress: dict          # role -> {(protocol, from, to, peer)}
    egress: set
    balancer: dict
    balancer_attributes: dict
    listeners: dict        # port -> protocol
    target_group: dict
    target_attributes: dict
    instances: dict
    disks: list = field(default_factory=list)


def expected(record, zone_of):
    """`zone_of`: subnet id -> zone, as AWS says."""
    spec, name = record["spec"], record["metadata"]["name"]
    service, balancer = spec["services"][0], spec.get("loadBalancer") or {}
    network, access, groups = spec["network"], spec.get("access") or {}, spec.get("securityGroups") or {}
    zones = {}
    for subnet in network["subnetIds"]:
        zones.setdefault(zone_of[subnet], subnet)
    listeners = {x["port"]: x["protocol"] for x in balancer.get("listeners") or [{"protocol": "HTTP", "port": 80}]}
    check = target_group(service)
    ports = {service["port"]} | ({int(check["HealthCheckPort"])} if check["HealthCheckPort"].isdigit() else set())
    return Expected(
        name=name, vpc=network["vpcId"], zones=zones, subnets=list(network["subnetIds"]),
        tags=dict(spec.get("tags") or {}) | {"understudy:environment": name},
        groups={"loadBalancer": (groups.get("loadBalancer") or {}).get("name") or f"{name}-alb-sg",
                "instances": (groups.get("instances") or {}).get("name") or f"{name}-instance-sg"},
        ingress={
            "loadBalancer": {("tcp", port, port, peer) for port in listeners for peer in cidrs(access, "loadBalancer")},
            "instances": {("tcp", port, port, "alb_sg") for port in ports}
            | {("tcp", 22, 22, peer) for peer in cidrs(access, "ssh")},
        },
        egress={("-1", None, None, ip_network("0.0.0.0/0"))},
        balancer={"LoadBalancerName": balancer.get("name") or f"{name}-alb", "Type": "application",
                  "Scheme": balancer.get("scheme", "internet-facing"), "IpAddressType": "ipv4"},
        balancer_attributes={"idle_timeout.timeout_seconds": str(seconds(balancer.get("idleTimeout", "60s"))),
                             "deletion_protection.enabled": onoff(balancer.get("deletionProtection", False))},
        listeners=listeners, target_group=check, target_attributes=target_attributes(service),
        instances=instances(spec), disks=disks(spec))


def cidrs(access, which):
    return {ip_network(entry["cidr"]) for entry in access.get(which) or []}


def target_group(service):
    check = service.get("healthCheck") or {}
    return {
        "TargetGroupName": service.get("targetGroupName"),      # None: a name with a hash, found by its tags
        "Protocol": service.get("protocol", "HTTP"), "Port": service["port"], "TargetType": "instance",
        "HealthCheckProtocol": service.get("protocol", "HTTP"), "HealthCheckPath": check.get("path", "/"),
        "HealthCheckPort": str(check.get("port", "traffic-port")),
        "HealthCheckIntervalSeconds": seconds(check.get("interval", "30s")),
        "HealthCheckTimeoutSeconds": seconds(check.get("timeout", "5s")),
        "HealthyThresholdCount": check.get("healthyThreshold", 5),
        "UnhealthyThresholdCount": check.get("unhealthyThreshold", 2),
        "Matcher": {"HttpCode": str(check.get("matcher", "200"))},
    }


def target_attributes(service):
    sticky = service.get("stickiness")
    return {
        "stickiness.enabled": onoff(sticky), "stickiness.type": "lb_cookie",
        "stickiness.lb_cookie.duration_seconds": str(seconds(sticky.get("duration", "24h")) if sticky else 86400),
        "deregistration_delay.timeout_seconds": str(seconds(service.get("deregistrationDelay", "300s"))),
        "slow_start.duration_seconds": str(seconds(service.get("slowStart", "0s"))),
        "load_balancing.algorithm.type": service.get("algorithm", "round_robin"),
    }


def instances(spec):
    given = spec["instances"]
    options = given.get("metadataOptions") or {}
    return {
        "count": given["count"], "type": given["types"][0], "image": spec["image"]["amiId"],
        "key": given.get("keyName"), "profile": given.get("instanceProfile"), "userData": given.get("userData"),
        "groups": set(given.get("securityGroupIds") or []),
        "tokens": options.get("httpTokens", "required"), "hops": options.get("hopLimit", 2),
    }


def disks(spec):
    return [{"device": d.get("device"), "size": d.get("sizeGiB"), "type": d.get("type"), "encrypted": d.get("encrypted")}
            for d in spec["instances"].get("blockDevices") or []]


# The value that AWS documents for an attribute that nobody has set; moto leaves some out until they are.
ATTRIBUTE_DEFAULTS = {
    "idle_timeout.timeout_seconds": "60", "deletion_protection.enabled": "false", "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie", "stickiness.lb_cookie.duration_seconds": "86400",
    "deregistration_delay.timeout_seconds": "300", "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
}
