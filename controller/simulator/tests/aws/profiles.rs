//! Instance profiles and their associations.

use aws_api::ec2::{InstanceRead, InstanceWrite, ProfileAssociation, ProfileChange, RunInstances};
use aws_api::id::{InstanceId, ProfileAssociationId};
use aws_api::{Filter, Read, Reply, Write};
use simulator::Builder;

use crate::bench::*;

fn associations(bench: &Bench, filters: &[(&str, &str)]) -> Vec<ProfileAssociation> {
    let filter = |(name, value): &(&str, &str)| Filter { name: (*name).into(), values: vec![(*value).to_owned()] };
    let read =
        Read::Instance(InstanceRead::ProfileAssociations { filters: filters.iter().map(filter).collect(), page: None });
    match bench.read(read).unwrap() {
        Reply::ProfileAssociations(found, None) => found,
        other => panic!("{other:?}"),
    }
}

fn shown(bench: &Bench, id: &InstanceId) -> Option<String> {
    bench.cloud.view().instance(id).unwrap().instance_profile
}

fn change(instance: &InstanceId, change: ProfileChange) -> Write {
    Write::Instance(InstanceWrite::ChangeProfile { instance: instance.clone(), change })
}

fn running(bench: &Bench, profile: Option<&str>) -> InstanceId {
    let instance_profile = profile.map(str::to_owned);
    let id = bench.launch(RunInstances { instance_profile, ..bench.run("a") });
    bench.pass(secs(17));
    id
}

#[test]
fn a_replaced_association_has_another_id_and_is_shown_once_it_is_associated() {
    let bench = Bench::new();
    let id = running(&bench, Some("web"));
    let old = associations(&bench, &[("instance-id", id.as_str()), ("state", "associated")]).remove(0);
    assert_eq!((old.profile.as_str(), shown(&bench, &id).as_deref()), ("web", Some("web")));
    let replace = ProfileChange::Replace { association: old.id.clone(), profile: "admin".into() };
    bench.write(change(&id, replace.clone())).unwrap();
    let new = associations(&bench, &[("state", "associating")]).remove(0);
    assert_eq!((new.profile.as_str(), shown(&bench, &id)), ("admin", None));
    assert_ne!(new.id, old.id);
    assert_eq!(bench.code(change(&id, replace)), "InvalidAssociationID.NotFound");
    bench.pass(secs(5));
    assert_eq!(shown(&bench, &id).as_deref(), Some("admin"));
}

#[test]
fn an_instance_has_at_most_one_association() {
    let bench = Bench::new();
    let id = running(&bench, Some("web"));
    let associate = change(&id, ProfileChange::Associate("admin".into()));
    assert_eq!(bench.code(associate.clone()), "IncorrectState");
    let association = associations(&bench, &[]).remove(0).id;
    bench.write(change(&id, ProfileChange::Disassociate(association.clone()))).unwrap();
    assert_eq!(associations(&bench, &[("state", "associated")]), []);
    assert_eq!(associations(&bench, &[("state", "disassociating")]).len(), 1);
    assert_eq!(bench.code(associate.clone()), "IncorrectState", "it has not ended yet");
    assert_eq!(bench.code(change(&id, ProfileChange::Disassociate(association))), "InvalidAssociationID.NotFound");
    bench.pass(secs(5));
    assert_eq!((associations(&bench, &[]), shown(&bench, &id)), (vec![], None));
    bench.write(associate).unwrap();
}

#[test]
fn a_profile_changes_on_a_running_instance_and_only_to_one_that_exists() {
    let bench = Bench::of(Builder::new(1).latency(secs(0)).instance_profiles(&["web"]));
    let id = bench.launch(bench.run("a"));
    let associate = |name: &str| change(&id, ProfileChange::Associate(name.into()));
    assert_eq!(bench.code(associate("web")), "IncorrectInstanceState", "it is pending");
    bench.pass(secs(17));
    assert_eq!(bench.code(associate("none")), "InvalidParameterValue");
    bench.write(associate("web")).unwrap();
    bench.pass(secs(5));
    let association = associations(&bench, &[]).remove(0).id;
    bench.cloud.console().stop(&id).unwrap();
    bench.pass(secs(30));
    let replace = ProfileChange::Replace { association: association.clone(), profile: "web".into() };
    assert_eq!(bench.code(change(&id, replace)), "IncorrectInstanceState", "AWS replaces that of a running one only");
    bench.write(change(&id, ProfileChange::Disassociate(association))).unwrap();
    let nobody = ProfileAssociationId::parse("iip-assoc-0").unwrap();
    assert_eq!(bench.code(change(&id, ProfileChange::Disassociate(nobody))), "InvalidAssociationID.NotFound");
}

#[test]
fn a_person_changes_a_profile_at_once() {
    let bench = Bench::new();
    let id = running(&bench, None);
    let console = bench.cloud.console();
    console.set_instance_profile(&id, Some("admin")).unwrap();
    assert_eq!((shown(&bench, &id).as_deref(), associations(&bench, &[]).len()), (Some("admin"), 1));
    console.set_instance_profile(&id, None).unwrap();
    assert_eq!((shown(&bench, &id), associations(&bench, &[]).len()), (None, 0));
}
