//! Clients that change things as fast as they can, each with a list of what it was told.
//!
//! What was asked and not answered is in doubt and never asked about again; everything else must be as it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::json;

use crate::wire::{Client, texts};

/// Things of one kind at once.
const THINGS_MAX: usize = 12;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Groups,
    Instances,
    TargetGroups,
    Items,
}

const ALL: [Who; 4] = [Who::Groups, Who::Instances, Who::TargetGroups, Who::Items];

/// What a client knows of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// It is there, and its mark is that, if the client knows.
    There(Option<String>),
    Gone,
    /// It was asked to go, and nobody answered.
    InDoubt,
}

/// One client.
#[derive(Debug)]
pub struct Load {
    who: Who,
    client: Client,
    stop: Arc<AtomicBool>,
    /// Numbers given out.
    count: u64,
    /// By id.
    things: BTreeMap<String, Known>,
    changes: u64,
}

/// What all of them were told.
#[derive(Debug, Default)]
pub struct Acknowledged {
    stop: Arc<AtomicBool>,
    lists: BTreeMap<Who, (u64, BTreeMap<String, Known>)>,
    changes: u64,
}

impl Acknowledged {
    /// Changes that were acknowledged.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Lets the clients end by themselves.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Lets all of them ask, until nobody answers.
    pub fn loads(&mut self, client: Client) -> Vec<JoinHandle<Load>> {
        let stop = Arc::clone(&self.stop);
        let load = |who| {
            let (count, things) = self.lists.remove(&who).unwrap_or_default();
            let mut load = Load { who, client, stop: Arc::clone(&stop), count, things, changes: 0 };
            std::thread::spawn(move || {
                while !load.stop.load(Ordering::Relaxed) && load.step().is_some() {}
                load
            })
        };
        ALL.map(load).into()
    }

    pub fn end(&mut self, load: Load) {
        self.changes += load.changes;
        self.lists.insert(load.who, (load.count, load.things));
    }

    /// Holds the cloud to everything that was told.
    pub fn check(&self, client: Client) {
        for who in ALL {
            let there = who.there(client);
            let Some((_, things)) = self.lists.get(&who) else { continue };
            for (id, known) in things {
                match (known, there.get(id)) {
                    (Known::InDoubt, _) | (Known::There(None), Some(_)) | (Known::Gone, None) => {}
                    (Known::There(Some(mark)), Some(is)) => assert_eq!(is, mark, "the mark of {id}"),
                    (Known::There(_), None) => panic!("{id} was acknowledged, and is lost"),
                    (Known::Gone, Some(_)) => panic!("{id} was acknowledged to be gone, and is there"),
                }
            }
        }
    }
}

impl Who {
    /// What is there, and its mark.
    pub fn there(self, client: Client) -> BTreeMap<String, String> {
        match self {
            Self::Groups | Self::Instances => {
                let (of, name, kind) = match self {
                    Self::Groups => ("SecurityGroups", "groupId", "security-group"),
                    Self::Instances | Self::TargetGroups | Self::Items => ("Instances", "instanceId", "instance"),
                };
                let live = [
                    ("Filter.1.Name", "instance-state-name"),
                    ("Filter.1.Value.1", "pending"),
                    ("Filter.1.Value.2", "running"),
                ];
                let live = if self == Self::Instances { &live[..] } else { &[] };
                let ids: BTreeSet<String> =
                    texts(&client.ec2(&format!("Describe{of}"), live).unwrap(), name).into_iter().collect();
                let kind = [("Filter.1.Name", "resource-type"), ("Filter.1.Value.1", kind)];
                let tags = client.ec2("DescribeTags", &kind).unwrap();
                let marks: BTreeMap<String, String> =
                    texts(&tags, "resourceId").into_iter().zip(texts(&tags, "value")).collect();
                ids.into_iter().map(|id| (id.clone(), marks.get(&id).cloned().unwrap_or_default())).collect()
            }
            Self::TargetGroups => {
                let arns = texts(&client.elbv2("DescribeTargetGroups", &[]).unwrap(), "TargetGroupArn");
                let mark = |arn: String| {
                    let tags = client.elbv2("DescribeTags", &[("ResourceArns.member.1", &arn)]).unwrap();
                    let mark = texts(&tags, "Value").pop().unwrap_or_default();
                    (arn, mark)
                };
                arns.into_iter().map(mark).collect()
            }
            Self::Items => {
                // Only the first process makes one.
                let key = r#"{"TableName":"items","BillingMode":"PAY_PER_REQUEST",
                    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
                    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
                    "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}"#;
                let made = client.dynamodb("CreateTable", key);
                assert!(made.as_ref().map_or_else(|why| why.contains("ResourceInUseException"), |_| true), "{made:?}");
                let scan = r#"{"TableName":"items","ConsistentRead":true}"#;
                let scanned: serde_json::Value = serde_json::from_str(&client.dynamodb("Scan", scan).unwrap()).unwrap();
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let items = scanned["Items"].as_array().unwrap().iter();
                items.map(|item| (text(&item["id"]["S"]), text(&item["mark"]["S"]))).collect()
            }
        }
    }
}

/// The numbers of what the stream of the items' table tells, from its beginning.
pub fn streamed(client: Client) -> Vec<String> {
    let ask = |operation: &str, asked: serde_json::Value| -> serde_json::Value {
        serde_json::from_str(&client.dynamodb(operation, &asked.to_string()).unwrap()).unwrap()
    };
    let streams = ask("ListStreams", json!({ "TableName": "items" }));
    let stream = &streams["Streams"][0]["StreamArn"];
    let shards = ask("DescribeStream", json!({ "StreamArn": stream }));
    let shard = &shards["StreamDescription"]["Shards"][0]["ShardId"];
    let from = json!({ "StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let records = ask("GetRecords", json!({ "ShardIterator": ask("GetShardIterator", from)["ShardIterator"] }));
    let records = records["Records"].as_array().unwrap().iter();
    records.map(|record| format!("{} {}", record["eventName"], record["dynamodb"]["SequenceNumber"])).collect()
}

impl Load {
    /// Makes a thing, marks one or lets one go. `None`: nobody answered.
    fn step(&mut self) -> Option<()> {
        self.count += 1;
        let there: Vec<String> = self
            .things
            .iter()
            .filter(|(_, known)| matches!(known, Known::There(_)))
            .map(|(id, _)| id.clone())
            .collect();
        let chosen = usize::try_from(self.count).unwrap().checked_rem(there.len()).map(|place| there[place].clone());
        let answered = match chosen {
            Some(id) if there.len() >= THINGS_MAX => self.leave(&id),
            Some(id) if self.count.is_multiple_of(3) => self.mark(&id),
            _ => self.make(),
        };
        self.changes += u64::from(answered.is_some());
        answered
    }

    fn make(&mut self) -> Option<()> {
        let name = format!("t{}", self.count);
        let image = simulator::Builder::IMAGE;
        let ids = match self.who {
            Who::Groups => {
                let pairs = [("GroupName", &*name), ("GroupDescription", "x")];
                texts(&told(self.client.ec2("CreateSecurityGroup", &pairs))?, "groupId")
            }
            Who::Instances => {
                let size = [("InstanceType", "t3.small"), ("MinCount", "1"), ("MaxCount", "2")];
                let pairs = [&[("ImageId", image)][..], &size].concat();
                texts(&told(self.client.ec2("RunInstances", &pairs))?, "instanceId")
            }
            Who::TargetGroups => {
                let name = [("Name", &*name)];
                let vpcs = texts(&told(self.client.ec2("DescribeVpcs", &[]))?, "vpcId");
                let pairs = [&name[..], &[("Protocol", "HTTP"), ("Port", "80"), ("VpcId", &*vpcs[0])]].concat();
                texts(&told(self.client.elbv2("CreateTargetGroup", &pairs))?, "TargetGroupArn")
            }
            Who::Items => {
                let put = format!(
                    r#"{{"TableName":"items","Item":{{"id":{{"S":"{name}"}}}},
                        "ConditionExpression":"attribute_not_exists(id)"}}"#
                );
                told(self.client.dynamodb("PutItem", &put))?;
                vec![name]
            }
        };
        for id in ids {
            let before = self.things.insert(id.clone(), Known::There(Some(String::new())));
            assert_eq!(before, None, "{id} was made twice");
        }
        Some(())
    }

    fn mark(&mut self, id: &str) -> Option<()> {
        let mark = self.count.to_string();
        self.things.insert(id.to_owned(), Known::There(None));
        told(match self.who {
            Who::Groups | Who::Instances => {
                self.client.ec2("CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", "mark"), ("Tag.1.Value", &mark)])
            }
            Who::TargetGroups => {
                let tag = [("Tags.member.1.Key", "mark"), ("Tags.member.1.Value", &*mark)];
                self.client.elbv2("AddTags", &[&[("ResourceArns.member.1", id)][..], &tag].concat())
            }
            Who::Items => {
                let update = r#""UpdateExpression":"SET mark = :m","ExpressionAttributeValues""#;
                let key = format!(r#""TableName":"items","Key":{{"id":{{"S":"{id}"}}}}"#);
                self.client.dynamodb("UpdateItem", &format!(r#"{{{key},{update}:{{":m":{{"S":"{mark}"}}}}}}"#))
            }
        })?;
        self.things.insert(id.to_owned(), Known::There(Some(mark)));
        Some(())
    }

    fn leave(&mut self, id: &str) -> Option<()> {
        self.things.insert(id.to_owned(), Known::InDoubt);
        told(match self.who {
            Who::Groups => self.client.ec2("DeleteSecurityGroup", &[("GroupId", id)]),
            Who::Instances => self.client.ec2("TerminateInstances", &[("InstanceId.1", id)]),
            Who::TargetGroups => self.client.elbv2("DeleteTargetGroup", &[("TargetGroupArn", id)]),
            Who::Items => {
                let key = format!(r#"{{"TableName":"items","Key":{{"id":{{"S":"{id}"}}}}}}"#);
                self.client.dynamodb("DeleteItem", &key)
            }
        })?;
        self.things.insert(id.to_owned(), Known::Gone);
        Some(())
    }
}

/// What was answered. Nothing here may be refused.
fn told(answer: Result<String, String>) -> Option<String> {
    match answer {
        Ok(told) => Some(told),
        Err(nothing) if nothing.is_empty() => None,
        Err(refusal) => panic!("{refusal}"),
    }
}
