//! Tags of load balancers, target groups, listeners and rules.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::Bench;

/// One of each, with the tags that their creation sets.
fn everything(bench: &Bench) -> Vec<String> {
    let (alb, targets) = (balancer(bench, "web"), group(bench, "web"));
    let tags = json!({"Tags": [{"Key": "made", "Value": "with it"}]});
    let request = with(new_listener(&alb, 80, &forward(&targets)), tags.clone());
    let listener = text(&write::<CreateListener>(bench, request).unwrap()["Listeners"][0]["ListenerArn"]);
    let request = with(new_rule(&listener, 1, &fixed("200")), tags);
    let rule = text(&write::<CreateRule>(bench, request).unwrap()["Rules"][0]["RuleArn"]);
    vec![alb, targets, listener, rule]
}

fn tags(bench: &Bench, arns: &[String]) -> Vec<Value> {
    let answer = read::<DescribeTags>(bench, json!({"ResourceArns": arns})).unwrap();
    let described = answer["TagDescriptions"].as_array().unwrap();
    assert_eq!(described.iter().map(|one| text(&one["ResourceArn"])).collect::<Vec<_>>(), arns);
    described.iter().map(|one| one["Tags"].clone()).collect()
}

#[test]
fn tags_are_added_to_all_named_resources_overwritten_and_removed() {
    let bench = Bench::new();
    let arns = everything(&bench);
    let made = json!({"Key": "made", "Value": "with it"});
    assert_eq!(tags(&bench, &arns), [json!([]), json!([]), json!([made]), json!([made])]);
    let add = |tags: Value| write::<AddTags>(&bench, json!({"ResourceArns": arns, "Tags": tags}));
    add(json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])).unwrap();
    add(json!([{"Key": "b", "Value": "2"}])).unwrap();
    write::<RemoveTags>(&bench, json!({"ResourceArns": arns, "TagKeys": ["a", "made", "none"]})).unwrap();
    assert!(tags(&bench, &arns).iter().all(|tags| *tags == json!([{"Key": "b", "Value": "2"}])));
    assert_eq!(add(json!([{"Key": "c"}, {"Key": "c"}])).unwrap_err(), "DuplicateTagKeys");
    assert_eq!(add(json!([{"Key": "aws:x"}])).unwrap_err(), "ValidationError");
}

#[test]
fn a_resource_that_is_not_there_fails_the_whole_call() {
    let bench = Bench::new();
    let arns = everything(&bench);
    let codes = ["LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"];
    for (arn, expected) in arns.iter().zip(codes) {
        let both = json!([arns[0], format!("{arn}x")]);
        let add = json!({"ResourceArns": both, "Tags": [{"Key": "a", "Value": "1"}]});
        assert_eq!(code::<AddTags>(&bench, add), expected);
        assert_eq!(read::<DescribeTags>(&bench, json!({"ResourceArns": both})).unwrap_err(), expected);
        let remove = json!({"ResourceArns": both, "TagKeys": ["a"]});
        assert_eq!(code::<RemoveTags>(&bench, remove), expected);
    }
    assert_eq!(tags(&bench, &arns)[0], json!([]), "all or none");
    for wrong in [json!([]), json!(["web"]), json!(vec![arns[0].clone(); 21])] {
        assert_eq!(read::<DescribeTags>(&bench, json!({"ResourceArns": wrong})).unwrap_err(), "ValidationError");
    }
}

#[test]
fn a_resource_has_so_many_tags_and_the_default_rule_none() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { tags: 2, ..Quotas::default() }));
    let arns = everything(&bench);
    let many: Vec<Value> = (0..3).map(|n| json!({"Key": n.to_string(), "Value": ""})).collect();
    assert_eq!(code::<AddTags>(&bench, json!({"ResourceArns": [arns[3]], "Tags": many})), "TooManyTags");
    let rules = read::<DescribeRules>(&bench, json!({"ListenerArn": arns[2]})).unwrap();
    let default = text(&rules["Rules"][1]["RuleArn"]);
    assert_eq!(tags(&bench, std::slice::from_ref(&default)), [json!([])]);
    let add = json!({"ResourceArns": [default], "Tags": [{"Key": "a", "Value": "1"}]});
    assert_eq!(code::<AddTags>(&bench, add), "ValidationError");
}
