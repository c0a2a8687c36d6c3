//! What an edit of a field does to what stands, stated at each field in [`crate::spec`] as `x-onEdit`.
//!
//! In: nothing. Out: the words of the record's reference ([`crate::reference`]), and the list by which the planner's tests
//! hold each statement to what is planned.
//! Never: decides anything. What an edit does is decided in the planner; this says it where the field is.

use serde::{Deserialize, Serialize};

/// What an edit of a field does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnEdit {
    /// What exists in AWS is changed.
    InPlace,
    /// Instances are replaced by ones that are launched anew.
    ReplacesInstances,
    /// A second target group takes over from the first.
    ReplacesTargetGroup,
    /// The edit is refused while the thing stands.
    Refused,
    /// The controller goes by it; nothing in AWS changes.
    Followed,
    /// It is the record of another environment.
    NamesAnother,
}

impl OnEdit {
    /// Every one, in the order in which the reference explains them.
    pub const ALL: [Self; 6] = [
        Self::InPlace,
        Self::ReplacesInstances,
        Self::ReplacesTargetGroup,
        Self::Followed,
        Self::Refused,
        Self::NamesAnother,
    ];

    /// What "an edit" does, as the end of that sentence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InPlace => "changes it in place",
            Self::ReplacesInstances => "replaces instances",
            Self::ReplacesTargetGroup => "replaces the target group",
            Self::Refused => "is refused",
            Self::Followed => "changes nothing in AWS",
            Self::NamesAnother => "names another environment",
        }
    }

    /// What happens then, in whole sentences.
    pub(crate) fn explained(self) -> &'static str {
        match self {
            Self::InPlace => "What exists in AWS is changed. Nothing is replaced.",
            Self::ReplacesInstances => {
                "A rolling replacement. Successors are launched beside the old instances, `spec.rollout.maxSurge` at a \
                 time. An old instance is drained and terminated once enough others have been healthy for \
                 `spec.rollout.bakeTime`. The load balancer and the target group stay."
            }
            Self::ReplacesTargetGroup => {
                "A cutover. A second target group is made, and the instances are registered with it. The listeners give \
                 it weight 0 first: it is health-checked and gets no request. They forward to it once as many of its \
                 targets are healthy as of the old group's (`spec.instances.count` at most). Then the old group is \
                 emptied and deleted. The instances stay."
            }
            Self::Refused => {
                "AWS cannot change it. While what it belongs to exists, the edit is refused whole: `apply` and `edit` \
                 name every such field, and the revision in force stays. Set the field back, or delete the environment \
                 and apply it anew. Before anything exists it may be edited."
            }
            Self::Followed => "The controller goes by the new value from its next pass on.",
            Self::NamesAnother => {
                "`apply` makes a second environment, and the first one stays. `edit` refuses it: a record cannot be \
                 renamed."
            }
        }
    }
}
