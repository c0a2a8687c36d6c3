//! DescribeListenerCertificates, AddListenerCertificates, RemoveListenerCertificates.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddListenerCertificates.html>

use aws_api::Bucket as Called;
use serde::{Deserialize, Serialize};

use super::common::{Done, listener, page};
use crate::cloud::api::{Bucket, Operation, Read, Sight, Write};
use crate::cloud::world::{Outcome, World, refuse};

/// A certificate that a call gives. "Set CertificateArn [...] but do not set IsDefault."
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Certificate {
    certificate_arn: String,
}

/// A certificate that an answer shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateItem {
    certificate_arn: String,
    /// "Not included in the output when describing a listener."
    is_default: Option<bool>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeListenerCertificates {
    listener_arn: String,
    marker: Option<String>,
    page_size: Option<u32>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddListenerCertificates {
    listener_arn: String,
    certificates: Vec<Certificate>,
}

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoveListenerCertificates {
    listener_arn: String,
    certificates: Vec<Certificate>,
}

/// A listener's certificates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Certificates {
    certificates: Vec<CertificateItem>,
    next_marker: Option<String>,
}

impl CertificateItem {
    /// One of which is not said whether it is the default one.
    pub(super) fn unmarked(arn: &str) -> Self {
        Self { certificate_arn: arn.to_owned(), is_default: None }
    }

    fn marked(arn: &str, is_default: bool) -> Self {
        Self { certificate_arn: arn.to_owned(), is_default: Some(is_default) }
    }
}

/// "You must provide exactly one certificate" where one is provided.
pub(super) fn only_one(given: &[Certificate]) -> Outcome<Option<&str>> {
    match given {
        [] => Ok(None),
        [one] => Ok(Some(&one.certificate_arn)),
        [_, ..] => refuse("ValidationError", "Only one certificate can be specified in a call"),
    }
}

fn exactly_one(given: &[Certificate]) -> Outcome<&str> {
    only_one(given)?.map_or_else(|| refuse("ValidationError", "A certificate must be specified"), Ok)
}

impl Operation for DescribeListenerCertificates {
    type Answer = Certificates;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Describe)
    }
}

impl Read for DescribeListenerCertificates {
    /// "If the default certificate is also in the certificate list, it appears twice in the results."
    fn answer(&self, Sight { world, .. }: &Sight<'_>) -> Outcome<Certificates> {
        let record = world.listener(&listener(&self.listener_arn)?)?;
        let mut found = Vec::new();
        if let Some(tls) = &record.tls {
            found.push(("0 default".to_owned(), CertificateItem::marked(&tls.certificate, true)));
            found.extend(tls.others.iter().map(|arn| (format!("1 {arn}"), CertificateItem::marked(arn, false))));
        }
        let (certificates, next_marker) = page(found, self.page_size, &self.marker)?;
        Ok(Certificates { certificates, next_marker })
    }
}

impl Operation for AddListenerCertificates {
    type Answer = Certificates;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for AddListenerCertificates {
    fn apply(&self, world: &mut World) -> Outcome<Certificates> {
        let arn = listener(&self.listener_arn)?;
        let certificate = exactly_one(&self.certificates)?;
        world.add_certificate(&arn, certificate)?;
        Ok(Certificates { certificates: vec![CertificateItem::marked(certificate, false)], next_marker: None })
    }
}

impl Operation for RemoveListenerCertificates {
    type Answer = Done;

    fn bucket(&self) -> Bucket {
        Bucket::Called(Called::Elbv2Mutate)
    }
}

impl Write for RemoveListenerCertificates {
    fn apply(&self, world: &mut World) -> Outcome<Done> {
        let arn = listener(&self.listener_arn)?;
        world.remove_certificate(&arn, exactly_one(&self.certificates)?)?;
        Ok(Done {})
    }
}
