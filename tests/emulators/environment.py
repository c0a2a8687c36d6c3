"""One environment as its user sees it: the record that was applied, the command line's answers, the judge's verdict."""
import json

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from judge import Judge
from lab import TABLE
from report import Failed, until
from world import edited, text_of

# Repairs need two looks 2 s apart (an absence is believed at the second), a launch three more: 45 s leave room for backoff.
SETTLE_MAX_S = 45


class Environment:
    def __init__(self, lab, judge: Judge, record):
        self.lab, self.judge, self.record = lab, judge, record
        self.name = record["metadata"]["name"]

    def apply(self, word="configured"):
        """Applies the record as it stands here, and expects that word of it."""
        ran = self.lab.run("apply", "-f", "-", stdin=text_of(self.record))
        if (ran.status, ran.out.strip()) != (0, f"stagingenvironment/{self.name} {word}"):
            raise Failed(f"expected `{word}`\n{ran}")
        return ran

    def edit(self, changes):
        """Changes fields (path -> value), applies, and returns the record as it was."""
        before, self.record = self.record, edited(self.record, changes)
        self.apply()
        return before

    def document(self):
        ran = self.lab.run("get", self.name, "-o", "json")
        if ran.status != 0:
            raise Failed(str(ran))
        return ran.json()

    def conditions(self):
        return {c["type"]: c for c in self.document().get("status", {}).get("conditions", [])}

    def reasons(self):
        """The conditions that are not true, by reason: the message."""
        return {c["reason"]: c["message"] for c in self.conditions().values() if c["status"] != "True"}

    def await_reason(self, reason, *words, bound_s=30):
        """Waits until a condition gives that reason, and checks that its message has the words."""
        seen = {}

        def given():
            seen.clear()
            seen.update(self.reasons())
            return reason in seen
        until(given, bound_s, lambda: f"no condition says {reason}: {json.dumps(seen, indent=1)}")
        for word in words:
            if word not in seen[reason]:
                raise Failed(f"the message of {reason} does not name {word}: {seen[reason]}")
        return seen[reason]

    def is_ready(self):
        ready = self.conditions().get("Ready", {})
        return ready.get("status") == "True"

    def settle(self, bound_s=SETTLE_MAX_S, ready=True, record=None):
        """Waits until AWS is as the record says (and the environment says that it is ready)."""
        found = []

        def as_recorded():
            found[:] = self.judge.look(record or self.record)
            if not found and ready and not self.is_ready():
                found.append(f"the judge finds nothing wrong, but Ready is not True: {self.conditions().get('Ready')}")
            return not found
        until(as_recorded, bound_s, lambda: "\n".join(found))

    def sight(self):
        return self.judge.sight(self.record)

    def identities(self):
        """What is there, by kind, and cannot be replaced without being noticed."""
        sight = self.sight()
        found = {f"{role} group": sight.group(role) for role in sight.wanted.groups}
        ids = {kind: group["GroupId"] for kind, group in found.items() if group}
        if balancer := sight.balancer():
            ids["load balancer"] = balancer["LoadBalancerArn"]
        if group := sight.target_group():
            ids["target group"] = group["TargetGroupArn"]
        members = [i for i in sight.members() if i["State"]["Name"] == "running"]
        return ids | {f"instance {i['InstanceId']}": i["InstanceId"] for i in members}

    def launched(self):
        """How many instances were ever launched for it."""
        return len(self.sight().launched())

    # The record in DynamoDB, changed behind the command line's back, as a console would.

    def stored(self):
        return {k: TypeDeserializer().deserialize(v) for k, v in self.judge.item(self.name, "SPEC").items()}

    def store(self, item):
        self.lab.dynamodb.put_item(
            TableName=TABLE, Item={k: TypeSerializer().serialize(v) for k, v in item.items()})

    def unstore(self):
        self.lab.dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": self.name}, "sk": {"S": "SPEC"}})

    def partition(self):
        """The sort keys of every item of the environment."""
        found = self.lab.dynamodb.query(
            TableName=TABLE, KeyConditionExpression="pk = :pk", ConsistentRead=True,
            ExpressionAttributeValues={":pk": {"S": self.name}})
        return [item["sk"]["S"] for item in found["Items"]]

    def partition_left(self):
        """Those that a delete must not leave behind; the journal and the events expire."""
        return [sk for sk in self.partition() if not sk.startswith(("JOURNAL#", "EVENT#"))]


def what_is_left(env, uid):
    """Everything in AWS and in the table that a deleted environment has left behind."""
    lab, sight = env.lab, env.judge.sight(env.record, uid)
    launched = sight.launched()
    left = [f"instance {i['InstanceId']} {i['State']['Name']}" for i in launched if i["State"]["Name"] != "terminated"]
    by_uid = [{"Name": "tag:understudy:uid", "Values": [uid]}]
    left += [f"volume {v['VolumeId']}" for v in lab.ec2.describe_volumes(Filters=by_uid)["Volumes"]]
    left += [f"security group {g['GroupName']}" for g in lab.ec2.describe_security_groups(Filters=by_uid)["SecurityGroups"]]
    left += [f"security group {name}" for role, name in sight.wanted.groups.items() if sight.group(role)]
    left += [f"load balancer {b['LoadBalancerName']}" for b in sight.balancers()]
    left += [f"target group {t['TargetGroupName']}" for t in sight.target_groups()]
    # moto keeps the primary interface of a terminated instance, whatever DeleteOnTermination says.
    gone = {i["InstanceId"] for i in launched}
    groups = set(sight.wanted.groups.values())
    left += [f"network interface {n['NetworkInterfaceId']}"
             for n in lab.ec2.describe_network_interfaces()["NetworkInterfaces"]
             if groups & {g["GroupName"] for g in n["Groups"]} and n.get("Attachment", {}).get("InstanceId") not in gone]
    return left + [f"item {sk}" for sk in env.partition_left()]
