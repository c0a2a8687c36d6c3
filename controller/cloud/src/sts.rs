//! STS: who the caller is.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use serde::{Deserialize, Serialize};

use crate::account::ACCOUNT;
use crate::operations::{Answer, Call};
use crate::parameters::Node;

#[derive(Debug, Deserialize)]
struct GetCallerIdentity {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    arn: String,
    user_id: String,
    account: &'static str,
}

/// Answers GetCallerIdentity.
pub fn get_caller_identity(call: &Call<'_>, parameters: Node, access_key: Option<&str>) -> Answer {
    let GetCallerIdentity {} = parameters.read().map_err(|wrong| call.query.misread(&wrong))?;
    let user_id = access_key.unwrap_or("ANONYMOUS").to_owned();
    call.body(&Identity { arn: format!("arn:aws:iam::{ACCOUNT}:user/{user_id}"), user_id, account: ACCOUNT })
}
