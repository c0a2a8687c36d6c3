//! How a request names an instance profile, and how an answer shows one.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>

use serde::{Deserialize, Serialize};

use crate::cloud::api::common::filled;
use crate::cloud::world::{Outcome, World, refuse};
use crate::entropy::Prng;

/// A profile in a request: by name or by ARN.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileName {
    #[serde(default, deserialize_with = "filled")]
    arn: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    name: Option<String>,
}

impl ProfileName {
    /// The profile's name, if there is one. An ARN's path is no part of it.
    pub fn name(&self, world: &World) -> Outcome<Option<String>> {
        match (&self.arn, &self.name) {
            (None, name) => Ok(name.clone()),
            (Some(_), Some(_)) => refuse(
                "InvalidParameterCombination",
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
            ),
            (Some(arn), None) => {
                let own = format!("arn:aws:iam::{}:instance-profile/", world.config.account);
                match arn.strip_prefix(&own).and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty()) {
                    Some(name) => Ok(Some(name.to_owned())),
                    None => {
                        let message = format!("Value ({arn}) for parameter iamInstanceProfile.arn is invalid");
                        refuse("InvalidParameterValue", message)
                    }
                }
            }
        }
    }

    /// The profile's name; there must be one.
    pub fn required(&self, world: &World) -> Outcome<String> {
        self.name(world)?.map_or_else(
            || refuse("MissingParameter", "The request must contain the parameter IamInstanceProfile.Name"),
            Ok,
        )
    }
}

/// A profile in an answer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ProfileItem {
    pub arn: String,
    pub id: String,
}

/// That profile, in an answer.
pub(super) fn profile_item(world: &World, name: &str) -> ProfileItem {
    let arn = format!("arn:aws:iam::{}:instance-profile/{name}", world.config.account);
    let id = format!("AIPA0{}", Prng::of(&arn).hex(16).to_ascii_uppercase());
    ProfileItem { arn, id }
}
