//! The security policy and the certificates of an HTTPS listener.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html>. Any certificate of ACM or IAM
//! in this account (and region) is taken to exist: nothing here makes any.

use std::collections::BTreeSet;

use aws_api::id::ListenerArn;

use super::ssl_policies;
use super::world::{Outcome, World, refuse};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub policy: String,
    /// The default certificate.
    pub certificate: String,
    /// The certificate list, which does not begin with the default one in it.
    pub others: BTreeSet<String>,
}

impl Tls {
    /// That policy, else "the default security policy" of "other methods" than the console.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
    pub fn new(policy: Option<&str>, certificate: &str) -> Outcome<Self> {
        let policy = known_policy(policy.unwrap_or(ssl_policies::DEFAULT))?;
        Ok(Self { policy, certificate: certificate.to_owned(), others: BTreeSet::new() })
    }
}

/// The name of a policy that AWS has.
pub(crate) fn known_policy(name: &str) -> Outcome<String> {
    match ssl_policies::find(name) {
        Some(policy) => Ok(policy.name.to_owned()),
        None => refuse("SSLPolicyNotFound", format!("SSL policy '{name}' not found")),
    }
}

impl World {
    /// Whether that certificate can be used here: well formed, of this account, and one of ACM of this region.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscertificatemanager.html>,
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>
    pub(crate) fn check_certificate(&self, arn: &str) -> Outcome<()> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let (region, account, named) = match parts.as_slice() {
            ["arn", "aws", "acm", region, account, name] => {
                (Some(*region), *account, name.strip_prefix("certificate/"))
            }
            ["arn", "aws", "iam", "", account, name] => (None, *account, name.strip_prefix("server-certificate/")),
            _ => (None, "", None),
        };
        if !named.is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace)) {
            return refuse("ValidationError", format!("Certificate ARN '{arn}' is not valid"));
        }
        if account != self.config.account || region.is_some_and(|region| region != self.config.region) {
            return refuse("CertificateNotFound", format!("Certificate '{arn}' not found"));
        }
        Ok(())
    }

    /// "If the certificate is already in the certificate list, the call is successful but the certificate is not added again."
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddListenerCertificates.html>
    pub(crate) fn add_certificate(&mut self, arn: &ListenerArn, certificate: &str) -> Outcome<()> {
        let listener = self.listener(arn)?;
        self.check_certificate(certificate)?;
        let of_balancer = self.listeners_of(&listener.balancer).into_iter().filter_map(|one| one.tls.as_ref());
        let count: usize = of_balancer.map(|tls| tls.others.len()).sum();
        let max = self.config.quotas.certificates_per_balancer;
        let Some(tls) = &mut self.listener_mut(arn)?.tls else { return not_https(arn) };
        if !tls.others.contains(certificate) && count >= max {
            return refuse("TooManyCertificates", "The limit on the number of certificates has been reached");
        }
        tls.others.insert(certificate.to_owned());
        Ok(())
    }

    /// The default certificate can only be replaced.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RemoveListenerCertificates.html>
    pub(crate) fn remove_certificate(&mut self, arn: &ListenerArn, certificate: &str) -> Outcome<()> {
        let Some(tls) = &mut self.listener_mut(arn)?.tls else { return not_https(arn) };
        if !tls.others.remove(certificate) && tls.certificate == certificate {
            let message = format!("The default certificate '{certificate}' cannot be removed from the listener");
            return refuse("OperationNotPermitted", message);
        }
        Ok(())
    }
}

fn not_https<T>(arn: &ListenerArn) -> Outcome<T> {
    refuse("ValidationError", format!("Certificates can only be set for HTTPS listeners, and '{arn}' is none"))
}
