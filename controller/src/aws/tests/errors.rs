//! What a failed call is taken for, and how often it is sent.

use std::collections::BTreeSet;

use aws_api::ec2::{ChangeRules, Direction, InstanceWrite, Peer, Rule, SecurityGroupWrite};
use aws_api::elbv2::LoadBalancerRead;
use aws_api::id::{InstanceId, SecurityGroupId};
use aws_api::{CloudError, ErrorKind, Read, Ref, Reply, Request, Write};
use aws_smithy_runtime_api::client::result::SdkError;
use ports::Cloud;

use super::super::{Aws, config};
use super::requests::{create_group, create_listener, create_load_balancer, create_target_group, launch};
use super::{Answers, CALL_MAX, REGION, REQUEST_ID, Wire};

fn ec2_error(code: &str, message: &str) -> String {
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
    )
}

fn elbv2_error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>f9880f01-7852-629d-a6c3-example</RequestId>\
         </ErrorResponse>"
    )
}

fn terminate() -> Write {
    Write::Instance(InstanceWrite::Terminate { instance: InstanceId::parse("i-1").unwrap() })
}

fn load_balancers() -> Read {
    Read::LoadBalancer(LoadBalancerRead::Describe { names: vec!["web".into()] })
}

/// The error of a call that is answered so each time that the SDK sends it.
async fn failed(status: u16, body: String) -> CloudError {
    let again = std::iter::repeat_n(Answers::With(status, body), 2);
    Wire::that(again).write(terminate()).await.unwrap_err()
}

#[tokio::test]
async fn aws_code_words_and_request_id_are_kept() {
    let words = "You are not authorized to perform this operation. Encoded authorization failure message: 4Gx";
    let error = failed(403, ec2_error("UnauthorizedOperation", words)).await;
    assert_eq!(error.kind, ErrorKind::Denied);
    assert_eq!(error.code.as_deref(), Some("UnauthorizedOperation"));
    assert_eq!(error.message, words);
    assert_eq!(error.request_id.as_deref(), Some(REQUEST_ID));
    assert!(error.is_definite());
    let missing = elbv2_error("LoadBalancerNotFound", "One or more load balancers not found");
    let error = Wire::with(400, &missing).read(load_balancers()).await.unwrap_err();
    assert!(error.is("LoadBalancerNotFound"), "{error}");
    assert_eq!(error.request_id.as_deref(), Some(REQUEST_ID));
}

#[tokio::test]
async fn what_aws_may_have_done_is_never_definite() {
    for (status, code, kind, definite) in [
        (500, "InsufficientInstanceCapacity", ErrorKind::Capacity, true),
        (500, "InternalError", ErrorKind::Transient, false),
        (500, "InternalFailure", ErrorKind::Transient, false),
        (503, "Unavailable", ErrorKind::Transient, false),
        (503, "RequestLimitExceeded", ErrorKind::Throttled, false),
        (400, "InvalidInstanceID.NotFound", ErrorKind::NotFound, true),
        (400, "InvalidParameterValue", ErrorKind::Invalid, true),
        (400, "ACodeOfTomorrow", ErrorKind::Invalid, true),
        (500, "ACodeOfTomorrow", ErrorKind::Transient, false),
    ] {
        let error = failed(status, ec2_error(code, "words")).await;
        assert_eq!((error.kind, error.is_definite()), (kind, definite), "{status} {code}");
        assert!(error.is(code));
    }
}

#[tokio::test]
async fn a_lost_reply_is_transient_whatever_it_was() {
    for answer in [
        Answers::Reset,
        Answers::Never,
        Answers::With(502, "<html>Bad Gateway</html>".to_owned()),
        Answers::With(200, "<html>Welcome to the hotel</html>".to_owned()),
    ] {
        let wire = Wire::that([answer.clone(), answer.clone()]);
        let error = wire.write(terminate()).await.unwrap_err();
        assert_eq!(
            (error.kind, error.code.clone(), error.is_definite()),
            (ErrorKind::Transient, None, false),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_named_by_its_url() {
    for answer in [Answers::Reset, Answers::Never, Answers::With(502, "<html>Bad Gateway</html>".to_owned())] {
        let errors = [
            Wire::that([answer.clone(), answer.clone()]).write(terminate()).await.unwrap_err(),
            Wire::that([answer.clone(), answer.clone()]).read(load_balancers()).await.unwrap_err(),
        ];
        for error in errors {
            assert!(error.message.starts_with("http://aws.example: "), "{answer:?}: {error}");
        }
    }
    let error = failed(403, ec2_error("UnauthorizedOperation", "words")).await;
    assert_eq!(error.message, "words", "who answered need not be named");
}

#[tokio::test]
async fn a_read_is_tried_twice_and_a_create_once() {
    let wire = Wire::that([Answers::Reset, Answers::With(200, NO_BALANCERS.to_owned())]);
    assert_eq!(wire.read(load_balancers()).await, Ok(Reply::LoadBalancers(vec![])));
    assert_eq!(wire.requests(), 2);
    let run = Write::Instance(InstanceWrite::Run(Box::new(launch())));
    for create in [run, create_group(), create_load_balancer(), create_target_group(), create_listener()] {
        let wire = Wire::that([Answers::Reset, Answers::Reset]);
        wire.write(create).await.unwrap_err();
        assert_eq!(wire.requests(), 1, "the loop looks for what the first attempt may have made");
    }
}

const NO_BALANCERS: &str = "<DescribeLoadBalancersResponse \
    xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
    <DescribeLoadBalancersResult><LoadBalancers/></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>";

#[tokio::test]
async fn without_credentials_the_chain_is_named() {
    let wire = Wire::default();
    let config = config::load(&super::asked(), CALL_MAX).await.to_builder();
    let config = config.http_client(wire.client()).credentials_provider(NoCredentials::shared()).build();
    let error = Aws::new(config).call(REGION, Request::Write(terminate())).await.unwrap_err();
    assert_eq!((error.kind, error.is_definite(), wire.requests()), (ErrorKind::Denied, false, 0));
    assert!(error.message.contains("no providers in chain") && error.message.contains("AWS_PROFILE"), "{error}");
    assert!(!error.message.contains("aws.example"), "AWS was not asked: {error}");
}

#[derive(Debug)]
struct NoCredentials;

impl NoCredentials {
    fn shared() -> aws_credential_types::provider::SharedCredentialsProvider {
        aws_credential_types::provider::SharedCredentialsProvider::new(Self)
    }
}

impl aws_credential_types::provider::ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let none = aws_credential_types::provider::error::CredentialsError::not_loaded("no providers in chain");
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(none))
    }
}

#[test]
fn a_request_that_cannot_be_built_is_ours_to_mend() {
    type Error = aws_sdk_ec2::operation::terminate_instances::TerminateInstancesError;
    let error = SdkError::<Error, _>::construction_failure("no instance id");
    let error = super::super::classify::classify(aws_api::Operation::TerminateInstances, error).at(None);
    assert_eq!((error.kind, error.is_definite()), (ErrorKind::Bug, false));
}

#[tokio::test]
async fn a_revoked_rule_that_was_not_there_is_not_found() {
    let rule = Rule { protocol: "tcp".into(), from: Some(22), to: Some(22), peer: Peer::PrefixList("pl-1".into()) };
    let group = Ref::Id(SecurityGroupId::parse("sg-1").unwrap());
    let revoke = ChangeRules { group, direction: Direction::Ingress, rules: BTreeSet::from([rule]) };
    let reply = |unknown: &str| {
        format!(
            "<RevokeSecurityGroupIngressResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <requestId>59dbff89</requestId><return>true</return>{unknown}</RevokeSecurityGroupIngressResponse>"
        )
    };
    let done =
        Wire::with(200, &reply("")).write(Write::SecurityGroup(SecurityGroupWrite::Revoke(revoke.clone()))).await;
    assert_eq!(done, Ok(Reply::Done));
    let unknown = "<unknownIpPermissionSet><item><ipProtocol>tcp</ipProtocol></item></unknownIpPermissionSet>";
    let error = Wire::with(200, &reply(unknown))
        .write(Write::SecurityGroup(SecurityGroupWrite::Revoke(revoke)))
        .await
        .unwrap_err();
    assert!(error.is("InvalidPermission.NotFound") && error.kind == ErrorKind::NotFound, "{error}");
    assert_eq!(error.request_id.as_deref(), Some(REQUEST_ID));
}
