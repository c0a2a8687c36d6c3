//! Listeners and their certificates.

use serde_json::{Value, json};
use simulator::Builder;
use simulator::cloud::Quotas;
use simulator::cloud::api::elbv2::*;

use super::*;
use crate::bench::Bench;

const ACM: &str = "arn:aws:acm:us-east-2:123456789012:certificate/11111111-2222-3333-4444-555555555555";
const IAM: &str = "arn:aws:iam::123456789012:server-certificate/web";

fn https(balancer: &str, port: u16) -> Value {
    let fields = json!({"Protocol": "HTTPS", "Certificates": [{"CertificateArn": ACM}]});
    with(new_listener(balancer, port, &fixed("200")), fields)
}

fn one(bench: &Bench, arn: &str) -> Value {
    read::<DescribeListeners>(bench, json!({"ListenerArns": [arn]})).unwrap()["Listeners"][0].clone()
}

#[test]
fn a_listener_is_made_and_described_and_a_second_one_like_it_is_the_same() {
    let bench = Bench::new();
    let (alb, targets) = (balancer(&bench, "web"), group(&bench, "web"));
    let arn = listener(&bench, &alb, 80, &forward(&targets));
    assert!(arn.starts_with(&alb.replace(":loadbalancer/", ":listener/")), "{arn}");
    let found = one(&bench, &arn);
    assert_eq!((&found["Port"], &found["Protocol"], &found["SslPolicy"]), (&json!(80), &json!("HTTP"), &Value::Null));
    let action = &found["DefaultActions"][0];
    assert_eq!((&action["Type"], &action["TargetGroupArn"]), (&json!("forward"), &json!(targets)));
    assert_eq!(action["ForwardConfig"]["TargetGroups"], json!([{"TargetGroupArn": targets, "Weight": 1}]));
    assert_eq!(listener(&bench, &alb, 80, &forward(&targets)), arn);
    assert_eq!(code::<CreateListener>(&bench, new_listener(&alb, 80, &fixed("200"))), "DuplicateListener");
}

#[test]
fn listeners_are_found_by_load_balancer_or_by_arn_in_pages() {
    let bench = Bench::new();
    let (alb, other) = (balancer(&bench, "web"), balancer(&bench, "other"));
    let mut arns: Vec<String> = (80..83).map(|port| listener(&bench, &alb, port, &fixed("200"))).collect();
    listener(&bench, &other, 80, &fixed("200"));
    arns.sort();
    let page = read::<DescribeListeners>(&bench, json!({"LoadBalancerArn": alb, "PageSize": 2})).unwrap();
    let rest = json!({"LoadBalancerArn": alb, "PageSize": 2, "Marker": page["NextMarker"]});
    let rest = read::<DescribeListeners>(&bench, rest).unwrap();
    let both = [&page, &rest].map(|page| page["Listeners"].as_array().unwrap().clone()).concat();
    assert_eq!(both.iter().map(|one| text(&one["ListenerArn"])).collect::<Vec<_>>(), arns);
    assert_eq!(rest["NextMarker"], Value::Null);
    let gone = format!("{}x", arns[0]);
    for (request, expected) in [
        (json!({}), "ValidationError"),
        (json!({"LoadBalancerArn": alb, "ListenerArns": arns}), "ValidationError"),
        (json!({"ListenerArns": [gone]}), "ListenerNotFound"),
        (json!({"ListenerArns": [alb]}), "ValidationError"),
        (json!({"LoadBalancerArn": format!("{alb}x")}), "LoadBalancerNotFound"),
    ] {
        assert_eq!(read::<DescribeListeners>(&bench, request.clone()).unwrap_err(), expected, "{request}");
    }
}

#[test]
fn what_a_listener_cannot_be_is_refused_with_its_code() {
    let bench = Bench::new();
    let (alb, other, targets) = (balancer(&bench, "web"), balancer(&bench, "other"), group(&bench, "web"));
    let good = new_listener(&alb, 80, &forward(&targets));
    for (fields, expected) in [
        (json!({"Protocol": "TCP"}), "ValidationError"),
        (json!({"Protocol": null}), "ValidationError"),
        (json!({"Port": 0}), "ValidationError"),
        (json!({"Protocol": "HTTPS"}), "ValidationError"),
        (json!({"SslPolicy": "ELBSecurityPolicy-2016-08"}), "ValidationError"),
        (json!({"DefaultActions": []}), "ValidationError"),
        (json!({"DefaultActions": forward(&format!("{targets}x"))}), "TargetGroupNotFound"),
        (json!({"LoadBalancerArn": format!("{alb}x")}), "LoadBalancerNotFound"),
        (json!({"MutualAuthentication": {"Mode": "verify"}}), "ValidationError"),
    ] {
        assert_eq!(code::<CreateListener>(&bench, with(good.clone(), fields.clone())), expected, "{fields}");
    }
    listener(&bench, &other, 80, &forward(&targets));
    assert_eq!(code::<CreateListener>(&bench, good), "TargetGroupAssociationLimit");
}

#[test]
fn quotas_of_listeners_and_of_target_groups_are_kept() {
    let quotas = Quotas { listeners_per_balancer: 2, target_groups_per_balancer: 1, ..Quotas::default() };
    let bench = Bench::of(Builder::new(1).quotas(quotas));
    let (alb, one, other) = (balancer(&bench, "web"), group(&bench, "one"), group(&bench, "other"));
    listener(&bench, &alb, 80, &forward(&one));
    let too_many = code::<CreateListener>(&bench, new_listener(&alb, 81, &forward(&other)));
    assert_eq!(too_many, "TooManyUniqueTargetGroupsPerLoadBalancer");
    let second = listener(&bench, &alb, 81, &forward(&one));
    assert_eq!(code::<CreateListener>(&bench, new_listener(&alb, 82, &forward(&one))), "TooManyListeners");
    let rule = new_rule(&second, 1, &forward(&other));
    assert_eq!(code::<CreateRule>(&bench, rule), "TooManyUniqueTargetGroupsPerLoadBalancer");
}

#[test]
fn modify_sets_what_it_names_and_leaves_the_rest() {
    let bench = Bench::new();
    let (alb, targets) = (balancer(&bench, "web"), group(&bench, "web"));
    let arn = listener(&bench, &alb, 80, &forward(&targets));
    listener(&bench, &alb, 81, &fixed("200"));
    let modify = |fields| write::<ModifyListener>(&bench, with(json!({"ListenerArn": arn}), fields));
    let now = modify(json!({"Port": 8080})).unwrap()["Listeners"][0].clone();
    assert_eq!((&now["Port"], &now["DefaultActions"][0]["Type"]), (&json!(8080), &json!("forward")));
    let now = modify(json!({"DefaultActions": fixed("503")})).unwrap()["Listeners"][0].clone();
    assert_eq!((&now["Port"], &now["DefaultActions"][0]["Type"]), (&json!(8080), &json!("fixed-response")));
    assert_eq!(one(&bench, &arn), now);
    assert_eq!(modify(json!({"Port": 81})).unwrap_err(), "DuplicateListener");
    assert_eq!(modify(json!({"Protocol": "HTTPS"})).unwrap_err(), "ValidationError");
    assert_eq!(one(&bench, &arn), now, "what is refused changes nothing");
    let gone = json!({"ListenerArn": format!("{arn}x"), "Port": 1});
    assert_eq!(code::<ModifyListener>(&bench, gone), "ListenerNotFound");
}

#[test]
fn an_https_listener_has_a_certificate_and_a_default_policy() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let made = write::<CreateListener>(&bench, https(&alb, 443)).unwrap()["Listeners"][0].clone();
    assert_eq!(made["SslPolicy"], "ELBSecurityPolicy-2016-08");
    assert_eq!(made["Certificates"], json!([{"CertificateArn": ACM, "IsDefault": null}]));
    assert_eq!(made["MutualAuthentication"], json!({"Mode": "off"}));
    for (fields, expected) in [
        (json!({"Certificates": [{"CertificateArn": "web"}]}), "ValidationError"),
        (
            json!({"Certificates": [{"CertificateArn": ACM.replace("123456789012", "210987654321")}]}),
            "CertificateNotFound",
        ),
        (json!({"Certificates": [{"CertificateArn": ACM.replace("us-east-2", "us-east-1")}]}), "CertificateNotFound"),
        (json!({"Certificates": [{"CertificateArn": ACM}, {"CertificateArn": IAM}]}), "ValidationError"),
        (json!({"SslPolicy": "ELBSecurityPolicy-none"}), "SSLPolicyNotFound"),
    ] {
        assert_eq!(code::<CreateListener>(&bench, with(https(&alb, 444), fields.clone())), expected, "{fields}");
    }
}

#[test]
fn a_listener_changes_between_http_and_https_with_all_that_belongs_to_it() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let arn = listener(&bench, &alb, 443, &fixed("200"));
    let modify = |fields| write::<ModifyListener>(&bench, with(json!({"ListenerArn": arn}), fields));
    let certificate = json!({"Protocol": "HTTPS", "Certificates": [{"CertificateArn": IAM}]});
    assert_eq!(modify(certificate.clone()).unwrap_err(), "ValidationError", "the policy must be given too");
    let policy = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";
    let now = modify(with(certificate, json!({"SslPolicy": policy}))).unwrap()["Listeners"][0].clone();
    assert_eq!((&now["Protocol"], &now["SslPolicy"]), (&json!("HTTPS"), &json!(policy)));
    let now = modify(json!({"Certificates": [{"CertificateArn": ACM}]})).unwrap()["Listeners"][0].clone();
    assert_eq!((&now["Certificates"][0]["CertificateArn"], &now["SslPolicy"]), (&json!(ACM), &json!(policy)));
    assert_eq!(modify(json!({"SslPolicy": "none"})).unwrap_err(), "SSLPolicyNotFound");
    let now = modify(json!({"Protocol": "HTTP"})).unwrap()["Listeners"][0].clone();
    assert_eq!((now.get("Certificates"), &now["SslPolicy"]), (None, &Value::Null));
}

#[test]
fn certificates_are_added_listed_after_the_default_one_and_removed() {
    let bench = Bench::of(Builder::new(1).quotas(Quotas { certificates_per_balancer: 1, ..Quotas::default() }));
    let alb = balancer(&bench, "web");
    let arn = text(&write::<CreateListener>(&bench, https(&alb, 443)).unwrap()["Listeners"][0]["ListenerArn"]);
    let naming = |certificate: &str| json!({"ListenerArn": arn, "Certificates": [{"CertificateArn": certificate}]});
    let list =
        || read::<DescribeListenerCertificates>(&bench, json!({"ListenerArn": arn})).unwrap()["Certificates"].clone();
    let default = json!({"CertificateArn": ACM, "IsDefault": true});
    assert_eq!(list(), json!([default]));
    write::<AddListenerCertificates>(&bench, naming(IAM)).unwrap();
    write::<AddListenerCertificates>(&bench, naming(IAM)).unwrap();
    assert_eq!(list(), json!([default, {"CertificateArn": IAM, "IsDefault": false}]));
    assert_eq!(code::<AddListenerCertificates>(&bench, naming(ACM)), "TooManyCertificates");
    assert_eq!(code::<AddListenerCertificates>(&bench, naming("web")), "ValidationError");
    assert_eq!(code::<RemoveListenerCertificates>(&bench, naming(ACM)), "OperationNotPermitted");
    write::<RemoveListenerCertificates>(&bench, naming(IAM)).unwrap();
    assert_eq!(list(), json!([default]));
    let plain = listener(&bench, &alb, 80, &fixed("200"));
    let to_plain = json!({"ListenerArn": plain, "Certificates": [{"CertificateArn": IAM}]});
    assert_eq!(code::<AddListenerCertificates>(&bench, to_plain), "ValidationError");
}

#[test]
fn listener_attributes_depend_on_the_protocol_and_are_set_one_by_one() {
    let bench = Bench::new();
    let alb = balancer(&bench, "web");
    let plain = listener(&bench, &alb, 80, &fixed("200"));
    let tls = text(&write::<CreateListener>(&bench, https(&alb, 443)).unwrap()["Listeners"][0]["ListenerArn"]);
    let of = |arn: &str, key: &str| {
        let answer = read::<DescribeListenerAttributes>(&bench, json!({"ListenerArn": arn})).unwrap();
        answer["Attributes"].as_array().unwrap().iter().find(|one| one["Key"] == key).map(|one| text(&one["Value"]))
    };
    let (server, cipher) =
        ("routing.http.response.server.enabled", "routing.http.request.x_amzn_tls_cipher_suite.header_name");
    assert_eq!((of(&plain, server), of(&plain, cipher)), (Some("true".into()), None));
    assert_eq!(of(&tls, cipher).unwrap(), "X-Amzn-Tls-Cipher-Suite");
    let set = |arn: &str, key: &str, value: &str| {
        let request = json!({"ListenerArn": arn, "Attributes": [{"Key": key, "Value": value}]});
        write::<ModifyListenerAttributes>(&bench, request)
    };
    set(&plain, server, "false").unwrap();
    assert_eq!(of(&plain, server).unwrap(), "false");
    assert_eq!(set(&plain, cipher, "X").unwrap_err(), "ValidationError");
    assert_eq!(set(&plain, server, "no").unwrap_err(), "ValidationError");
}

#[test]
fn a_deleted_listener_is_gone_and_frees_its_groups() {
    let bench = Bench::new();
    let (alb, targets) = (balancer(&bench, "web"), group(&bench, "web"));
    let arn = listener(&bench, &alb, 80, &forward(&targets));
    let group = json!({"TargetGroupArn": targets});
    assert_eq!(code::<DeleteTargetGroup>(&bench, group.clone()), "ResourceInUse");
    assert_eq!(write::<DeleteListener>(&bench, json!({"ListenerArn": arn})), Ok(json!({})));
    assert_eq!(code::<DeleteListener>(&bench, json!({"ListenerArn": arn})), "ListenerNotFound");
    write::<DeleteTargetGroup>(&bench, group).unwrap();
}
