//! Whether everything that STATUS records bears the tags that a comparison with a fresh deployment leaves out.
//!
//! Intents differ from run to run. Volumes are known for ours only once they were seen with our tags: one that was untagged
//! before that is nobody's.

use aws_api::Tags;
use aws_api::id::IntentId;
use planner::ownership::{TAG_INTENT, TAG_ROLE};
use planner::status::Status;
use simulator::cloud::View;

use super::tally::Tally;

/// A sentence for each recorded thing that lacks the tag of its intent, and for each recorded volume that lacks a tag of its
/// member.
pub fn lost(status: &Status, view: &View, tally: &mut Tally) -> Vec<String> {
    let (mut lost, mut judged) = (Vec::new(), 0);
    let mut expect = |what: &str, intent: Option<&IntentId>, tags: &Tags| {
        let Some(want) = intent.map(ToString::to_string) else { return };
        judged += 1;
        if tags.get(TAG_INTENT) != Some(&want) {
            lost.push(format!("{what} has {TAG_INTENT}={:?}, and {want} is recorded", tags.get(TAG_INTENT)));
        }
    };
    for group in view.groups() {
        expect(group.id.as_str(), status.security_groups.intents.get(&group.id), &group.tags);
    }
    if let Some(one) = &status.load_balancer {
        expect(one.arn.as_str(), one.intent.as_ref(), &view.load_balancer_tags(&one.arn));
    }
    for one in &status.target_groups {
        expect(one.arn.as_str(), one.intent.as_ref(), &view.target_group_tags(&one.arn));
    }
    for one in &status.listeners {
        expect(one.arn.as_str(), one.intent.as_ref(), &view.listener_tags(&one.arn));
    }
    let members = || status.instances.iter().filter_map(|one| Some((one, view.instance(&one.instance_id)?)));
    for (member, seen) in members() {
        expect(seen.id.as_str(), member.intent.as_ref(), &seen.tags);
    }
    tally.add("oracle: I7 the tag of the intent is there", judged);
    let volumes = view.volumes();
    for (member, seen) in members() {
        for (id, volume) in volumes.iter().filter(|(id, _)| member.volumes.iter().any(|one| one.as_str() == *id)) {
            tally.count("oracle: I7 a volume has the tags of its member");
            let put = seen.tags.iter().filter(|(key, _)| *key != TAG_ROLE);
            let lacks: Vec<&String> =
                put.filter(|(key, value)| volume.tags.get(*key) != Some(value)).map(|(key, _)| key).collect();
            if !lacks.is_empty() {
                lost.push(format!("{id} of {} lacks {lacks:?}", seen.id));
            }
        }
    }
    lost
}
