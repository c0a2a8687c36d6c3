//! Instance profiles: which an instance has, and how that changes.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IamInstanceProfileAssociation.html>. An instance has at most
//! one association; a replaced one gets another id. How long a change takes, and what DescribeInstances shows meanwhile, is
//! not documented: here it shows a profile only once it is `associated`, which is the least that a reader can count on.

use std::time::Duration;

use aws_api::ec2::{InstanceState, ProfileAssociation, ProfileChange};
use aws_api::id::{InstanceId, ProfileAssociationId};
use aws_api::{Filter, Page, Reply, Tags};

use super::filters;
use super::instances::InstanceRecord;
use super::world::{Outcome, World, refuse};
use crate::timeline::Timeline;

/// Where an association is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Associating,
    Associated,
    Disassociating,
    Disassociated,
}

#[derive(Debug, Clone)]
pub(crate) struct Association {
    pub id: ProfileAssociationId,
    pub profile: String,
    pub life: Timeline<Stage>,
}

impl InstanceRecord {
    /// What DescribeInstances shows.
    pub fn profile_shown(&self, at: Duration) -> Option<&str> {
        let shown =
            self.profile.as_ref().filter(|one| matches!(one.life.at(at), Stage::Associated | Stage::Disassociating));
        shown.map(|one| one.profile.as_str())
    }

    /// Its association, unless that has ended.
    pub fn association(&self, at: Duration) -> Option<&Association> {
        self.profile.as_ref().filter(|one| self.holds_interface(at) && one.life.at(at) != Stage::Disassociated)
    }
}

impl World {
    /// The association that a launch makes: there from the start.
    pub(crate) fn launched_with(&mut self, profile: Option<&str>) -> Option<Association> {
        profile.map(|profile| self.associated(profile, Timeline::new(self.at, Stage::Associated)))
    }

    fn associated(&mut self, profile: &str, life: Timeline<Stage>) -> Association {
        let id = self.fresh_id(ProfileAssociationId::PREFIX);
        let id = ProfileAssociationId::parse(id).expect("begins with its prefix");
        Association { id, profile: profile.to_owned(), life }
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html>
    pub(crate) fn describe_profile_associations(
        &self,
        filters: &[Filter],
        page: &Page,
        at: Duration,
    ) -> Outcome<Reply> {
        let mut found = Vec::new();
        for instance in self.visible_instances(at) {
            let Some(one) = instance.association(at) else { continue };
            let values = |name: &str| match name {
                "instance-id" => Some(vec![instance.id.to_string()]),
                "state" => Some(vec![word(one.life.at(at)).to_owned()]),
                _ => None,
            };
            if filters::select(filters, &Tags::new(), values)? {
                let (id, profile) = (one.id.clone(), one.profile.clone());
                let sort = id.to_string();
                found.push((sort, ProfileAssociation { id, instance: instance.id.clone(), profile }));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let (found, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::ProfileAssociations(found, next))
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html>: a running or stopped
    /// instance. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html>: a
    /// running one. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateIamInstanceProfile.html>: like
    /// the first.
    pub(crate) fn change_profile(&mut self, instance: &InstanceId, change: &ProfileChange) -> Outcome<Reply> {
        let (at, takes) = (self.at, self.config.timings.profile_change);
        match change {
            ProfileChange::Associate(profile) => {
                self.check_profile(profile)?;
                let record = self.instance(instance, at)?;
                if let Some(one) = record.association(at) {
                    let message = format!("There is an existing association for instance {instance}: {}", one.id);
                    return refuse("IncorrectState", message);
                }
                check_state(record, at, &[InstanceState::Running, InstanceState::Stopped])?;
                self.associate(instance, profile, takes)
            }
            ProfileChange::Replace { association, profile } => {
                self.check_profile(profile)?;
                let holder = self.holder(association)?;
                check_state(self.instance(&holder, at)?, at, &[InstanceState::Running])?;
                self.associate(&holder, profile, takes)
            }
            ProfileChange::Disassociate(association) => {
                let holder = self.holder(association)?;
                check_state(self.instance(&holder, at)?, at, &[InstanceState::Running, InstanceState::Stopped])?;
                if let Some(one) = &mut self.instance_mut(&holder)?.profile {
                    one.life.set(at, Stage::Disassociating);
                    one.life.set(at + takes, Stage::Disassociated);
                }
                Ok(Reply::Done)
            }
        }
    }

    /// What a person does in the console, which takes effect at once.
    pub(crate) fn put_profile(&mut self, instance: &InstanceId, profile: Option<&str>) -> Outcome<Reply> {
        profile.map_or(Ok(()), |profile| self.check_profile(profile))?;
        let association = self.launched_with(profile);
        self.instance_mut(instance)?.profile = association;
        Ok(Reply::Done)
    }

    pub(crate) fn check_profile(&self, profile: &str) -> Outcome<()> {
        match &self.config.instance_profiles {
            Some(known) if !known.contains(profile) => {
                let message = format!("Value ({profile}) for parameter iamInstanceProfile.name is invalid");
                refuse("InvalidParameterValue", message)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn associate(&mut self, instance: &InstanceId, profile: &str, takes: Duration) -> Outcome<Reply> {
        let mut life = Timeline::new(self.at, Stage::Associating);
        life.set(self.at + takes, Stage::Associated);
        let association = self.associated(profile, life);
        self.instance_mut(instance)?.profile = Some(association);
        Ok(Reply::Done)
    }

    /// The instance of an association that has not ended and is not ending.
    pub(crate) fn holder(&self, association: &ProfileAssociationId) -> Outcome<InstanceId> {
        let has = |one: &Association| one.id == *association && one.life.at(self.at) != Stage::Disassociating;
        let found = self.visible_instances(self.at).find(|instance| instance.association(self.at).is_some_and(has));
        found.map_or_else(
            || {
                let message = format!("An invalid association-id of '{association}' was given");
                refuse("InvalidAssociationID.NotFound", message)
            },
            |instance| Ok(instance.id.clone()),
        )
    }
}

fn check_state(instance: &InstanceRecord, at: Duration, allowed: &[InstanceState]) -> Outcome<()> {
    let state = instance.state(at);
    if allowed.contains(&state) {
        return Ok(());
    }
    let message = format!("The instance '{}' is {state}; its profile cannot be changed.", instance.id);
    refuse("IncorrectInstanceState", message)
}

pub(crate) fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Associating => "associating",
        Stage::Associated => "associated",
        Stage::Disassociating => "disassociating",
        Stage::Disassociated => "disassociated",
    }
}
