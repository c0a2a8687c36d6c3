//! The ids of a stream's shards, as AWS writes them.
//!
//! The embedded DynamoDB's have a number of eight digits, AWS's one of twenty: with a short table's name the former are shorter than
//! the 28 characters that AWS documents, and refused by boto3 before they are sent.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Shard.html>. Never: another member of a request
//! or an answer.

use serde_json::Value;

/// What both begin with.
const PREFIX: &str = "shardId-";
/// The digits that AWS's have more.
const ZEROS: &str = "000000000000";
/// The members that are such an id.
const MEMBERS: [&str; 4] = ["ShardId", "ParentShardId", "ExclusiveStartShardId", "LastEvaluatedShardId"];

/// An answer of the embedded one, with AWS's ids. What is no JSON stays as it is.
pub(crate) fn as_aws_has_them(answer: &[u8]) -> Vec<u8> {
    rewritten(answer, |id| Some(format!("{PREFIX}{ZEROS}{}", id.strip_prefix(PREFIX)?)))
}

/// A request for the embedded one, with its own ids.
pub(crate) fn as_it_knows_them(request: &[u8]) -> Vec<u8> {
    rewritten(request, |id| Some(format!("{PREFIX}{}", id.strip_prefix(PREFIX)?.strip_prefix(ZEROS)?)))
}

fn rewritten(body: &[u8], other: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    rewrite(&mut value, &other);
    value.to_string().into_bytes()
}

fn rewrite(value: &mut Value, other: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| rewrite(one, other)),
        Value::Object(members) => {
            for (name, value) in members {
                if let Value::String(id) = value {
                    if let Some(new) = other(id).filter(|_| MEMBERS.contains(&name.as_str())) {
                        *id = new;
                    }
                } else {
                    rewrite(value, other);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_long_outside_and_short_inside_and_nothing_else_is_touched() {
        let short = r#"{"A":"shardId-00000001-t","Shards":[{"ParentShardId":"x","ShardId":"shardId-00000001-t"}]}"#;
        let long = as_aws_has_them(short.as_bytes());
        let text = String::from_utf8_lossy(&long);
        assert!(text.contains(r#""ShardId":"shardId-00000000000000000001-t""#), "{text}");
        assert!(text.contains(r#""A":"shardId-00000001-t""#) && text.contains(r#""ParentShardId":"x""#), "{text}");
        assert_eq!(String::from_utf8_lossy(&as_it_knows_them(&long)), short);
        assert_eq!(as_aws_has_them(b"no json"), b"no json");
        assert!("shardId-00000000000000000001-t".len() >= 28);
    }
}
