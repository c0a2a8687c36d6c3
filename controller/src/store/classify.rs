//! From the SDK's errors to [`StoreError`], by their codes.
//!
//! Callers above branch on the variant; text is for people. Codes that AWS's services share are judged by
//! [`aws_api::kind_of`]; here stand only DynamoDB's own:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.

use std::error::Error;

use aws_api::{ErrorKind, kind_of};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use ports::{Sent, StoreError};

use crate::proxies;
use crate::wire::Wire;

/// One call, for what its errors have to name.
#[derive(Debug)]
pub(super) struct Call {
    operation: &'static str,
    table: String,
    /// To be given to the call as an interceptor.
    pub(super) wire: Wire,
}

impl Call {
    pub(super) fn new(operation: &'static str, table: &str) -> Self {
        Self { operation, table: table.to_owned(), wire: Wire::default() }
    }

    /// What it means that the call ended so.
    pub(super) fn failed<E>(&self, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let message = || chain(error);
        if lacks_credentials(error) {
            let message = message() + &proxies::of_credentials();
            return self.unless_uncertain(StoreError::NoCredentials { message });
        }
        match error {
            // A proxy's own answer, such as that it asks for a password: DynamoDB's refusals have codes.
            SdkError::ServiceError(service) if service.err().code().is_none() && self.wire.is_by_proxy() => {
                let endpoint = self.wire.endpoint().unwrap_or_default();
                let message = format!("HTTP {} without an error code", service.raw().status());
                StoreError::Unanswered { endpoint, message, sent: self.sent() }
            }
            SdkError::ServiceError(service) => self.refused(service.err()),
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
                match self.wire.endpoint() {
                    Some(endpoint) => StoreError::Unanswered { endpoint, message: message(), sent: self.sent() },
                    // It did not come to be sent: no region, no way to sign, no time left.
                    None => self.other(message()),
                }
            }
            SdkError::ConstructionFailure(_) | _ => self.other(message()),
        }
    }

    /// The same for a transaction, which tells apart whose fault it was.
    pub(super) fn transaction_failed(&self, error: &SdkError<TransactWriteItemsError>) -> StoreError {
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return self.failed(error);
        };
        let reasons: Vec<(&str, &str)> = canceled
            .cancellation_reasons()
            .iter()
            .map(|reason| (reason.code().unwrap_or("None"), reason.message().unwrap_or_default()))
            .collect();
        self.canceled(&reasons)
    }

    /// A failure of ours, or one that has no name.
    pub(super) fn other(&self, message: impl Into<String>) -> StoreError {
        StoreError::Failed { operation: self.operation.to_owned(), message: message.into() }
    }

    /// Too much was asked at once.
    pub(super) fn throttled(&self, message: impl Into<String>) -> StoreError {
        self.unless_uncertain(StoreError::Throttled { message: message.into() })
    }

    fn refused(&self, error: &impl ProvideErrorMetadata) -> StoreError {
        let code = error.code().unwrap_or("no error code");
        let message = format!("{code}: {}", error.message().unwrap_or("no message"));
        match code {
            "ResourceNotFoundException" => StoreError::TableMissing { table: self.table.clone() },
            "ConditionalCheckFailedException" => StoreError::ConditionFailed { failed: vec![0] },
            "TransactionConflictException" | "ReplicatedWriteConflictException" => {
                self.unless_uncertain(StoreError::TransactionConflict)
            }
            "IncompleteSignatureException" | "InvalidSignatureException" | "MissingAuthenticationTokenException" => {
                self.denied(code, message)
            }
            code => match kind_of(code) {
                ErrorKind::Throttled => self.throttled(message),
                ErrorKind::Denied => self.denied(code, message),
                ErrorKind::Conflict
                | ErrorKind::NotFound
                | ErrorKind::Exists
                | ErrorKind::Capacity
                | ErrorKind::Invalid
                | ErrorKind::Transient
                | ErrorKind::Bug => self.other(message),
            },
        }
    }

    /// What the reasons of a cancelled transaction, one per part, come to. A condition that did not hold is the most
    /// certain of them; a part that can never go through comes before those that may at the next try.
    fn canceled(&self, reasons: &[(&str, &str)]) -> StoreError {
        let places = |code: &str| -> Vec<usize> {
            reasons.iter().enumerate().filter(|(_, reason)| reason.0 == code).map(|(place, _)| place).collect()
        };
        let failed = places("ConditionalCheckFailed");
        if !failed.is_empty() {
            return StoreError::ConditionFailed { failed };
        }
        let text = |of: &dyn Fn(&str) -> bool| -> Option<String> {
            let said: Vec<String> = reasons
                .iter()
                .enumerate()
                .filter(|(_, (code, _))| of(code))
                .map(|(place, (code, message))| format!("part {place}: {code}: {message}"))
                .collect();
            (!said.is_empty()).then(|| said.join("; "))
        };
        let is_throttle = |code: &str| matches!(code, "ThrottlingError" | "ProvisionedThroughputExceeded");
        if let Some(said) = text(&|code| code == "AccessDenied") {
            return self.denied("AccessDenied", said);
        }
        if let Some(said) = text(&|code| code != "None" && code != "TransactionConflict" && !is_throttle(code)) {
            return self.other(said);
        }
        if !places("TransactionConflict").is_empty() {
            return self.unless_uncertain(StoreError::TransactionConflict);
        }
        match text(&is_throttle) {
            Some(said) => self.throttled(said),
            None => self.other("the transaction was cancelled without a reason"),
        }
    }

    fn denied(&self, code: &str, message: String) -> StoreError {
        let action = match self.operation {
            // It has no IAM action of its own.
            "TransactWriteItems" => "dynamodb:PutItem, DeleteItem or ConditionCheckItem".to_owned(),
            operation => format!("dynamodb:{operation}"),
        };
        StoreError::Denied { action, resource: format!("table/{}", self.table), code: code.to_owned(), message }
    }

    fn sent(&self) -> Sent {
        let reads = ["Get", "BatchGet", "Query", "Describe", "List"];
        if !self.wire.is_uncertain() {
            Sent::Nothing
        } else if reads.iter().any(|read| self.operation.starts_with(read)) {
            Sent::Read
        } else {
            Sent::Write
        }
    }

    /// That error, which says that nothing was written, unless an attempt before it may have written.
    fn unless_uncertain(&self, error: StoreError) -> StoreError {
        match self.wire.endpoint().filter(|_| self.wire.is_uncertain()) {
            Some(endpoint) => {
                let message = format!("{error}, after an attempt that was not answered");
                StoreError::Unanswered { endpoint, message, sent: self.sent() }
            }
            None => error,
        }
    }
}

/// An error and what caused it, each said once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
    }
    said.join(": ")
}

/// Whether there were none, or those that there were are of no use, such as an SSO session that has ended.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<CredentialsError>())
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| Error::source(*cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canceled(codes: &[&str]) -> StoreError {
        let reasons: Vec<(&str, &str)> = codes.iter().map(|code| (*code, "")).collect();
        Call::new("TransactWriteItems", "t").canceled(&reasons)
    }

    #[test]
    fn a_cancelled_transaction_names_every_part_whose_condition_failed() {
        let codes = ["None", "ConditionalCheckFailed", "TransactionConflict", "ConditionalCheckFailed"];
        assert_eq!(canceled(&codes), StoreError::ConditionFailed { failed: vec![1, 3] });
    }

    #[test]
    fn a_conflict_is_no_failed_condition() {
        assert_eq!(canceled(&["None", "TransactionConflict"]), StoreError::TransactionConflict);
        assert_eq!(canceled(&["TransactionConflict", "ThrottlingError"]), StoreError::TransactionConflict);
    }

    #[test]
    fn a_part_that_can_never_go_through_is_not_tried_again() {
        assert!(matches!(canceled(&["TransactionConflict", "ValidationError"]), StoreError::Failed { .. }));
        assert!(matches!(canceled(&["TransactionConflict", "AccessDenied"]), StoreError::Denied { .. }));
        assert!(matches!(canceled(&["None"]), StoreError::Failed { .. }));
        assert!(matches!(canceled(&["ThrottlingError"]), StoreError::Throttled { .. }));
    }
}
