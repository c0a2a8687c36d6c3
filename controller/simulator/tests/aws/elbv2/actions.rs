//! What listeners and rules do with a request.

use serde_json::{Value, json};
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::Bench;

/// The action as it is shown once a listener has it, or the code that it is refused with.
fn shown(bench: &Bench, alb: &str, action: &Value) -> Result<Value, String> {
    let made = write::<CreateListener>(bench, new_listener(alb, 80, &json!([action])))?;
    let arn = &made["Listeners"][0]["ListenerArn"];
    write::<DeleteListener>(bench, json!({"ListenerArn": arn})).unwrap();
    Ok(made["Listeners"][0]["DefaultActions"][0].clone())
}

#[test]
fn a_forward_spreads_over_weights_and_keeps_clients_where_they_are() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let (one, other) = (group(&bench, "one"), group(&bench, "other"));
    let groups = json!([{"TargetGroupArn": one, "Weight": 9}, {"TargetGroupArn": other, "Weight": 0}]);
    let sticky = json!({"Enabled": true, "DurationSeconds": 60});
    let action = |groups: &Value, sticky: &Value| json!({"Type": "forward", "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}});
    let found = shown(&bench, &alb, &action(&groups, &sticky)).unwrap();
    assert_eq!(found["ForwardConfig"], json!({"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}));
    assert_eq!(found["TargetGroupArn"], Value::Null, "it names one group only");
    let many: Vec<Value> =
        (0..6).map(|n| json!({"TargetGroupArn": group(&bench, &format!("g{n}")), "Weight": 1})).collect();
    for (groups, sticky) in [
        (json!([{"TargetGroupArn": one}, {"TargetGroupArn": other, "Weight": 1}]), json!({})),
        (json!([{"TargetGroupArn": one, "Weight": 1000}]), json!({})),
        (json!([{"TargetGroupArn": one, "Weight": 1}, {"TargetGroupArn": one, "Weight": 1}]), json!({})),
        (json!([]), json!({})),
        (json!(many), json!({})),
        (groups.clone(), json!({"Enabled": true})),
        (groups.clone(), json!({"Enabled": true, "DurationSeconds": 604_801})),
    ] {
        let refused = shown(&bench, &alb, &action(&groups, &sticky)).unwrap_err();
        assert_eq!(refused, "ValidationError", "{groups} {sticky}");
    }
}

#[test]
fn a_forward_to_one_group_may_be_said_in_both_ways() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let (one, other) = (group(&bench, "one"), group(&bench, "other"));
    let both = |config: &str| {
        let config = json!({"TargetGroups": [{"TargetGroupArn": config}]});
        json!({"Type": "forward", "TargetGroupArn": one, "ForwardConfig": config, "Order": 1})
    };
    let found = shown(&bench, &alb, &both(&one)).unwrap();
    assert_eq!((&found["TargetGroupArn"], &found["Order"]), (&json!(one), &json!(1)));
    assert_eq!(found["ForwardConfig"]["TargetGroups"], json!([{"TargetGroupArn": one, "Weight": 1}]));
    assert_eq!(shown(&bench, &alb, &both(&other)).unwrap_err(), "ValidationError");
}

#[test]
fn a_redirect_keeps_what_it_does_not_name_and_must_not_loop() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let redirect = |config: Value| shown(&bench, &alb, &json!({"Type": "redirect", "RedirectConfig": config}));
    let found = redirect(json!({"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"})).unwrap();
    assert_eq!(
        found["RedirectConfig"],
        json!({"Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}", "StatusCode": "HTTP_301"})
    );
    for (config, expected) in [
        (json!({"StatusCode": "HTTP_301"}), "InvalidLoadBalancerAction"),
        (json!({"Query": "a=b", "StatusCode": "HTTP_301"}), "InvalidLoadBalancerAction"),
        (json!({"Protocol": "TCP", "StatusCode": "HTTP_301"}), "ValidationError"),
        (json!({"Port": "0", "StatusCode": "HTTP_301"}), "ValidationError"),
        (json!({"Path": "x", "StatusCode": "HTTP_301"}), "ValidationError"),
        (json!({"Host": "", "StatusCode": "HTTP_301"}), "ValidationError"),
        (json!({"Port": "443", "StatusCode": "HTTP_307"}), "ValidationError"),
    ] {
        assert_eq!(redirect(config.clone()).unwrap_err(), expected, "{config}");
    }
    let certificate = "arn:aws:iam::123456789012:server-certificate/web";
    let config = json!({"Protocol": "HTTP", "StatusCode": "HTTP_302"});
    let action = json!([{"Type": "redirect", "RedirectConfig": config}]);
    let https = json!({"Protocol": "HTTPS", "Certificates": [{"CertificateArn": certificate}]});
    let refused = code::<CreateListener>(&bench, with(new_listener(&alb, 443, &action), https));
    assert_eq!(refused, "InvalidLoadBalancerAction", "HTTPS is not redirected to HTTP");
}

#[test]
fn a_fixed_response_has_a_status_a_type_and_a_body() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let respond =
        |config: Value| shown(&bench, &alb, &json!({"Type": "fixed-response", "FixedResponseConfig": config}));
    let config = json!({"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "later"});
    assert_eq!(respond(config.clone()).unwrap()["FixedResponseConfig"], config);
    for wrong in [
        json!({"StatusCode": "302"}),
        json!({"StatusCode": "5xx"}),
        json!({"StatusCode": "200", "ContentType": "image/png"}),
        json!({"StatusCode": "200", "MessageBody": "x".repeat(1025)}),
    ] {
        assert_eq!(respond(wrong.clone()).unwrap_err(), "ValidationError", "{wrong}");
    }
}

#[test]
fn there_is_exactly_one_action_of_a_type_that_is_modelled() {
    let bench = Bench::new();
    let (alb, targets) = (balancer(&bench, "web"), group(&bench, "web"));
    let response = fixed("200")[0].clone();
    let two = json!([{"Type": "forward", "TargetGroupArn": targets, "Order": 1}, with(response.clone(), json!({"Order": 2}))]);
    assert_eq!(code::<CreateListener>(&bench, new_listener(&alb, 80, &two)), "InvalidLoadBalancerAction");
    for wrong in [
        json!({"Type": "authenticate-oidc"}),
        json!({"Type": "forward"}),
        json!({"Type": "redirect", "TargetGroupArn": targets}),
        with(response.clone(), json!({"TargetGroupArn": targets})),
        with(response, json!({"Order": 0})),
    ] {
        assert_eq!(shown(&bench, &alb, &wrong).unwrap_err(), "ValidationError", "{wrong}");
    }
}
