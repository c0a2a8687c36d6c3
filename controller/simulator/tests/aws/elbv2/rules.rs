//! Rules of listeners.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::Bench;

/// A listener that answers by itself.
fn plain(bench: &Bench) -> String {
    listener(bench, &balancer(bench, "web"), 80, &fixed("404"))
}

fn rules(bench: &Bench, listener: &str) -> Vec<Value> {
    read::<DescribeRules>(bench, json!({"ListenerArn": listener})).unwrap()["Rules"].as_array().unwrap().clone()
}

fn priorities(bench: &Bench, listener: &str) -> Vec<String> {
    rules(bench, listener).iter().map(|rule| text(&rule["Priority"])).collect()
}

#[test]
fn a_listener_begins_with_its_default_rule() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let found = rules(&bench, &listener);
    assert_eq!(found.len(), 1);
    let default = &found[0];
    assert_eq!((&default["Priority"], &default["IsDefault"]), (&json!("default"), &json!(true)));
    assert_eq!((&default["Conditions"], &default["Actions"][0]["Type"]), (&json!([]), &json!("fixed-response")));
    let by_arn = read::<DescribeRules>(&bench, json!({"RuleArns": [default["RuleArn"]]})).unwrap();
    assert_eq!(by_arn["Rules"], json!([default]));
    let arn = json!({"RuleArn": default["RuleArn"]});
    assert_eq!(code::<DeleteRule>(&bench, arn.clone()), "OperationNotPermitted");
    assert_eq!(code::<ModifyRule>(&bench, with(arn, json!({"Actions": fixed("200")}))), "OperationNotPermitted");
    let moved = json!({"RulePriorities": [{"RuleArn": default["RuleArn"], "Priority": 1}]});
    assert_eq!(code::<SetRulePriorities>(&bench, moved), "OperationNotPermitted");
}

#[test]
fn rules_are_shown_in_the_order_of_their_evaluation_in_pages() {
    let bench = Bench::new();
    let listener = plain(&bench);
    for priority in [100, 9, 50_000] {
        let arn = rule(&bench, &listener, priority, &fixed("200"));
        assert!(arn.starts_with(&listener.replace(":listener/", ":listener-rule/")), "{arn}");
    }
    assert_eq!(priorities(&bench, &listener), ["9", "100", "50000", "default"]);
    let page = read::<DescribeRules>(&bench, json!({"ListenerArn": listener, "PageSize": 3})).unwrap();
    let rest = json!({"ListenerArn": listener, "PageSize": 3, "Marker": page["NextMarker"]});
    let rest = read::<DescribeRules>(&bench, rest).unwrap();
    assert_eq!((page["Rules"].as_array().unwrap().len(), &rest["Rules"][0]["Priority"]), (3, &json!("default")));
    assert_eq!(rest["NextMarker"], Value::Null);
}

#[test]
fn a_priority_is_taken_by_one_rule() {
    let bench = Bench::new();
    let listener = plain(&bench);
    rule(&bench, &listener, 1, &fixed("200"));
    assert_eq!(code::<CreateRule>(&bench, new_rule(&listener, 1, &fixed("200"))), "PriorityInUse");
    for wrong in [0, 50_001] {
        assert_eq!(code::<CreateRule>(&bench, new_rule(&listener, wrong, &fixed("200"))), "ValidationError");
    }
    let gone = new_rule(&format!("{listener}x"), 1, &fixed("200"));
    assert_eq!(code::<CreateRule>(&bench, gone), "ListenerNotFound");
}

#[test]
fn there_is_a_quota_of_rules_over_all_listeners_of_a_load_balancer() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { rules_per_balancer: 1, ..Quotas::default() }));
    let alb = balancer(&bench, "web");
    let [one, other] = [80, 81].map(|port| listener(&bench, &alb, port, &fixed("404")));
    rule(&bench, &one, 1, &fixed("200"));
    assert_eq!(code::<CreateRule>(&bench, new_rule(&other, 1, &fixed("200"))), "TooManyRules");
}

#[test]
fn conditions_are_shown_as_they_were_given() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let given = json!([
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Beta", "Values": ["yes"]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
    ]);
    let request = with(new_rule(&listener, 1, &fixed("200")), json!({"Conditions": given}));
    let made = write::<CreateRule>(&bench, request).unwrap();
    let found = made["Rules"][0]["Conditions"].as_array().unwrap();
    assert_eq!(found.len(), 5);
    for (found, given) in found.iter().zip(given.as_array().unwrap()) {
        for (name, value) in given.as_object().unwrap() {
            assert_eq!(&found[name], value);
        }
    }
    assert_eq!(found[0]["Values"], json!(["*.example.com"]), "host names are shown in both ways");
    assert_eq!(rules(&bench, &listener)[0], made["Rules"][0]);
}

#[test]
fn what_a_condition_cannot_be_is_refused() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let host = |values: Value| json!({"Field": "host-header", "HostHeaderConfig": {"Values": values}});
    let header =
        |name: &str| json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": ["x"]}});
    let wildcards = json!({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*/*/*/*/*/*/*"]}});
    for conditions in [
        json!([]),
        json!([{"Values": ["/a"]}]),
        json!([{"Field": "cookie", "Values": ["/a"]}]),
        json!([{"Field": "path-pattern"}]),
        json!([{"Field": "path-pattern", "Values": ["/a", "/b"]}]),
        json!([{"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}]),
        json!([{"Field": "path-pattern", "HostHeaderConfig": {"Values": ["a.com"]}}]),
        json!([{"Field": "path-pattern", "Values": ["/a b"]}]),
        json!([{"Field": "path-pattern", "Values": [format!("/{}", "a".repeat(128))]}]),
        json!([wildcards]),
        json!([host(json!(["a.com"])), host(json!(["b.com"]))]),
        json!([host(json!(["localhost"]))]),
        json!([host(json!(["a.c0m"]))]),
        json!([host(json!([]))]),
        json!([host(json!(["a.com", "b.com", "c.com", "d.com", "e.com", "f.com"]))]),
        json!([header("Host")]),
        json!([header("X Beta")]),
        json!([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}]),
        json!([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0"]}}]),
        json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "", "Value": ""}]}}]),
    ] {
        let request = with(new_rule(&listener, 1, &fixed("200")), json!({"Conditions": conditions}));
        assert_eq!(code::<CreateRule>(&bench, request), "ValidationError", "{conditions}");
    }
    let twice = json!([header("X-A"), header("X-B")]);
    write::<CreateRule>(&bench, with(new_rule(&listener, 1, &fixed("200")), json!({"Conditions": twice}))).unwrap();
}

#[test]
fn a_rule_is_modified_in_what_is_named() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let targets = group(&bench, "web");
    let arn = rule(&bench, &listener, 7, &fixed("200"));
    let modify = |fields| write::<ModifyRule>(&bench, with(json!({"RuleArn": arn}), fields));
    let now = modify(json!({"Conditions": path("/b")})).unwrap()["Rules"][0].clone();
    assert_eq!(
        (&now["Conditions"][0]["Values"], &now["Actions"][0]["Type"]),
        (&json!(["/b"]), &json!("fixed-response"))
    );
    let now = modify(json!({"Actions": forward(&targets)})).unwrap()["Rules"][0].clone();
    assert_eq!((&now["Conditions"][0]["Values"], &now["Actions"][0]["Type"]), (&json!(["/b"]), &json!("forward")));
    assert_eq!((&now["Priority"], &rules(&bench, &listener)[0]), (&json!("7"), &now));
    assert_eq!(modify(json!({})).unwrap_err(), "ValidationError");
    assert_eq!(modify(json!({"Conditions": path("b c")})).unwrap_err(), "ValidationError");
    assert_eq!(modify(json!({"Actions": forward(&format!("{targets}x"))})).unwrap_err(), "TargetGroupNotFound");
    let gone = json!({"RuleArn": format!("{arn}x"), "Conditions": path("/b")});
    assert_eq!(code::<ModifyRule>(&bench, gone), "RuleNotFound");
    assert_eq!(code::<ModifyRule>(&bench, json!({"RuleArn": listener, "Conditions": path("/b")})), "ValidationError");
}

#[test]
fn priorities_are_set_together_or_not_at_all() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let [one, two, three] = [1, 2, 3].map(|priority| rule(&bench, &listener, priority, &fixed("200")));
    let set = |pairs: &[(&String, u32)]| {
        let pairs: Vec<Value> = pairs.iter().map(|(arn, to)| json!({"RuleArn": arn, "Priority": to})).collect();
        write::<SetRulePriorities>(&bench, json!({"RulePriorities": pairs}))
    };
    let answer = set(&[(&one, 2), (&two, 1)]).unwrap();
    assert_eq!((&answer["Rules"][0]["RuleArn"], &answer["Rules"][0]["Priority"]), (&json!(one), &json!("2")));
    let order = || rules(&bench, &listener).iter().map(|rule| text(&rule["RuleArn"])).take(3).collect::<Vec<_>>();
    assert_eq!(order(), [two.clone(), one.clone(), three.clone()], "two rules change places");
    assert_eq!(set(&[(&two, 10), (&one, 3)]).unwrap_err(), "PriorityInUse");
    assert_eq!(set(&[(&two, 10), (&one, 10)]).unwrap_err(), "PriorityInUse");
    assert_eq!(set(&[(&two, 10), (&two, 11)]).unwrap_err(), "ValidationError");
    assert_eq!(set(&[(&two, 0)]).unwrap_err(), "ValidationError");
    assert_eq!(set(&[(&format!("{two}x"), 10)]).unwrap_err(), "RuleNotFound");
    assert_eq!((order(), priorities(&bench, &listener)[0].as_str()), (vec![two, one, three], "1"));
}

#[test]
fn a_deleted_rule_is_gone_and_frees_its_priority_and_its_group() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let targets = group(&bench, "web");
    let arn = rule(&bench, &listener, 1, &forward(&targets));
    let delete_group = json!({"TargetGroupArn": targets});
    assert_eq!(code::<DeleteTargetGroup>(&bench, delete_group.clone()), "ResourceInUse");
    write::<DeleteRule>(&bench, json!({"RuleArn": arn})).unwrap();
    assert_eq!(code::<DeleteRule>(&bench, json!({"RuleArn": arn})), "RuleNotFound");
    assert_eq!(read::<DescribeRules>(&bench, json!({"RuleArns": [arn]})).unwrap_err(), "RuleNotFound");
    write::<DeleteTargetGroup>(&bench, delete_group).unwrap();
    rule(&bench, &listener, 1, &fixed("200"));
}

#[test]
fn rules_are_asked_for_by_listener_or_by_arn() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let arn = rule(&bench, &listener, 1, &fixed("200"));
    for (request, expected) in [
        (json!({}), "ValidationError"),
        (json!({"ListenerArn": listener, "RuleArns": [arn]}), "ValidationError"),
        (json!({"ListenerArn": format!("{listener}x")}), "ListenerNotFound"),
    ] {
        assert_eq!(read::<DescribeRules>(&bench, request.clone()).unwrap_err(), expected, "{request}");
    }
}

#[test]
fn a_group_that_only_a_rule_uses_belongs_to_its_load_balancer() {
    let bench = Bench::new();
    let listener = plain(&bench);
    let other = balancer(&bench, "other");
    let targets = group(&bench, "web");
    rule(&bench, &listener, 1, &forward(&targets));
    let request = new_listener(&other, 80, &forward(&targets));
    assert_eq!(code::<CreateListener>(&bench, request), "TargetGroupAssociationLimit");
}
