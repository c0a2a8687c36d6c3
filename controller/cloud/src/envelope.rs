//! How a service wraps its answers and refusals, and with which HTTP status.
//!
//! EC2: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html>. ELBv2 and STS:
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use simulator::cloud::Refusal;

use crate::caller::Service;
use crate::parameters::Wrong;
use crate::xml::{Unwritable, Xml};

/// A service of the Query protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Query {
    /// Amazon EC2.
    Ec2,
    /// Elastic Load Balancing v2.
    Elbv2,
    /// Security Token Service.
    Sts,
}

impl Query {
    /// The service, if it speaks this protocol.
    pub fn of(service: Service) -> Option<Self> {
        match service {
            Service::Ec2 => Some(Self::Ec2),
            Service::Elbv2 => Some(Self::Elbv2),
            Service::Sts => Some(Self::Sts),
            Service::Ssm | Service::DynamoDb => None,
        }
    }

    /// The version of the API that is modelled.
    fn version(self) -> &'static str {
        match self {
            Self::Ec2 => "2016-11-15",
            Self::Elbv2 => "2015-12-01",
            Self::Sts => "2011-06-15",
        }
    }

    /// Refuses a call to another version of the API.
    ///
    /// # Errors
    /// With what AWS answers to a version that does not exist.
    pub fn check_version(self, version: Option<&str>, action: &str) -> Result<(), Refusal> {
        let Some(other) = version.filter(|version| *version != self.version()) else { return Ok(()) };
        let (code, message) = match self {
            Self::Ec2 => {
                ("NoSuchVersion", format!("The requested version ({other}) of service AmazonEC2 does not exist"))
            }
            Self::Elbv2 | Self::Sts => {
                ("InvalidAction", format!("Could not find operation {action} for version {other}"))
            }
        };
        Err(Refusal { code, message })
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Elbv2 => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    /// The refusal of a call whose bucket is empty.
    pub fn throttled(self) -> Refusal {
        let (code, message) = match self {
            Self::Ec2 => ("RequestLimitExceeded", "Request limit exceeded."),
            Self::Elbv2 | Self::Sts => ("Throttling", "Rate exceeded"),
        };
        Refusal { code, message: message.into() }
    }

    /// A refusal for parameters that cannot be read.
    pub fn misread(self, wrong: &Wrong) -> Refusal {
        let code = match (self, wrong) {
            (_, Wrong::Unknown { .. }) => "UnsupportedOperation",
            (Self::Elbv2 | Self::Sts, _) => "ValidationError",
            (Self::Ec2, Wrong::Missing { .. }) => "MissingParameter",
            (Self::Ec2, Wrong::Invalid { .. } | Wrong::TooMany) => "InvalidParameterValue",
        };
        Refusal { code, message: wrong.to_string() }
    }

    /// The body of an answer.
    ///
    /// # Errors
    /// When the answer has no place in XML, which is a mistake of this program.
    pub fn answer<T: Serialize>(self, action: &str, answer: &T, request_id: &str) -> Result<Vec<u8>, Unwritable> {
        let response = format!("{action}Response");
        let mut xml = Xml::new(if self == Self::Ec2 { "item" } else { "member" });
        xml.declare()?;
        xml.open(&response, Some(self.namespace()))?;
        if self == Self::Ec2 {
            xml.text("requestId", request_id)?;
            xml.fields(answer)?;
        } else {
            let result = format!("{action}Result");
            xml.open(&result, None)?;
            xml.fields(answer)?;
            xml.close(&result)?;
            xml.open("ResponseMetadata", None)?;
            xml.text("RequestId", request_id)?;
            xml.close("ResponseMetadata")?;
        }
        xml.close(&response)?;
        Ok(xml.finish())
    }

    /// The body of a refusal.
    ///
    /// # Errors
    /// None in memory.
    pub fn refusal(self, refusal: &Refusal, request_id: &str) -> Result<Vec<u8>, Unwritable> {
        let mut xml = Xml::new("item");
        xml.declare()?;
        if self == Self::Ec2 {
            xml.open("Response", None)?;
            xml.open("Errors", None)?;
            xml.open("Error", None)?;
            xml.text("Code", refusal.code)?;
            xml.text("Message", &refusal.message)?;
            xml.close("Error")?;
            xml.close("Errors")?;
            xml.text("RequestID", request_id)?;
            xml.close("Response")?;
        } else {
            xml.open("ErrorResponse", Some(self.namespace()))?;
            xml.open("Error", None)?;
            xml.text("Type", if status(refusal.code).is_server_error() { "Receiver" } else { "Sender" })?;
            xml.text("Code", refusal.code)?;
            xml.text("Message", &refusal.message)?;
            xml.close("Error")?;
            xml.text("RequestId", request_id)?;
            xml.close("ErrorResponse")?;
        }
        Ok(xml.finish())
    }
}

/// The HTTP status of a refusal: "client errors" are 4xx, "server errors" 5xx.
pub fn status(code: &str) -> StatusCode {
    match code {
        "InternalError" | "InternalFailure" | "InsufficientInstanceCapacity" | "InsufficientCapacity" => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        "RequestLimitExceeded" | "Unavailable" | "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
        "DryRunOperation" => StatusCode::PRECONDITION_FAILED,
        "UnauthorizedOperation" | "AuthFailure" | "AccessDenied" => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}
