//! ModifyInstanceMetadataOptions, and those options wherever they are given or shown.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>

use aws_api::ec2::MetadataRequest;
use aws_api::{Bucket as Called, Tags};
use crds_schema::spec::HttpTokens;
use serde::{Deserialize, Serialize};

use super::instance_ids::instance_id;
use crate::cloud::api::common::filled;
use crate::cloud::api::{Bucket, Operation, Write};
use crate::cloud::instances::InstanceRecord;
use crate::cloud::settings::Metadata;
use crate::cloud::world::{Outcome, World, refuse};

/// Some of the options; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetadataChange {
    #[serde(default, deserialize_with = "filled")]
    http_tokens: Option<String>,
    http_put_response_hop_limit: Option<u32>,
    #[serde(default, deserialize_with = "filled")]
    http_endpoint: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    http_protocol_ipv6: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    instance_metadata_tags: Option<String>,
}

impl MetadataChange {
    /// All of the options, once these are put over what there was.
    pub fn over(&self, tokens: HttpTokens, hops: u32, rest: Metadata) -> Outcome<(HttpTokens, u32, Metadata)> {
        let tokens = match self.http_tokens.as_deref() {
            None => tokens,
            Some("optional") => HttpTokens::Optional,
            Some("required") => HttpTokens::Required,
            Some(other) => return refuse("InvalidParameterValue", format!("Invalid value '{other}' for HttpTokens")),
        };
        let rest = Metadata {
            endpoint: switched("HttpEndpoint", self.http_endpoint.as_deref(), rest.endpoint)?,
            ipv6: switched("HttpProtocolIpv6", self.http_protocol_ipv6.as_deref(), rest.ipv6)?,
            tags: switched("InstanceMetadataTags", self.instance_metadata_tags.as_deref(), rest.tags)?,
        };
        Ok((tokens, self.http_put_response_hop_limit.unwrap_or(hops), rest))
    }
}

fn switched(what: &str, word: Option<&str>, before: bool) -> Outcome<bool> {
    match word {
        None => Ok(before),
        Some("enabled") => Ok(true),
        Some("disabled") => Ok(false),
        Some(other) => refuse("InvalidParameterValue", format!("Invalid value '{other}' for {what}")),
    }
}

/// What the metadata service can show as a path.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html>
pub(super) fn check_tag_keys(tags: &Tags) -> Outcome<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-=._:@,".contains(c);
    let wrong = |key: &&String| !key.chars().all(allowed) || matches!(key.as_str(), "." | ".." | "_index");
    match tags.keys().find(wrong) {
        Some(key) => refuse("InvalidParameterValue", format!("'{key}' is not a valid tag key for instance metadata.")),
        None => Ok(()),
    }
}

/// The options, as an answer shows them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataItem {
    pub state: &'static str,
    pub http_tokens: &'static str,
    pub http_put_response_hop_limit: u32,
    pub http_endpoint: &'static str,
    pub http_protocol_ipv6: &'static str,
    pub instance_metadata_tags: &'static str,
}

/// Those of an instance.
pub(super) fn metadata_item(instance: &InstanceRecord, state: &'static str) -> MetadataItem {
    let word = |on| if on { "enabled" } else { "disabled" };
    let metadata = instance.settings.metadata;
    MetadataItem {
        state,
        http_tokens: match instance.http_tokens {
            HttpTokens::Required => "required",
            HttpTokens::Optional => "optional",
        },
        http_put_response_hop_limit: instance.hop_limit,
        http_endpoint: word(metadata.endpoint),
        http_protocol_ipv6: word(metadata.ipv6),
        instance_metadata_tags: word(metadata.tags),
    }
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyInstanceMetadataOptions {
    instance_id: String,
    #[serde(default, deserialize_with = "filled")]
    http_tokens: Option<String>,
    http_put_response_hop_limit: Option<u32>,
    #[serde(default, deserialize_with = "filled")]
    http_endpoint: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    http_protocol_ipv6: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    instance_metadata_tags: Option<String>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Modified {
    instance_id: String,
    instance_metadata_options: MetadataItem,
}

impl Operation for ModifyInstanceMetadataOptions {
    type Answer = Modified;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Ec2Mutate)
    }
}

impl Write for ModifyInstanceMetadataOptions {
    fn apply(&self, world: &mut World) -> Outcome<Modified> {
        let id = instance_id(&self.instance_id)?;
        let instance = world.instance(&id, world.at)?;
        let change = MetadataChange {
            http_tokens: self.http_tokens.clone(),
            http_put_response_hop_limit: self.http_put_response_hop_limit,
            http_endpoint: self.http_endpoint.clone(),
            http_protocol_ipv6: self.http_protocol_ipv6.clone(),
            instance_metadata_tags: self.instance_metadata_tags.clone(),
        };
        let before = (instance.http_tokens, instance.hop_limit, instance.settings.metadata);
        let (http_tokens, hop_limit, metadata) = change.over(before.0, before.1, before.2)?;
        if metadata.tags {
            check_tag_keys(&instance.tags)?;
        }
        world.set_metadata_options(&id, MetadataRequest { http_tokens, hop_limit })?;
        let instance = world.instance_mut(&id)?;
        instance.settings_mut().metadata = metadata;
        // "The API responds with a state of pending"; whoever describes the instance afterwards sees `applied`.
        let instance_metadata_options = metadata_item(instance, "pending");
        Ok(Modified { instance_id: id.to_string(), instance_metadata_options })
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.instance_id]
    }
}
