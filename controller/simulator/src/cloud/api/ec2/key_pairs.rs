//! DescribeKeyPairs.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeKeyPairs.html>. Where any key pair is taken to exist
//! ([`crate::cloud::Builder::key_pairs`]), those are shown that are asked for by name.

use std::collections::BTreeSet;

use aws_api::{Bucket as Called, Tags};
use serde::{Deserialize, Serialize};

use crate::cloud::api::common::{Filter, Filters, TagItem, tag_set, time};
use crate::cloud::api::{Bucket, Operation, Read, Sight};
use crate::cloud::derived::derived_id;
use crate::cloud::tags::key_pair_id;
use crate::cloud::world::{Outcome, World, refuse};

/// See the module. `IncludePublicKey` is not modelled: nobody has the keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyPairs {
    #[serde(default)]
    key_name: Vec<String>,
    #[serde(default)]
    key_pair_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPairs {
    key_set: Vec<KeyPair>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyPair {
    key_pair_id: String,
    key_name: String,
    key_fingerprint: String,
    key_type: &'static str,
    create_time: String,
    tag_set: Vec<TagItem>,
}

impl Operation for DescribeKeyPairs {
    type Answer = KeyPairs;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Describe)
    }
}

impl Read for DescribeKeyPairs {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<KeyPairs> {
        let filters =
            Filters::of(&self.filter, true, |name| matches!(name, "key-name" | "key-pair-id" | "fingerprint"))?;
        let known: BTreeSet<&String> = match &world.config.key_pairs {
            Some(names) => names.iter().collect(),
            None => self.key_name.iter().collect(),
        };
        if let Some(unknown) = self.key_name.iter().find(|name| !known.contains(name)) {
            return refuse("InvalidKeyPair.NotFound", format!("The key pair '{unknown}' does not exist"));
        }
        if let Some(unknown) = self.key_pair_id.iter().find(|id| !known.iter().any(|name| key_pair_id(name) == **id)) {
            return refuse("InvalidKeyPair.NotFound", format!("The keyPair ID '{unknown}' does not exist"));
        }
        let mut key_set = Vec::new();
        for name in known {
            let by_name = self.key_name.is_empty() || self.key_name.contains(name);
            let by_id = self.key_pair_id.is_empty() || self.key_pair_id.contains(&key_pair_id(name));
            if !by_name || !by_id {
                continue;
            }
            let (key, tags) = key_pair(world, name);
            if filters.match_values(&tags, |filter| values(&key, filter)) {
                key_set.push(key);
            }
        }
        Ok(KeyPairs { key_set })
    }
}

fn key_pair(world: &World, name: &str) -> (KeyPair, Tags) {
    let id = key_pair_id(name);
    let tags = world.tags_of_bare(&id);
    // Sixteen bytes, as an MD5 fingerprint has them.
    let digits: Vec<char> = [derived_id("", name), derived_id("", &id)].concat().chars().collect();
    let bytes: Vec<String> = digits.chunks(2).take(16).map(|pair| pair.iter().collect()).collect();
    let key = KeyPair {
        key_pair_id: id,
        key_name: name.to_owned(),
        key_fingerprint: bytes.join(":"),
        key_type: "rsa",
        create_time: time(world, std::time::Duration::ZERO),
        tag_set: tag_set(&tags),
    };
    (key, tags)
}

fn values(key: &KeyPair, name: &str) -> Option<Vec<String>> {
    Some(vec![match name {
        "key-name" => key.key_name.clone(),
        "key-pair-id" => key.key_pair_id.clone(),
        "fingerprint" => key.key_fingerprint.clone(),
        _ => return None,
    }])
}
