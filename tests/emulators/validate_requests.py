"""Checks recorded AWS requests against AWS's own service models, as botocore ships them.

In: the file that `awsproxy.py --record` wrote. Each request is read back into its parameters by the rules of its
protocol (ec2, query, json) and then checked: unknown and missing parameters, types, enums, patterns, lengths, ranges.
Besides, what contracts promise of every request and no model knows: see `PROMISES`.
An emulator takes much that AWS refuses; this is what stands in for AWS here.

    validate_requests.py RECORD.jsonl      prints each fault once; exit 1 if there is any
"""
import base64
import binascii
import datetime
import json
import sys
from collections import Counter
from urllib.parse import parse_qsl

import botocore.session
import regex
from botocore.validate import ParamValidator

# The service in a request's credential scope -> botocore's name of its model.
SERVICES = {"ec2": "ec2", "elasticloadbalancing": "elbv2", "dynamodb": "dynamodb"}
PROTOCOLS = {"ec2": "ec2", "elbv2": "query", "dynamodb": "json"}


class Malformed(Exception):
    """The request does not follow its protocol, or names something that the model does not have."""


class Models:
    """The service models, loaded once."""

    def __init__(self):
        self.session, self.loaded = botocore.session.get_session(), {}

    def of(self, service):
        if service not in self.loaded:
            self.loaded[service] = self.session.get_service_model(service)
        return self.loaded[service]


class Query:
    """The fields of a form body, and which of them a parameter was read from."""

    def __init__(self, body, ec2):
        self.fields, self.ec2, self.used = {}, ec2, set()
        for key, value in parse_qsl(body, keep_blank_values=True, strict_parsing=True):
            if key in self.fields:
                raise Malformed(f"{key}: given twice")
            self.fields[key] = value

    def has(self, prefix):
        return prefix in self.fields or any(key.startswith(prefix + ".") for key in self.fields)

    def unused(self):
        return sorted(set(self.fields) - self.used)

    def name(self, key, member):
        """What a structure's member is called in a form."""
        serialization = member.serialization
        if not self.ec2:
            return serialization.get("name", key)
        if "queryName" in serialization:
            return serialization["queryName"]
        name = serialization.get("name", key)
        return name[0].upper() + name[1:]

    def read(self, shape, prefix):
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, prefix)
        if kind == "list":
            return self.list(shape, prefix)
        if kind == "map":
            raise Malformed(f"{prefix}: a map, which no request of ours has")
        self.used.add(prefix)
        return scalar(kind, self.fields[prefix], prefix)

    def structure(self, shape, prefix):
        out = {}
        for key, member in shape.members.items():
            name = self.name(key, member)
            if member.type_name == "list" and not self.ec2 and member.serialization.get("flattened"):
                name = member.member.serialization.get("name", name)
            path = f"{prefix}.{name}" if prefix else name
            if self.has(path):
                out[key] = self.read(member, path)
        return out

    def list(self, shape, prefix):
        if self.fields.get(prefix) == "":      # how the query protocol writes an empty list
            self.used.add(prefix)
            return []
        flat = self.ec2 or shape.serialization.get("flattened")
        stem = prefix if flat else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        out = []
        while self.has(f"{stem}.{len(out) + 1}"):
            out.append(self.read(shape.member, f"{stem}.{len(out) + 1}"))
        if not out:
            raise Malformed(f"{prefix}: a list without a first element")
        return out


def scalar(kind, text, path):
    """A form's text as the value that it stands for."""
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        if kind == "blob":
            return base64.b64decode(text, validate=True)
        if kind == "timestamp":
            return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, KeyError, binascii.Error):
        raise Malformed(f"{path}: {text!r} is no {kind}") from None
    return text


def from_json(shape, value, path=""):
    """A JSON body's value as parameters: only blobs are written otherwise."""
    if shape.type_name == "blob" and isinstance(value, str):
        return scalar("blob", value, path)
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        return {k: from_json(members[k], v, f"{path}.{k}") if k in members else v for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [from_json(shape.member, v, f"{path}[{i}]") for i, v in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, dict):
        return {k: from_json(shape.value, v, f"{path}.{k}") for k, v in value.items()}
    return value


def length_of(shape, value):
    """What `min` and `max` bound."""
    if shape.type_name in ("integer", "long", "float", "double"):
        return value
    return len(value) if shape.type_name in ("string", "list", "map", "blob") else None


def constraints(shape, value, path):
    """Faults that botocore's own validator leaves to the service: enums, patterns, upper bounds."""
    faults = []
    meta, size = shape.metadata, length_of(shape, value)
    if meta.get("enum") and value not in meta["enum"]:
        faults.append(f"{path}: {value!r} is none of {', '.join(meta['enum'][:12])}")
    if meta.get("pattern") and isinstance(value, str):
        if not regex.fullmatch(meta["pattern"], value, flags=regex.DOTALL):
            faults.append(f"{path}: {value!r} does not match {meta['pattern']}")
    if size is not None and "max" in meta and size > meta["max"]:
        faults.append(f"{path}: {size} is over {meta['max']}")
    if size is not None and "min" in meta and size < meta["min"]:
        faults.append(f"{path}: {size} is under {meta['min']}")
    if shape.type_name == "structure":
        for key, member in shape.members.items():
            if key in value:
                faults += constraints(member, value[key], f"{path}.{key}" if path else key)
    elif shape.type_name == "list":
        for i, item in enumerate(value):
            faults += constraints(shape.member, item, f"{path}[{i}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            faults += constraints(shape.key, key, f"{path} key") + constraints(shape.value, item, f"{path}.{key}")
    return faults


# What our contracts promise of a request, beyond the model. (service, operation) -> check(parameters) -> faults.

def tags_of(items):
    return {t["Key"]: t["Value"] for t in items or []}


def tagged_at_creation(tags):
    wanted = {"Name", "understudy:environment", "understudy:uid", "understudy:intent"}
    return [f"created without the tag {key}" for key in sorted(wanted - set(tags))]


def elbv2_create(params):
    return tagged_at_creation(tags_of(params.get("Tags")))


def specifications(params):
    return {s.get("ResourceType"): tags_of(s.get("Tags")) for s in params.get("TagSpecifications", [])}


def create_group(params):
    return tagged_at_creation(specifications(params).get("security-group", {}))


def run_instances(params):
    given = specifications(params)
    instance, volume = given.get("instance", {}), given.get("volume", {})
    faults = tagged_at_creation(instance) + [f"volume {f}" for f in tagged_at_creation(volume)]
    faults += [f"instance without the tag {k}" for k in ("understudy:slot", "understudy:role") if k not in instance]
    faults += [] if "understudy:slot" in volume else ["volume without the tag understudy:slot"]
    token = params.get("ClientToken", "")
    if not token or len(token) > 64 or not token.isascii():
        faults.append(f"ClientToken {token!r}: not 1 to 64 ASCII characters")
    if token != instance.get("understudy:intent"):
        faults.append(f"ClientToken {token!r} is not the intent {instance.get('understudy:intent')!r}")
    if (params.get("MinCount"), params.get("MaxCount")) != (1, 1):
        faults.append("not exactly one instance is asked for")
    for device in params.get("BlockDeviceMappings", []):
        if "DeleteOnTermination" not in device.get("Ebs", {}):
            faults.append(f"{device.get('DeviceName')}: DeleteOnTermination is left to the image")
    if any("/" in key or " " in key for key in instance):
        faults.append("a tag key with `/` or a space fails the launch where instance tags are in the metadata")
    return faults


def terminate_instances(params):
    return [] if len(params.get("InstanceIds", [])) == 1 else ["TerminateInstances carries one id a call"]


def filters(params):
    return [f"filter {f.get('Name')}: over 200 values" for f in params.get("Filters", []) if len(f.get("Values", [])) > 200]


PROMISES = {
    ("ec2", "CreateSecurityGroup"): create_group,
    ("ec2", "RunInstances"): run_instances,
    ("ec2", "TerminateInstances"): terminate_instances,
    ("ec2", "DescribeInstances"): filters,
    ("ec2", "DescribeSecurityGroups"): filters,
    ("elbv2", "CreateLoadBalancer"): elbv2_create,
    ("elbv2", "CreateTargetGroup"): elbv2_create,
    ("elbv2", "CreateListener"): elbv2_create,
}

PLACEHOLDER = regex.compile(r"[#:][A-Za-z0-9_]+")


def expressions(value, path="request"):
    """DynamoDB refuses a placeholder that is defined and not used, and one that is used and not defined."""
    faults = []
    if isinstance(value, list):
        for i, item in enumerate(value):
            faults += expressions(item, f"{path}[{i}]")
    if isinstance(value, dict):
        texts = [v for k, v in value.items() if k.endswith("Expression") and isinstance(v, str)]
        used = {p for text in texts for p in PLACEHOLDER.findall(text)}
        given = set(value.get("ExpressionAttributeNames", {})) | set(value.get("ExpressionAttributeValues", {}))
        faults += [f"{path}: {p} is {'not defined' if p in used else 'not used'}" for p in sorted(used ^ given)]
        for key, item in value.items():
            if key not in ("Item", "Key", "ExpressionAttributeValues", "ExpressionAttributeNames"):
                faults += expressions(item, f"{path}.{key}")
    return faults


def parameters(models, request):
    """(botocore service, operation model, parameters) of a recorded request."""
    scope, _, action = request["action"].partition(":")
    if scope not in SERVICES:
        raise Malformed(f"service {scope!r}: not one that the product calls")
    service = SERVICES[scope]
    model = models.of(service)
    if action not in model.operation_names:
        raise Malformed(f"{service} has no operation {action!r}")
    operation = model.operation_model(action)
    if PROTOCOLS[service] == "json":
        return service, operation, json_parameters(model, operation, request)
    if not request["content_type"].startswith("application/x-www-form-urlencoded"):
        raise Malformed(f"content type {request['content_type']!r}: the {PROTOCOLS[service]} protocol sends a form")
    query = Query(request["body"], ec2=PROTOCOLS[service] == "ec2")
    version = query.fields.pop("Version", None)
    query.fields.pop("Action")
    if version != model.api_version:
        raise Malformed(f"Version {version!r}: the model's is {model.api_version}")
    params = query.read(operation.input_shape, "") if operation.input_shape else {}
    if query.unused():
        raise Malformed(f"unknown parameters: {', '.join(query.unused())}")
    return service, operation, params


def json_parameters(model, operation, request):
    version = model.metadata["jsonVersion"]
    if request["content_type"] != f"application/x-amz-json-{version}":
        raise Malformed(f"content type {request['content_type']!r}: the json protocol sends x-amz-json-{version}")
    target = f"{model.metadata['targetPrefix']}.{operation.name}"
    if request["target"] != target:
        raise Malformed(f"X-Amz-Target {request['target']!r}: should be {target}")
    return from_json(operation.input_shape, json.loads(request["body"]))


def faults_of(models, request):
    """Every fault of one recorded request."""
    try:
        service, operation, params = parameters(models, request)
    except (Malformed, ValueError) as error:
        return [str(error)]
    shape = operation.input_shape
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        return [line for line in report.generate_report().splitlines() if line]
    faults = constraints(shape, params, "")
    check = PROMISES.get((service, operation.name))
    faults += check(params) if check else []
    return faults + (expressions(params) if service == "dynamodb" else [])


def examine(lines):
    """Counts requests by action, and faults by (action, fault), of a record's lines."""
    models, requests, faults = Models(), Counter(), Counter()
    for line in lines:
        request = json.loads(line)
        requests[request["action"]] += 1
        for fault in faults_of(models, request):
            faults[request["action"], fault] += 1
    return requests, faults


def main(path):
    with open(path, encoding="utf-8") as lines:
        requests, faults = examine(lines)
    for (action, fault), times in sorted(faults.items()):
        print(f"{action}: {fault} ({times} times)")
    print(f"{sum(requests.values())} requests of {len(requests)} operations: {len(faults)} faults")
    return 1 if faults or not requests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
