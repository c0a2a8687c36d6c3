//! What became of a call: the SDK's result as our answer or our error.
//!
//! In: the SDK's result of any operation. Out: an [`Answer`] with AWS's request id, or a [`CloudError`] whose kind says
//! what to do and whether it is certain that nothing was done, and [`Failed`] whether anybody answered.
//! Never: reads message text to decide. The table of codes is [`aws_api::kind_of`].

use std::error::Error;

use aws_api::{CloudError, ErrorKind, Operation, Ref, Reply};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::convert::Unreadable;
use super::{Answer, Answered, Failed};
use crate::proxies;

/// Where credentials are looked for, in order; told to the user when there are none.
const CREDENTIALS_TRIED: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile of AWS_PROFILE (SSO and \
     credential_process included), a web identity token, the container's endpoint, the EC2 instance's role";

/// The answer of a call whose reply `convert` reads.
pub(super) fn answer<O, E, F>(operation: Operation, sent: Result<O, SdkError<E, HttpResponse>>, convert: F) -> Answered
where
    O: RequestId,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    F: FnOnce(&O) -> Result<Reply, Unreadable>,
{
    let out = sent.map_err(|error| classify(operation, error))?;
    let request_id = out.request_id().map(str::to_owned);
    match convert(&out) {
        Ok(reply) => Ok(Answer { reply, request_id }),
        Err(unreadable) => {
            Err(Failed::Judged(CloudError { request_id, ..CloudError::bug(operation, unreadable.to_string()) }))
        }
    }
}

/// The answer of a call whose reply says no more than that it was done.
pub(super) fn done<O, E>(operation: Operation, sent: Result<O, SdkError<E, HttpResponse>>) -> Answered
where
    O: RequestId,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    answer(operation, sent, |_| Ok(Reply::Done))
}

/// The id that a reference stands for; the caller should have resolved it.
pub(super) fn known<T>(operation: Operation, reference: &Ref<T>) -> Result<&T, CloudError> {
    match reference {
        Ref::Id(id) => Ok(id),
        Ref::Made(action) => {
            Err(CloudError::bug(operation, format!("sent before the id that action {action} returns was filled in")))
        }
    }
}

/// The ids as text, each resolved.
pub(super) fn all_known<'a, T: ToString + 'a>(
    operation: Operation,
    references: impl IntoIterator<Item = &'a Ref<T>>,
) -> Result<Vec<String>, CloudError> {
    references.into_iter().map(|one| known(operation, one).map(T::to_string)).collect()
}

/// Refuses an empty list where AWS takes one for "all of them".
pub(super) fn some<T>(operation: Operation, what: &str, list: &[T]) -> Result<(), CloudError> {
    if list.is_empty() {
        return Err(CloudError::bug(operation, format!("sent without {what}, which AWS would take for all of them")));
    }
    Ok(())
}

/// The SDK's error as ours.
pub(super) fn classify<E>(operation: Operation, error: SdkError<E, HttpResponse>) -> Failed
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let request_id = error.request_id().map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let unanswered = |words| Failed::Unanswered(CloudError::unanswered(operation, words));
    let classified = match &error {
        SdkError::ServiceError(service) => match service.err().meta().code() {
            Some(code) => coded(operation, code, service.err().meta().message().unwrap_or_default(), status).into(),
            None => unanswered(format!("HTTP {} without an error code", status.unwrap_or_default())),
        },
        // Nothing was sent, and nothing will be until somebody changes the request.
        SdkError::ConstructionFailure(_) => CloudError::bug(operation, words(&error)).into(),
        // Also what the SDK may add one day: without a reply nothing is certain.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
            match credentials_error(&error) {
                Some(missing) => without_credentials(operation, missing).into(),
                None => unanswered(words(&error)),
            }
        }
    };
    match classified {
        Failed::Judged(error) => Failed::Judged(CloudError { request_id, ..error }),
        Failed::Unanswered(error) => Failed::Unanswered(CloudError { request_id, ..error }),
    }
}

/// A failure that AWS named. A code that the table does not know is judged by its status: of a 5xx one cannot tell
/// whether anything was done.
fn coded(operation: Operation, code: &str, message: &str, status: Option<u16>) -> CloudError {
    let error = CloudError::coded(operation, code, message);
    if error.kind == ErrorKind::Invalid && status.is_some_and(|status| status >= 500) {
        return CloudError { kind: ErrorKind::Transient, ..error };
    }
    error
}

/// No credentials. It has no code, so it is not definite: an earlier attempt of the same call may have been sent.
fn without_credentials(operation: Operation, missing: &CredentialsError) -> CloudError {
    let kind = match missing {
        CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => ErrorKind::Transient,
        CredentialsError::CredentialsNotLoaded(_)
        | CredentialsError::InvalidConfiguration(_)
        | CredentialsError::Unhandled(_)
        | _ => ErrorKind::Denied,
    };
    let by_proxy = if kind == ErrorKind::Transient { proxies::of_credentials() } else { String::new() };
    let message = format!("no credentials ({}{by_proxy}); tried {CREDENTIALS_TRIED}", words(missing));
    CloudError { kind, ..CloudError::unanswered(operation, message) }
}

fn credentials_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CredentialsError> {
    chain(error).find_map(|error| error.downcast_ref::<CredentialsError>())
}

/// What the error and its sources say. Not their `Debug`, which holds whole replies.
fn words(error: &(dyn Error + 'static)) -> String {
    chain(error).map(|error| error.to_string()).collect::<Vec<_>>().join(": ")
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
