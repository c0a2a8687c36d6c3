use std::time::Duration;

use jiff::Timestamp;

use super::world::*;
use crate::memory::{Entry, Memory, Reading};
use crate::reason::Reason;
use crate::request::Made;
use crate::resource::*;

const MISSING_AFTER: Duration = Duration::from_secs(300);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + seconds).unwrap()
}

#[test]
fn a_recorded_resource_is_missing_only_after_three_readings_over_the_whole_time() {
    let thing = || Made::Instance(instance_id(1));
    let mut memory = Memory::default();
    for seconds in [0, 10] {
        memory.note_resource(thing(), false, at(seconds));
    }
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(1000)), "two readings are not enough");
    memory.note_resource(thing(), false, at(20));
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(299)), "three readings in a row are not enough");
    assert!(memory.is_missing(&thing(), MISSING_AFTER, at(300)));
    memory.note_resource(thing(), true, at(301));
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(1000)), "seen again is not missing");
}

#[test]
fn what_we_removed_is_gone_at_the_first_reading_without_it() {
    let thing = || Made::Instance(instance_id(1));
    let mut memory = Memory::default();
    memory.note_removed(thing(), at(0));
    assert!(!memory.is_missing(&thing(), MISSING_AFTER, at(1)), "not before it was looked for");
    memory.note_resource(thing(), false, at(2));
    assert!(memory.is_missing(&thing(), MISSING_AFTER, at(2)));
}

#[test]
fn an_entry_that_was_never_put_is_put_at_once_and_one_that_was_needs_two_readings() {
    let entry = || Entry::new("sg-1/ingress", "tcp 80");
    let mut memory = Memory::default();
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Differs);
    memory.put_entry(entry(), Some(String::new()));
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Unconfirmed);
    assert_eq!(memory.read_entry(entry(), Some(""), Some("")), Reading::AsWanted);
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Unconfirmed, "seen again, the count begins anew");
    assert_eq!(memory.read_entry(entry(), Some(""), None), Reading::Differs);
}

#[test]
fn an_entry_that_we_removed_needs_two_readings_to_be_rogue_again() {
    let entry = || Entry::new("sg-1/ingress", "tcp 81");
    let mut memory = Memory::default();
    assert_eq!(memory.read_entry(entry(), None, Some("")), Reading::Differs);
    memory.put_entry(entry(), None);
    assert_eq!(memory.read_entry(entry(), None, Some("")), Reading::Unconfirmed);
    assert_eq!(memory.read_entry(entry(), None, Some("")), Reading::Differs);
}

#[test]
fn a_new_wish_for_an_entry_is_acted_on_at_once() {
    let entry = || Entry::new("tg/attributes", "stickiness.enabled");
    let mut memory = Memory::default();
    assert_eq!(memory.read_entry(entry(), Some("true"), Some("true")), Reading::AsWanted);
    assert_eq!(memory.read_entry(entry(), Some("false"), Some("true")), Reading::Differs);
}

#[test]
fn an_instance_that_aws_does_not_show_counts_as_live_until_it_is_missing() {
    let mut world = World::healthy(2);
    seen(&mut world.observed.instances).remove(&instance_id(2));
    for _ in 0..3 {
        let plan = world.pass();
        assert_eq!(plan.actions, [], "{plan}");
        assert!(plan.to_string().contains("i-2, which AWS does not show"), "{plan}");
        world.store(&plan);
        world = world.after(100);
    }
    world.targets().retain(|target| target.id != "i-2");
    let plan = world.pass();
    assert_eq!(ids(&plan), ["launch/2"].into(), "{plan}");
    assert!(plan.noticed.iter().any(|(resource, why)| resource == "i-2" && why.reason == Reason::MemberGone));
}

#[test]
fn what_failed_is_held_back_and_the_rest_goes_on() {
    let mut world = World::healthy(2);
    world.group(crate::record::GroupRole::Instances).ingress.insert(rule(81, cidr("0.0.0.0/0")));
    let plan = world.pass();
    assert_eq!(ids(&plan), ["revoke/instances/ingress"].into());
    world.concluded(&plan, |_| {
        crate::outcome::Outcome::Failed(crate::outcome::Fault {
            operation: "RevokeSecurityGroupIngress".into(),
            iam_action: "ec2:RevokeSecurityGroupIngress".into(),
            kind: crate::outcome::ErrorKind::Denied,
            code: Some("UnauthorizedOperation".into()),
            message: "no".into(),
            definite: true,
        })
    });
    world.targets().push(target("i-foreign", TargetHealth::Healthy, None));
    let plan = world.pass();
    assert_eq!(ids(&plan), ["deregister/shop-web-6bdbe364"].into(), "{plan}");
    let in_sync = plan.status.condition(crate::status::ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::ActionDenied);
    assert!(in_sync.message.contains("allow `ec2:RevokeSecurityGroupIngress`"), "{}", in_sync.message);
    world = world.after(3);
    assert!(ids(&world.pass()).contains("revoke/instances/ingress"), "it is tried again");
}
