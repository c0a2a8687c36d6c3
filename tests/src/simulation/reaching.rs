//! What a person does in the console since the second edition of scripts: fills groups, stops everything, bends listeners.
//!
//! Like [`super::hands`], whose rules hold here too: whatever AWS refuses does not happen, and is not counted. What the
//! product only reports, and does not set right, is taken away by [`tidy`] before a run is judged by its end.

use aws_api::ec2::{Direction, InstanceState, Peer, Rule, SecurityGroup};
use aws_api::elbv2::{CreateTargetGroup, TargetGroupWrite};
use aws_api::id::{ListenerArn, TargetGroupArn};
use aws_api::{ResourceId, Tags, Write};
use simulator::SimCloud;

use super::hands::{Scene, Victim};
use super::script::{Reach, place};

/// The name of the target group of theirs.
const THEIRS: &str = "theirs";
/// More rules than any group has room for.
const RULES_MAX: u16 = 200;

/// Lets a person do something. Whether AWS let them, or there was anything to do.
pub fn reach_further(victim: &Victim<'_>, reach: Reach, drawn: u64) -> bool {
    match reach {
        Reach::StopsAll => return all_in(victim, InstanceState::Running),
        Reach::StartsAll => return all_in(victim, InstanceState::Stopped),
        Reach::RulesTakenAway => return take_rules_away(victim.cloud),
        Reach::FillsGroup
        | Reach::RuleAnswers
        | Reach::RuleForwards
        | Reach::RuleForwardsElsewhere
        | Reach::ExcludingAttributes
        | Reach::LooksAlike
        | Reach::UntagsWithVolumes => {}
    }
    Scene::new(victim, drawn).is_some_and(|scene| reach_into(victim, &scene, reach, drawn).unwrap_or(false))
}

/// Absent where there is no listener, or nothing else that it needs.
fn reach_into(victim: &Victim<'_>, scene: &Scene, reach: Reach, drawn: u64) -> Option<bool> {
    let Scene { view, console, member, balancer, group, .. } = scene;
    let listener = || view.listeners(&balancer.arn).first().map(|listener| listener.arn.clone());
    let priority = u32::try_from(1 + drawn % 9).unwrap_or(1);
    let path = ["/*", "/health", "/admin/*"][place(drawn >> 16, 3)];
    let done = match reach {
        Reach::FillsGroup => return Some(fill(victim, drawn)),
        Reach::RuleAnswers => console.rule_that_answers(&listener()?, priority, path),
        Reach::RuleForwards => console.rule_that_forwards(&listener()?, priority, path, &group.arn),
        Reach::RuleForwardsElsewhere => {
            console.rule_that_forwards(&listener()?, priority, path, &theirs(victim.cloud)?)
        }
        Reach::ExcludingAttributes => console.set_target_group_attributes(
            &group.arn,
            &[
                ("stickiness.enabled", "false"),
                ("slow_start.duration_seconds", "0"),
                ("load_balancing.algorithm.type", "weighted_random"),
                ("load_balancing.algorithm.anomaly_mitigation", "on"),
            ],
        ),
        Reach::LooksAlike => {
            let (listener, theirs) = (listener()?, theirs(victim.cloud)?);
            console.forward_by_weight(&listener, &[(group.arn.clone(), 100), (theirs, 0)])
        }
        Reach::UntagsWithVolumes => console.untag_with_volumes(member),
        Reach::StopsAll | Reach::StartsAll | Reach::RulesTakenAway => return None,
    };
    Some(done.is_ok())
}

/// Stops every member that runs, or starts every one that is stopped. Whether there was one.
fn all_in(victim: &Victim<'_>, state: InstanceState) -> bool {
    let (view, console) = (victim.cloud.view(), victim.cloud.console());
    let members = view.instances().into_iter().filter(|one| one.state == state && victim.made(one.id.as_str()));
    let stops = state == InstanceState::Running;
    let done = members.map(|one| if stops { console.stop(&one.id) } else { console.start(&one.id) });
    done.filter(Result::is_ok).count() > 0
}

/// Fills one of the two groups until AWS says that it is full; in most cases one of our rules goes first.
fn fill(victim: &Victim<'_>, drawn: u64) -> bool {
    let (view, console) = (victim.cloud.view(), victim.cloud.console());
    let name = ["instance-sg", "alb-sg"][place(drawn, 2)];
    let Some(group) = view.group(&format!("{}-{name}", victim.name)) else { return false };
    if !(drawn >> 8).is_multiple_of(4)
        && let Some(rule) = group.ingress.iter().nth(place(drawn >> 16, group.ingress.len()))
    {
        // It was there a moment ago.
        let _ = console.revoke(&group.id, Direction::Ingress, rule.clone());
    }
    let add = |nth: u16| console.authorize(&group.id, Direction::Ingress, of_theirs(nth)).is_ok();
    (0..RULES_MAX).filter(|nth| !has(&group, *nth)).take_while(|nth| add(*nth)).count() > 0
}

fn has(group: &SecurityGroup, nth: u16) -> bool {
    group.ingress.contains(&of_theirs(nth))
}

/// One of many rules that no record names.
fn of_theirs(nth: u16) -> Rule {
    let peer = Peer::Cidr(format!("198.18.{nth}.0/24").parse().expect("it is a range"));
    Rule { protocol: "tcp".into(), from: Some(2222), to: Some(2222), peer }
}

/// A target group of theirs, in which nothing is registered.
fn theirs(cloud: &SimCloud) -> Option<TargetGroupArn> {
    let view = cloud.view();
    if let Some(group) = view.target_group(THEIRS) {
        return Some(group.arn);
    }
    let like = view.target_groups().into_iter().next()?;
    let create = CreateTargetGroup {
        name: THEIRS.into(),
        protocol: like.protocol?,
        port: like.port?,
        vpc: like.vpc?,
        health_check: like.health_check,
        tags: Tags::new(),
    };
    match cloud.console().write(&Write::TargetGroup(TargetGroupWrite::Create(create))) {
        Ok(Some(ResourceId::TargetGroup(arn))) => Some(arn),
        Ok(_) | Err(_) => None,
    }
}

/// Takes every rule of every listener away. Whether there was one.
pub fn take_rules_away(cloud: &SimCloud) -> bool {
    let (view, console) = (cloud.view(), cloud.console());
    let listeners = view.load_balancers().into_iter().flat_map(|balancer| view.listeners(&balancer.arn));
    let ruled = |arn: &ListenerArn| !view.rules(arn).is_empty();
    listeners.map(|listener| listener.arn).filter(ruled).filter(|arn| console.delete_rules(arn).is_ok()).count() > 0
}

/// Takes away what a person made beside ours, once nothing of ours uses it any more.
pub fn tidy(cloud: &SimCloud) {
    if let Some(group) = cloud.view().target_group(THEIRS) {
        // As long as one of our listeners uses it, AWS refuses, and the run's end differs.
        let _ = cloud.console().write(&Write::TargetGroup(TargetGroupWrite::Delete { target_group: group.arn }));
    }
}
