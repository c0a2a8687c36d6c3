//! CreateListener, DescribeListeners, ModifyListener, DeleteListener.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use std::collections::BTreeSet;

use aws_api::Bucket as Called;
use aws_api::id::ListenerArn;
use crds_schema::spec::Protocol;
use serde::{Deserialize, Serialize};

use super::actions::{self, ActionItem};
use super::certificates::{Certificate, CertificateItem, only_one};
use super::common::{Done, at_most_20, listener, load_balancer, page, tags};
use crate::cloud::api::common::Tag;
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::certificates::{Tls, known_policy};
use crate::cloud::listeners::{ListenerRecord, NewListener, word};
use crate::cloud::world::{Outcome, World, refuse};

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateListener {
    load_balancer_arn: String,
    protocol: Option<String>,
    port: Option<u16>,
    ssl_policy: Option<String>,
    #[serde(default)]
    certificates: Vec<Certificate>,
    default_actions: Vec<ActionItem>,
    #[serde(default)]
    tags: Vec<Tag>,
    mutual_authentication: Option<MutualAuthentication>,
}

/// How clients prove who they are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MutualAuthentication {
    mode: Option<String>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeListeners {
    load_balancer_arn: Option<String>,
    #[serde(default)]
    listener_arns: Vec<String>,
    marker: Option<String>,
    page_size: Option<u32>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyListener {
    listener_arn: String,
    port: Option<u16>,
    protocol: Option<String>,
    ssl_policy: Option<String>,
    #[serde(default)]
    certificates: Vec<Certificate>,
    #[serde(default)]
    default_actions: Vec<ActionItem>,
    mutual_authentication: Option<MutualAuthentication>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteListener {
    listener_arn: String,
}

/// Listeners, perhaps not all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listeners {
    listeners: Vec<ListenerItem>,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListenerItem {
    listener_arn: String,
    load_balancer_arn: String,
    port: u16,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<CertificateItem>,
    ssl_policy: Option<String>,
    default_actions: Vec<ActionItem>,
    mutual_authentication: Option<MutualAuthentication>,
}

impl Operation for CreateListener {
    type Answer = Listeners;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for CreateListener {
    fn apply(&self, world: &mut World) -> Outcome<Listeners> {
        let balancer = load_balancer(&self.load_balancer_arn)?;
        world.balancer(&balancer)?;
        let (Some(word), Some(port)) = (self.protocol.as_deref(), self.port) else {
            return refuse("ValidationError", "A listener protocol and port must be specified");
        };
        let protocol = protocol(word)?;
        check_mode(&self.mutual_authentication)?;
        let certificate = only_one(&self.certificates)?;
        check_https(protocol, self.ssl_policy.is_some() || certificate.is_some())?;
        certificate.map_or(Ok(()), |certificate| world.check_certificate(certificate))?;
        let tls = certificate.map(|certificate| Tls::new(self.ssl_policy.as_deref(), certificate)).transpose()?;
        let action = actions::read(&self.default_actions)?;
        let arn = world.add_listener(NewListener { balancer, port, protocol, tls, action, tags: tags(&self.tags)? })?;
        one(world, &arn)
    }
}

impl Operation for DescribeListeners {
    type Answer = Listeners;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeListeners {
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Listeners> {
        at_most_20(&self.listener_arns)?;
        let found: Vec<_> = match (&self.load_balancer_arn, self.listener_arns.as_slice()) {
            (Some(arn), []) => {
                let balancer = load_balancer(arn)?;
                world.balancer(&balancer)?;
                world.listeners_of(&balancer)
            }
            (None, [_, ..]) => {
                let arns: BTreeSet<_> = self.listener_arns.iter().map(|arn| listener(arn)).collect::<Outcome<_>>()?;
                arns.iter().map(|arn| world.listener(arn)).collect::<Outcome<_>>()?
            }
            (Some(_), [_, ..]) | (None, []) => {
                let message = "You must specify either a load balancer ARN or listener ARNs";
                return refuse("ValidationError", message);
            }
        };
        let found = found.into_iter().map(|one| (one.arn.to_string(), item(one))).collect();
        let (listeners, next_marker) = page(found, self.page_size, &self.marker)?;
        Ok(Listeners { listeners, next_marker })
    }
}

impl Operation for ModifyListener {
    type Answer = Listeners;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for ModifyListener {
    /// "Any properties that you do not specify remain unchanged."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html>
    fn apply(&self, world: &mut World) -> Outcome<Listeners> {
        let arn = listener(&self.listener_arn)?;
        let was = world.listener(&arn)?.protocol;
        let protocol = self.protocol.as_deref().map_or(Ok(was), protocol)?;
        check_mode(&self.mutual_authentication)?;
        let certificate = only_one(&self.certificates)?;
        check_https(protocol, self.ssl_policy.is_some() || certificate.is_some())?;
        certificate.map_or(Ok(()), |certificate| world.check_certificate(certificate))?;
        let action = match self.default_actions.as_slice() {
            [] => None,
            given => Some(actions::read(given)?),
        };
        world.change_listener(&arn, |record| {
            record.set_protocol(protocol);
            record.port = self.port.unwrap_or(record.port);
            record.action = action.unwrap_or_else(|| record.action.clone());
            self.change_tls(record, certificate)
        })?;
        one(world, &arn)
    }
}

impl ModifyListener {
    /// "If you change the protocol from HTTP to HTTPS, [...] you must add the security policy and default certificate properties."
    fn change_tls(&self, record: &mut ListenerRecord, certificate: Option<&str>) -> Outcome<()> {
        match (&mut record.tls, certificate, self.ssl_policy.as_deref()) {
            (Some(tls), certificate, policy) => {
                tls.certificate = certificate.unwrap_or(&tls.certificate).to_owned();
                tls.policy = policy.map_or_else(|| Ok(tls.policy.clone()), known_policy)?;
            }
            (None, Some(certificate), Some(policy)) => record.tls = Some(Tls::new(Some(policy), certificate)?),
            (None, None, None) if record.protocol == Protocol::Http => {}
            (None, _, _) => {
                let message = "A certificate and a security policy must be specified for HTTPS listeners";
                return refuse("ValidationError", message);
            }
        }
        Ok(())
    }
}

impl Operation for DeleteListener {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for DeleteListener {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        world.delete_listener(&listener(&self.listener_arn)?)?;
        Ok(Done {})
    }
}

/// Those of Application Load Balancers.
fn protocol(word: &str) -> Outcome<Protocol> {
    match word {
        "HTTP" => Ok(Protocol::Http),
        "HTTPS" => Ok(Protocol::Https),
        other => refuse("ValidationError", format!("Listener protocol '{other}' must be one of 'HTTPS, HTTP'")),
    }
}

fn check_https(protocol: Protocol, asks_for_tls: bool) -> Outcome<()> {
    if protocol == Protocol::Http && asks_for_tls {
        return refuse("ValidationError", "Certificates and security policies are only for HTTPS listeners");
    }
    Ok(())
}

fn check_mode(given: &Option<MutualAuthentication>) -> Outcome<()> {
    match given.as_ref().and_then(|given| given.mode.as_deref()) {
        None | Some("off") => Ok(()),
        Some(other) => refuse("ValidationError", format!("mutual authentication of mode '{other}' is not modelled")),
    }
}

fn one(world: &World, arn: &ListenerArn) -> Outcome<Listeners> {
    Ok(Listeners { listeners: vec![item(world.listener(arn)?)], next_marker: None })
}

fn item(record: &ListenerRecord) -> ListenerItem {
    let certificate = |tls: &Tls| CertificateItem::unmarked(&tls.certificate);
    ListenerItem {
        listener_arn: record.arn.to_string(),
        load_balancer_arn: record.balancer.to_string(),
        port: record.port,
        protocol: word(record.protocol),
        certificates: record.tls.iter().map(certificate).collect(),
        ssl_policy: record.tls.as_ref().map(|tls| tls.policy.clone()),
        default_actions: actions::show(&record.action),
        mutual_authentication: record.tls.as_ref().map(|_| MutualAuthentication { mode: Some("off".into()) }),
    }
}
