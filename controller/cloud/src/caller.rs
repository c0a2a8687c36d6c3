//! Who asks, and which service in which region: from the credential's scope, or else from what is asked.
//!
//! Signatures are not checked: there is nothing to protect from whoever can reach a loopback port.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use http::HeaderMap;

use crate::parameters::Node;

/// A service that answers here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon EC2.
    Ec2,
    /// Elastic Load Balancing v2.
    Elbv2,
    /// Security Token Service.
    Sts,
    /// Systems Manager.
    Ssm,
    /// DynamoDB and its streams.
    DynamoDb,
}

impl Service {
    /// As a credential's scope names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Elbv2 => "elasticloadbalancing",
            Self::Sts => "sts",
            Self::Ssm => "ssm",
            Self::DynamoDb => "dynamodb",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The access key, if the request names one.
    pub access_key: Option<String>,
    /// The region, if the request names one.
    pub region: Option<String>,
    /// The service as the credential names it.
    scope: Option<String>,
}

impl Caller {
    /// The caller that a request's headers tell of, or its query where it is signed there.
    pub fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let header = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let in_header = header.and_then(|text| text.split("Credential=").nth(1)).map(|rest| {
            let end = rest.find([',', ' ']).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        let in_query = || {
            let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            pairs.into_iter().find(|(name, _)| name == "X-Amz-Credential").map(|(_, value)| value.into_owned())
        };
        let scope = in_header.or_else(in_query).unwrap_or_default();
        let mut parts = scope.split('/').map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
        let access_key = parts.next().flatten();
        let region = parts.nth(1).flatten();
        Self { access_key, region, scope: parts.next().flatten() }
    }

    /// Whether DynamoDB is asked, as far as the headers tell.
    pub fn is_of_dynamodb(&self, headers: &HeaderMap) -> bool {
        self.service(headers, &Node::default()) == Some(Service::DynamoDb)
    }

    /// The service that is asked, if it is one that answers here.
    pub fn service(&self, headers: &HeaderMap, parameters: &Node) -> Option<Service> {
        let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self.scope.as_deref() {
            Some("ec2") => return Some(Service::Ec2),
            Some("elasticloadbalancing") => return Some(Service::Elbv2),
            Some("sts") => return Some(Service::Sts),
            Some("ssm") => return Some(Service::Ssm),
            Some("dynamodb") => return Some(Service::DynamoDb),
            Some(_) | None => {}
        }
        match (target.split('.').next().unwrap_or_default(), parameters.leaf("Version")) {
            ("DynamoDB_20120810" | "DynamoDBStreams_20120810", _) => Some(Service::DynamoDb),
            ("AmazonSSM", _) => Some(Service::Ssm),
            (_, Some("2016-11-15")) => Some(Service::Ec2),
            (_, Some("2015-12-01")) => Some(Service::Elbv2),
            (_, Some("2011-06-15")) => Some(Service::Sts),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_scope_of_the_credential_says_service_and_region() {
        let mut headers = HeaderMap::new();
        let signed =
            "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert("authorization", signed.parse().unwrap());
        let caller = Caller::of(&headers, None);
        assert_eq!((caller.access_key.as_deref(), caller.region.as_deref()), (Some("AKID"), Some("eu-west-1")));
        let nothing = Node::tree([]).unwrap();
        assert_eq!(caller.service(&headers, &nothing), Some(Service::Ec2));
        let query = "X-Amz-Credential=AKID%2F20261126%2Fus-east-2%2Fsts%2Faws4_request";
        let caller = Caller::of(&HeaderMap::new(), Some(query));
        assert_eq!(caller.service(&HeaderMap::new(), &nothing), Some(Service::Sts));
    }

    #[test]
    fn without_a_credential_the_version_or_the_target_says_the_service() {
        let caller = Caller::of(&HeaderMap::new(), None);
        let of = |version: &str| {
            caller.service(&HeaderMap::new(), &Node::tree([("Version".to_owned(), version.to_owned())]).unwrap())
        };
        assert_eq!(
            (of("2016-11-15"), of("2015-12-01"), of("2012-06-01")),
            (Some(Service::Ec2), Some(Service::Elbv2), None)
        );
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", "DynamoDBStreams_20120810.ListStreams".parse().unwrap());
        assert_eq!(caller.service(&headers, &Node::tree([]).unwrap()), Some(Service::DynamoDb));
    }
}
