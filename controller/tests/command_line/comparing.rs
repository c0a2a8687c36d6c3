//! `diff` against the record, and `plan` against an AWS that cannot be reached.

use crate::world::{SHOP, World};

#[test]
fn diff_is_0_when_nothing_differs_and_1_when_something_does() {
    let world = World::with_shop();
    let same = world.file("same.yaml", SHOP);
    world.run(&["diff", "-f", &same]).says("");
    let other = world.file("other.yaml", SHOP.replace("count: 2", "count: 3"));
    let ran = world.run(&["diff", "-f", &other]);
    assert_eq!((ran.status, ran.err.as_str()), (1, ""), "{ran:?}");
    assert!(ran.out.contains("-    count: 2\n+    count: 3\n"), "{ran:?}");
    assert_eq!(world.item("shop", "SPEC").unwrap()["spec"]["M"]["instances"]["M"]["count"]["N"], "2");
}

#[test]
fn diff_shows_the_whole_of_a_record_that_is_not_there() {
    let world = World::new();
    let ran = world.run_with_input(&["diff", "-f", "-"], SHOP);
    assert_eq!((ran.status, ran.err.as_str()), (1, ""), "{ran:?}");
    assert!(ran.out.contains("+  name: shop\n"), "{ran:?}");
}

#[test]
fn diff_of_what_is_invalid_is_2() {
    let world = World::with_shop();
    let bad = world.file("bad.yaml", SHOP.replace("count: 2", "count: -1"));
    world.run(&["diff", "-f", &bad]).complains(2, &["error: spec.instances.count: "]);
}

#[test]
fn a_plan_names_the_first_call_that_aws_did_not_answer_and_is_2() {
    let world = World::with_shop();
    let before = world.item("shop", "STATUS");
    let ran = world.run(&["plan", "shop"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    ran.tells(&["error: stagingenvironment/shop: Unread: ", "DescribeSubnets: http://127.0.0.1:1: ", "refused"]);
    assert_eq!(world.item("shop", "STATUS"), before);
}

#[test]
fn a_plan_in_json_has_its_three_lists_though_aws_was_not_read() {
    let world = World::with_shop();
    let ran = world.run(&["plan", "shop", "-o", "json"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    let plan = ran.json();
    for list in ["actions", "leftAlone", "waitingFor"] {
        assert!(plan[list].is_array(), "{list} in {plan}");
    }
    assert_eq!(plan["actions"].as_array().unwrap().len(), 0, "nothing is planned on what was not seen: {plan}");
}

#[test]
fn a_plan_of_nothing_or_of_something_invalid_is_2() {
    let world = World::new();
    world.run(&["plan", "shop"]).complains(2, &["stagingenvironment/shop", "is not in the table"]);
    let bad = world.file("bad.yaml", SHOP.replace("count: 2", "count: -1"));
    world.run(&["plan", "shop", "-f", &bad]).complains(2, &["error: spec.instances.count: "]);
    let other = world.file("other.yaml", SHOP.replace("name: shop", "name: bar"));
    world.run(&["plan", "shop", "-f", &other]).complains(2, &["other.yaml", "`shop`"]);
}
