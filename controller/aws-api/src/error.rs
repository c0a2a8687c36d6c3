//! Errors of AWS calls, and the one table from error codes to what they mean.
//!
//! Callers branch on [`ErrorKind`] and on [`CloudError::is_definite`]; nobody matches message text.
//! Codes: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html> and
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>.

use std::fmt;
use std::time::Duration;

use crate::operation::Operation;
use crate::reference::ResourceKind;

/// What kind of failure it was: by [`kind_of`], from AWS's error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// Too many calls; try later, more slowly.
    Throttled,
    /// Something else uses it, or it changed meanwhile; try again after looking.
    Conflict,
    /// It does not exist, or is not visible yet.
    NotFound,
    /// It exists already.
    Exists,
    /// AWS has no room: capacity, or a quota.
    Capacity,
    /// Credentials or permissions.
    Denied,
    /// The request is wrong; the same one will fail again.
    Invalid,
    /// It may have worked, and may work when tried again.
    Transient,
    /// Ours: a reply that makes no sense, or a request that was not ready to be sent.
    Bug,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
            Self::NotFound => "not found",
            Self::Exists => "exists already",
            Self::Capacity => "no capacity",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Transient => "transient",
            Self::Bug => "bug",
        })
    }
}

/// An AWS call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}{message}", code.as_ref().map(|c| format!("{c}: ")).unwrap_or_default())]
pub struct CloudError {
    /// Which call.
    pub operation: Operation,
    /// AWS's error code; absent when no reply came, or one without a code.
    pub code: Option<String>,
    /// AWS's words, or those of the transport.
    pub message: String,
    /// AWS's id of the request, for its support.
    pub request_id: Option<String>,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// In how long our own share of the quota has room for it: it was not sent for want of that, and AWS knows nothing of it.
    pub room_in: Option<Duration>,
}

impl CloudError {
    /// A failure that AWS named by `code`.
    pub fn coded(operation: Operation, code: impl Into<String>, message: impl Into<String>) -> Self {
        let code = code.into();
        let kind = kind_of(&code);
        Self { operation, code: Some(code), message: message.into(), request_id: None, kind, room_in: None }
    }

    /// A failure without a reply: a timeout, a reset, an endpoint that does not answer.
    pub fn unanswered(operation: Operation, message: impl Into<String>) -> Self {
        let kind = ErrorKind::Transient;
        Self { operation, code: None, message: message.into(), request_id: None, kind, room_in: None }
    }

    /// One that was not sent: our own share of the quota has room for it only in so long.
    pub fn unsent(operation: Operation, room_in: Duration) -> Self {
        let message = format!("not sent: our share of the quota has room in {} ms only", room_in.as_millis());
        Self { kind: ErrorKind::Throttled, room_in: Some(room_in), ..Self::unanswered(operation, message) }
    }

    /// A fault of ours.
    pub fn bug(operation: Operation, message: impl Into<String>) -> Self {
        let kind = ErrorKind::Bug;
        Self { operation, code: None, message: message.into(), request_id: None, kind, room_in: None }
    }

    /// Whether AWS certainly did nothing. Only such a failure closes an intent (promise I1).
    pub fn is_definite(&self) -> bool {
        match self.kind {
            ErrorKind::Throttled | ErrorKind::Transient => false,
            // A reply that could not be read says nothing of its effect.
            ErrorKind::Bug => false,
            ErrorKind::Conflict
            | ErrorKind::NotFound
            | ErrorKind::Exists
            | ErrorKind::Capacity
            | ErrorKind::Denied
            | ErrorKind::Invalid => self.code.is_some(),
        }
    }

    /// Whether AWS named the failure so.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// The table. A code that is not in it is judged by its form; see the last lines.
pub fn kind_of(code: &str) -> ErrorKind {
    use ErrorKind::{Capacity, Conflict, Denied, Exists, Invalid, NotFound, Throttled, Transient};
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "EC2ThrottledException"
        | "ProvisionedThroughputExceededException"
        | "SlowDown" => Throttled,

        "InternalError" | "InternalFailure" | "InternalServerError" | "ServiceUnavailable" | "Unavailable"
        | "RequestTimeout" | "RequestTimeoutException" => Transient,

        "InsufficientInstanceCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientFreeAddressesInSubnet"
        | "InsufficientAddressCapacity"
        | "InsufficientCapacity"
        | "InstanceLimitExceeded"
        | "VcpuLimitExceeded"
        | "MaxSpotInstanceCountExceeded"
        | "SpotMaxPriceTooLow"
        | "VolumeLimitExceeded"
        // A type that a zone lacks counts as missing capacity in that zone.
        | "Unsupported"
        | "UnsupportedOperation"
        | "SecurityGroupLimitExceeded"
        | "RulesPerSecurityGroupLimitExceeded"
        | "SecurityGroupsPerInstanceLimitExceeded"
        | "TooManyLoadBalancers"
        | "TooManyTargetGroups"
        | "TooManyListeners"
        | "TooManyTargets"
        | "TooManyRegistrationsForTargetId" => Capacity,

        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "OptInRequired"
        | "PendingVerification"
        | "Blocked"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "IncompleteSignature" => Denied,

        "DependencyViolation" | "ResourceInUse" | "IncorrectState" | "IncorrectInstanceState" | "InvalidGroup.InUse"
        | "OperationNotPermitted" | "TransactionConflictException" | "InvalidState" => Conflict,

        "InvalidGroup.Duplicate"
        | "InvalidPermission.Duplicate"
        | "DuplicateListener"
        | "DuplicateLoadBalancerName"
        | "DuplicateTargetGroupName" => Exists,

        "LoadBalancerNotFound" | "TargetGroupNotFound" | "ListenerNotFound" | "RuleNotFound" | "InvalidAMIID.Unavailable" => NotFound,

        // EC2 names each missing thing `Invalid<What>ID.NotFound`, `Invalid<What>.NotFound` and the like.
        _ if code.ends_with(".NotFound") || code.ends_with("NotFoundException") => NotFound,
        _ => Invalid,
    }
}

/// The kind of thing that AWS says by `code` that it does not know.
pub fn unknown_kind(code: &str) -> Option<ResourceKind> {
    match code {
        "InvalidGroup.NotFound"
        | "InvalidGroupId.NotFound"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidSecurityGroup" => Some(ResourceKind::SecurityGroup),
        "InvalidInstanceID.NotFound" | "InvalidTarget" => Some(ResourceKind::Instance),
        "LoadBalancerNotFound" => Some(ResourceKind::LoadBalancer),
        "TargetGroupNotFound" => Some(ResourceKind::TargetGroup),
        "ListenerNotFound" => Some(ResourceKind::Listener),
        _ => None,
    }
}
