#![allow(clippy::unwrap_used)]

use std::cell::RefCell;

use crds_schema::spec::DeletionPolicy;
use planner::action::Plan;
use planner::record::Stored::{Invalid, Missing, Refused, Valid};
use serde_json::json;

use super::*;
use crate::fake_table::{Replica, Table, document, intent, linted, making};
use crate::journal;
use crate::lease::Lease;
use crate::writer::Writer;

struct World<'a> {
    table: &'a Table,
    replica: &'a Replica,
    lease: Lease<'a>,
    /// One for all passes, as a replica has it.
    reader: RefCell<Reader>,
}

impl<'a> World<'a> {
    fn new(table: &'a Table, replica: &'a Replica) -> Self {
        Self { table, replica, lease: replica.leading(table), reader: RefCell::default() }
    }

    fn found(&self) -> Result<Option<Stored>, StoreError> {
        let mut reader = self.reader.borrow_mut();
        self.replica.clock.run(reader.read(self.table, "a", self.replica.now(), &self.replica.entropy))
    }

    fn read(&self) -> Stored {
        self.found().unwrap().unwrap()
    }

    /// A pass that only takes note of the record.
    fn pass(&self) -> Stored {
        let stored = self.read();
        let plan = linted(&stored.record, Plan::nothing(stored.record.status.clone()));
        let writer = Writer::new(&self.lease);
        self.replica.clock.run(journal::open(&writer, &stored, plan, self.replica.now())).unwrap();
        stored
    }

    fn apply(&self, count: u32) -> Stored {
        self.table.put("a", SPEC, document(count));
        self.pass()
    }

    fn status(&self) -> Value {
        self.table.item("a", STATUS).unwrap()
    }

    fn revisions(&self) -> Vec<u64> {
        let number = |sk: String| sk.trim_start_matches(REVISIONS).parse().unwrap();
        self.table.keys_of("a", REVISIONS).into_iter().map(number).collect()
    }
}

/// Runs one test in a world of its own.
fn world(test: impl Fn(&World<'_>)) {
    let (table, replica) = (Table::default(), Replica::new("r"));
    test(&World::new(&table, &replica));
}

fn count_in_force(stored: &Stored) -> Option<u32> {
    stored.record.spec.as_ref().map(|spec| spec.instances.count)
}

#[test]
fn a_new_environment_gets_an_identity_and_its_first_revision() {
    world(|world| {
        let stored = world.apply(2);
        let record = &stored.record;
        assert_eq!((record.generation, record.revision, &record.stored), (1, 1, &Valid));
        assert_eq!((count_in_force(&stored), record.deleting, record.status.damaged), (Some(2), false, false));
        let status = world.status();
        assert_eq!(status["uid"], json!(record.status.uid));
        assert_eq!(status["kind"], "StagingEnvironmentStatus");
        assert_eq!(status["finalizers"], json!(["understudy.dev/teardown"]));
        assert_eq!((&status["version"], &status["generation"], &status["revision"]), (&json!(1), &json!(1), &json!(1)));
        assert_eq!(status["specHash"], json!(record.spec_hash));
        let revision = world.table.item("a", "REV#0000000001").unwrap();
        assert_eq!((&revision["valid"], &revision["document"]), (&json!(true), &document(2)));
        assert_eq!(revision.get("kind"), None, "or the index would show it as an environment");
        // The next reading finds the same environment.
        assert_eq!(world.read().record.status.uid, record.status.uid);
        assert!(matches!(world.read().base, Base::Version(1, _)));
    });
}

#[test]
fn there_is_nothing_of_an_environment_without_items() {
    world(|world| {
        let found = world.found();
        assert_eq!(found.unwrap(), None);
    });
}

#[test]
fn an_edit_is_numbered_and_a_reordered_map_is_none() {
    world(|world| {
        let uid = world.apply(2).record.status.uid;
        let stored = world.apply(3);
        assert_eq!((stored.record.generation, stored.record.revision, count_in_force(&stored)), (2, 2, Some(3)));
        // The same in other words: a null more, and what the controller alone decides.
        let mut same = document(3);
        same["spec"]["redis"] = Value::Null;
        same["metadata"] = json!({"uid": "env-theirs", "generation": 77, "name": "a"});
        world.table.put("a", SPEC, same);
        world.table.take_sent();
        let stored = world.pass();
        assert_eq!((stored.record.generation, &stored.record.status.uid), (2, &uid));
        assert_eq!(world.table.take_sent(), 0, "nothing was written");
        // Back again is an edit too.
        assert_eq!(world.apply(2).record.generation, 3);
        assert_eq!(world.revisions(), [1, 2, 3]);
    });
}

#[test]
fn a_faulty_spec_leaves_the_last_valid_one_in_force() {
    world(|world| {
        world.apply(2);
        let mut faulty = document(5);
        faulty["spec"]["instances"]["count"] = json!(-1);
        faulty["spec"]["colour"] = json!("red");
        world.table.put("a", SPEC, faulty);
        for _ in 0..2 {
            let stored = world.pass();
            let Invalid(faults) = &stored.record.stored else { panic!("{:?}", stored.record.stored) };
            assert_eq!(faults.len(), 2, "every fault: {faults:?}");
            assert_eq!((stored.record.generation, stored.record.revision), (2, 1));
            assert_eq!(count_in_force(&stored), Some(2));
        }
        assert_eq!(world.table.item("a", "REV#0000000002").unwrap()["valid"], false);
        assert_eq!((&world.status()["generation"], &world.status()["revision"]), (&json!(2), &json!(1)));
        assert_eq!(world.apply(4).record.revision, 3);
    });
}

#[test]
fn a_spec_of_another_kind_or_for_another_name_is_faulty() {
    world(|world| {
        for (field, value) in [("kind", json!("Pod")), ("apiVersion", json!("v9")), ("metadata", json!({"name": "b"}))]
        {
            let mut other = document(2);
            other[field] = value;
            world.table.put("a", SPEC, other);
            let stored = world.pass();
            assert!(matches!(stored.record.stored, Invalid(_)), "{field}");
            assert_eq!((stored.record.spec, stored.record.revision), (None, 0), "{field}: there never was a valid one");
        }
        world.table.put("a", SPEC, json!({"spec": "not even a map"}));
        assert!(matches!(world.pass().record.stored, Invalid(_)));
    });
}

/// What an edit of the region does to it, once it stands somewhere.
fn moved(count: u32) -> Value {
    let mut document = document(count);
    document["spec"]["region"] = json!("eu-west-1");
    document
}

/// Plays a controller that has made something in us-east-2.
fn stands(world: &World<'_>, stands: bool) {
    let mut status = world.status();
    status["network"] = json!({"vpcId": "vpc-1", "region": "us-east-2"});
    status["securityGroups"] = match stands {
        true => json!({"loadBalancer": "sg-1", "names": {"sg-1": "a-alb-sg"}}),
        false => json!({"names": {}}),
    };
    world.table.put("a", STATUS, status);
}

#[test]
fn an_edit_of_what_is_fixed_is_refused_whole_and_stays_so() {
    world(|world| {
        world.apply(2);
        stands(world, true);
        world.table.put("a", SPEC, moved(5));
        for _ in 0..2 {
            let stored = world.pass();
            let Refused(fields) = &stored.record.stored else { panic!("{:?}", stored.record.stored) };
            assert!(fields[0].starts_with("spec.region: it is us-east-2"), "{fields:?}");
            assert_eq!((stored.record.generation, stored.record.revision), (2, 1));
            assert_eq!(count_in_force(&stored), Some(2), "nothing of it is applied");
        }
        let revision = world.table.item("a", "REV#0000000002").unwrap();
        assert_eq!((&revision["valid"], &revision["document"]), (&json!(false), &moved(5)));
        // Back, and it is as it was.
        let stored = world.apply(2);
        assert_eq!((&stored.record.stored, stored.record.generation, stored.record.revision), (&Valid, 3, 3));
    });
}

#[test]
fn a_refused_edit_comes_into_force_once_nothing_stands_in_its_way() {
    world(|world| {
        world.apply(2);
        stands(world, true);
        world.table.put("a", SPEC, moved(5));
        world.pass();
        stands(world, false);
        for _ in 0..2 {
            let stored = world.pass();
            assert_eq!((&stored.record.stored, stored.record.generation, stored.record.revision), (&Valid, 2, 2));
        }
        assert_eq!(world.table.item("a", "REV#0000000002").unwrap()["valid"], true);
        // What is in force is not taken out of force by what comes to stand elsewhere.
        stands(world, true);
        assert_eq!(world.pass().record.stored, Valid);
    });
}

#[test]
fn a_teardown_reads_its_three_fields_from_a_refused_edit_too() {
    world(|world| {
        world.apply(2);
        stands(world, true);
        let mut edited = moved(5);
        edited["spec"]["deletionPolicy"] = json!("Retain");
        edited["spec"]["paused"] = json!(true);
        edited["spec"]["loadBalancer"] = json!({"deletionProtection": true});
        world.table.put("a", SPEC, edited);
        let read = || {
            let spec = world.pass().record.spec.unwrap();
            (spec.instances.count, spec.deletion_policy, spec.paused, spec.load_balancer.deletion_protection)
        };
        assert_eq!(read(), (2, DeletionPolicy::Delete, false, false));
        world.table.put("a", DELETION, json!({}));
        assert_eq!(read(), (2, DeletionPolicy::Retain, true, true));
    });
}

#[test]
fn a_huge_faulty_spec_does_not_keep_the_status_from_being_written() {
    world(|world| {
        let mut faulty = document(2);
        faulty["spec"]["instances"]["count"] = json!("x".repeat(300_000));
        world.table.put("a", SPEC, faulty);
        world.pass();
        let revision = world.table.item("a", "REV#0000000001").unwrap();
        assert_eq!((&revision["document"], &revision["valid"]), (&Value::Null, &json!(false)));
    });
}

#[test]
fn a_spec_that_vanishes_without_a_wish_to_delete_stays_in_force() {
    world(|world| {
        world.apply(2);
        world.table.remove("a", SPEC);
        for _ in 0..2 {
            let stored = world.pass();
            assert_eq!((&stored.record.stored, stored.record.deleting), (&Missing, false));
            assert_eq!((count_in_force(&stored), stored.record.generation, stored.record.revision), (Some(2), 1, 1));
            assert_eq!(stored.record.spec_hash, "");
        }
        assert_eq!(world.apply(2).record.generation, 2, "put back, it is seen");
    });
}

#[test]
fn where_the_revision_in_force_is_gone_no_other_takes_its_place() {
    world(|world| {
        world.apply(2);
        world.apply(3);
        world.table.remove("a", "REV#0000000002");
        world.table.remove("a", SPEC);
        let stored = world.read();
        assert_eq!((stored.record.spec, stored.record.revision, stored.record.stored), (None, 2, Missing));
    });
}

#[test]
fn a_wish_to_delete_is_read_and_an_expired_item_is_not() {
    world(|world| {
        world.apply(2);
        world.table.put("a", DELETION, json!({"expiresAt": world.replica.now().as_second() - 1}));
        assert!(!world.read().record.deleting);
        world.table.put("a", DELETION, json!({}));
        assert!(world.read().record.deleting);
        // A wish alone is still something: whoever tears down has to take it away.
        world.table.items.borrow_mut().retain(|key, _| key.sk == DELETION || key.pk != "a");
        let stored = world.read();
        assert_eq!((stored.record.deleting, stored.record.spec, stored.base), (true, None, Base::Absent));
    });
}

#[test]
fn a_status_that_is_gone_where_revisions_or_intents_are_is_damage() {
    world(|world| {
        let before = world.apply(2).record;
        world.table.remove("a", STATUS);
        let stored = world.pass();
        assert!(stored.record.status.damaged);
        assert_eq!((&stored.record.status.uid, stored.record.generation), (&before.status.uid, 1));
        assert_eq!(world.revisions(), [1], "no revision is written over");
        assert!(world.read().record.status.damaged, "and it stays so");
        assert_eq!(world.status()["damaged"], true);
    });
    world(|world| {
        let open = intent("in-1");
        world.table.put("a", SPEC, document(2));
        world.table.put("a", "INTENT#open#in-1", serde_json::to_value(&open).unwrap());
        let stored = world.read();
        assert!(stored.record.status.damaged);
        assert_eq!(stored.record.intents, [open]);
    });
}

#[test]
fn an_edit_after_a_status_was_put_back_takes_the_place_of_no_revision() {
    world(|world| {
        world.apply(2);
        let backup = world.status();
        world.apply(3);
        world.table.put("a", STATUS, backup);
        world.apply(4);
        assert_eq!(world.revisions(), [1, 2, 3]);
        assert_eq!(world.table.item("a", "REV#0000000002").unwrap()["document"], document(3));
    });
}

/// Found by the simulation: what had been in force when the backup was made came back, with its count and its surge.
#[test]
fn a_status_that_was_put_back_brings_no_older_revision_back_into_force() {
    for then in [None, Some(json!({"kind": "Deployment"}))] {
        world(|world| {
            world.apply(2);
            let backup = world.status();
            world.apply(3);
            match &then {
                Some(faulty) => world.table.put("a", SPEC, faulty.clone()),
                None => world.table.remove("a", SPEC),
            }
            world.pass();
            world.table.put("a", STATUS, backup);
            let stored = world.pass();
            assert_eq!((count_in_force(&stored), stored.record.revision), (Some(3), 2), "{then:?}");
            let again = world.read();
            assert_eq!((again.record.revision, again.edit), (2, None), "STATUS knows of it by now");
            assert!(again.record.status.generation >= 2);
        });
    }
}

#[test]
fn what_cannot_be_read_is_damage_and_is_never_written_over() {
    for (sk, garbage) in [(STATUS, json!({"uid": 7})), ("INTENT#open#in-9", json!({"id": "in-9"}))] {
        world(|world| {
            world.apply(2);
            world.table.put("a", sk, garbage.clone());
            let before = world.table.item("a", sk);
            world.table.put("a", SPEC, document(3));
            world.table.take_sent();
            let stored = world.pass();
            assert!(stored.record.status.damaged && stored.sealed().unwrap().contains(sk), "{:?}", stored.sealed());
            assert_eq!((world.table.take_sent(), world.table.item("a", sk)), (0, before));
        });
    }
}

#[test]
fn the_last_twenty_revisions_are_kept_and_the_one_in_force() {
    world(|world| {
        world.apply(2);
        for edit in 0..30 {
            let mut faulty = document(2);
            faulty["spec"]["colour"] = json!(edit);
            world.table.put("a", SPEC, faulty);
            world.pass();
        }
        let kept: Vec<u64> = [1].into_iter().chain(12..=31).collect();
        assert_eq!(world.revisions(), kept);
        assert_eq!(count_in_force(&world.read()), Some(2));
        // It goes with the next valid one.
        world.apply(3);
        assert_eq!(world.revisions(), (13..=32).collect::<Vec<_>>());
    });
}

/// Puts what the controller noted of an environment's members into STATUS.
fn note(world: &World<'_>, change: impl FnOnce(&mut Value)) {
    let mut status = world.status();
    change(&mut status);
    world.table.put("a", STATUS, status);
}

fn with_image(image: &str) -> Value {
    let mut document = document(2);
    document["spec"]["image"]["amiId"] = json!(image);
    document
}

fn good(stored: &Stored) -> Option<(u64, String)> {
    let good = stored.record.good.as_ref()?;
    Some((good.revision, good.spec.image.ami_id.clone()?))
}

#[test]
fn the_last_good_revision_is_read_where_it_is_not_the_one_in_force_and_is_kept() {
    world(|world| {
        world.table.put("a", SPEC, with_image("ami-0aaaaaaaaaaaaaaaa"));
        world.pass();
        note(world, |status| status["goodRevision"] = json!(1));
        assert_eq!(good(&world.read()), None, "it is in force");
        for edit in 2..=30 {
            world.table.put("a", SPEC, with_image(&format!("ami-0{edit:016x}")));
            world.pass();
            note(world, |status| status["goodRevision"] = json!(1));
            assert_eq!(good(&world.read()), Some((1, "ami-0aaaaaaaaaaaaaaaa".into())), "edit {edit}");
        }
        assert_eq!(world.revisions(), [1].into_iter().chain(11..=30).collect::<Vec<_>>());
        world.table.read.take();
        world.read();
        assert_eq!(world.table.read.take(), ["many", "INTENT#open#"], "it is not read again");
        world.table.put("a", DELETION, json!({}));
        world.read();
    });
}

#[test]
fn a_good_revision_that_is_gone_or_of_another_environment_is_none() {
    world(|world| {
        world.apply(2);
        world.apply(3);
        note(world, |status| status["goodRevision"] = json!(1));
        assert!(good(&world.read()).is_some());
        note(world, |status| status["uid"] = json!("env-00000000000000ff"));
        world.table.remove("a", "REV#0000000001");
        assert_eq!(good(&world.read()), None);
    });
}

#[test]
fn a_status_that_does_not_say_which_revision_was_good_is_read_by_who_lives() {
    world(|world| {
        for image in ["ami-0aaaaaaaaaaaaaaaa", "ami-0bbbbbbbbbbbbbbbb", "ami-0cccccccccccccccc"] {
            world.table.put("a", SPEC, with_image(image));
            world.pass();
        }
        let template = |image: &str| {
            let spec = crds_schema::parse(&with_image(image)).unwrap().spec;
            Template::of(&spec).unwrap().hash()
        };
        let lives = |image: &str| {
            let mut member = journal::tests::member(&aws_api::id::InstanceId::parse("i-1").unwrap());
            member.template = template(image);
            note(world, |status| status["instances"] = json!([member]));
            good(&world.read())
        };
        assert_eq!(lives("ami-0aaaaaaaaaaaaaaaa"), Some((1, "ami-0aaaaaaaaaaaaaaaa".into())));
        assert_eq!(lives("ami-0bbbbbbbbbbbbbbbb"), Some((2, "ami-0bbbbbbbbbbbbbbbb".into())));
        assert_eq!(lives("ami-0cccccccccccccccc"), None, "it is in force");
        assert_eq!(lives("ami-0dddddddddddddddd"), None, "nobody knows it");
    });
}

#[test]
fn a_revision_whose_user_data_an_open_intent_needs_is_kept() {
    world(|world| {
        world.apply(1);
        let launch = journal::tests::launch("in-1", 1);
        world.table.put("a", "INTENT#open#in-1", serde_json::to_value(&launch).unwrap());
        for count in 2..=25 {
            world.apply(count);
        }
        assert_eq!(world.revisions(), [1].into_iter().chain(6..=25).collect::<Vec<_>>());
        let data = |revision| world.replica.clock.run(user_data(world.table, "a", revision));
        assert_eq!(data(1).unwrap(), Some(UserData::Text("#!/bin/sh 1".into())));
        data(2).unwrap_err();
    });
}

/// The rule against encoded user data came after versions that took it.
#[test]
fn a_spec_that_an_older_version_took_stays_valid_until_it_is_edited() {
    world(|world| {
        let older = |count: u32| {
            let mut spec = document(count);
            spec["spec"]["instances"]["userData"] = "IyEvYmluL3No".into();
            spec
        };
        // As that version stored it.
        world.apply(2);
        let sk = "REV#0000000001";
        let mut revision = world.table.item("a", sk).unwrap();
        (revision["document"], revision["hash"]) = (older(2), crds_schema::spec_hash(&older(2)).into());
        world.table.put("a", sk, revision);
        let mut status = world.status();
        status["specHash"] = crds_schema::spec_hash(&older(2)).into();
        world.table.put("a", STATUS, status);
        world.table.put("a", SPEC, older(2));

        let stored = world.pass();
        assert_eq!((&stored.record.stored, stored.record.generation, count_in_force(&stored)), (&Valid, 1, Some(2)));
        // The edit is refused, and the revision that was taken goes on.
        world.table.put("a", SPEC, older(3));
        let stored = world.pass();
        assert!(matches!(&stored.record.stored, Invalid(faults) if faults[0].contains("looks base64-encoded")));
        assert_eq!((stored.record.generation, stored.record.revision, count_in_force(&stored)), (2, 1, Some(2)));
        let stored = world.pass();
        assert!(matches!(&stored.record.stored, Invalid(_)), "and stays refused");
        // Put back, it is a new edit.
        world.table.put("a", SPEC, older(2));
        assert!(matches!(&world.pass().record.stored, Invalid(_)));
    });
}

#[test]
fn user_data_is_read_in_the_form_that_its_own_revision_says() {
    world(|world| {
        world.apply(1);
        let mut spec = world.table.item("a", SPEC).unwrap();
        spec["spec"]["instances"]["userDataBase64"] = true.into();
        spec["spec"]["instances"]["userData"] = "H4sIAAAA\nAAAA\n".into();
        world.table.put("a", SPEC, spec);
        world.pass();
        let data = |revision| world.replica.clock.run(user_data(world.table, "a", revision));
        assert_eq!(data(1).unwrap(), Some(UserData::Text("#!/bin/sh 1".into())), "an older one keeps its form");
        assert_eq!(data(2).unwrap(), Some(UserData::Base64("H4sIAAAAAAAA".into())), "in one line, as it is sent");
    });
}

#[test]
fn revisions_are_read_only_when_they_are_needed() {
    world(|world| {
        world.apply(2);
        world.table.read.take();
        world.read();
        assert_eq!(world.table.read.take(), ["many", "INTENT#open#"]);
    });
}

#[test]
fn a_failed_reading_is_an_error_and_no_absence() {
    world(|world| {
        world.apply(2);
        world.table.reads_fail.set(true);
        let found = world.found();
        found.unwrap_err();
    });
}

#[test]
fn the_region_is_the_specs_or_the_tables() {
    world(|world| {
        let mut elsewhere = document(2);
        assert_eq!(world.apply(2).region("us-east-2"), "us-east-2");
        elsewhere["spec"]["region"] = json!("eu-west-1");
        world.table.put("a", SPEC, elsewhere);
        assert_eq!(world.pass().region("us-east-2"), "eu-west-1");
    });
}

#[test]
fn of_two_first_writes_one_counts() {
    world(|world| {
        world.table.put("a", SPEC, document(2));
        let (first, second) = (world.read(), world.read());
        assert_ne!(first.record.status.uid, second.record.status.uid);
        let writer = Writer::new(&world.lease);
        let open = |stored: &Stored| {
            let plan = making(stored.record.status.clone(), &intent("in-1"));
            let linted = linted(&stored.record, plan);
            world.replica.clock.run(journal::open(&writer, stored, linted, world.replica.now()))
        };
        open(&first).unwrap();
        open(&second).unwrap_err();
        assert_eq!(world.read().record.status.uid, first.record.status.uid);
    });
}
