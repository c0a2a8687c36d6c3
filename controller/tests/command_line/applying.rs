//! `apply`: what it says it did, and what the table then holds.

use crate::world::{SHOP, World};

#[test]
fn apply_says_created_then_unchanged_then_configured() {
    let world = World::new();
    assert_eq!(world.apply(SHOP), "stagingenvironment/shop created\n");
    assert_eq!(world.apply(SHOP), "stagingenvironment/shop unchanged\n");
    assert_eq!(world.apply(&SHOP.replace("count: 2", "count: 3")), "stagingenvironment/shop configured\n");
    let spec = world.item("shop", "SPEC").unwrap();
    assert_eq!(spec["spec"]["M"]["instances"]["M"]["count"]["N"], "3");
    assert_eq!(spec["metadata"]["M"]["labels"]["M"]["team"]["S"], "web");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let world = World::new();
    let file = world.file("shop.yaml", SHOP);
    world.run(&["apply", "-f", &file, "--dry-run"]).says("stagingenvironment/shop created (dry run)\n");
    assert_eq!(world.item("shop", "SPEC"), None);
    world.run(&["apply", "-f", &file]).says("stagingenvironment/shop created\n");
    world.run(&["apply", "-f", &file, "--dry-run"]).says("stagingenvironment/shop unchanged (dry run)\n");
    let before = world.item("shop", "SPEC");
    let edited = world.file("edited.yaml", SHOP.replace("count: 2", "count: 3"));
    world.run(&["apply", "-f", &edited, "--dry-run"]).says("stagingenvironment/shop configured (dry run)\n");
    assert_eq!(world.item("shop", "SPEC"), before);
}

#[test]
fn another_order_of_a_map_is_no_edit() {
    let world = World::with_shop();
    let reordered = SHOP.replace("    count: 2\n    types: [t3.medium]\n", "    types: [t3.medium]\n    count: 2\n");
    assert_ne!(reordered, SHOP);
    assert_eq!(world.apply(&reordered), "stagingenvironment/shop unchanged\n");
}

#[test]
fn documents_are_applied_in_their_order() {
    let world = World::with_shop();
    let both = format!("{}---\n{SHOP}", SHOP.replace("name: shop", "name: bar"));
    assert_eq!(world.apply(&both), "stagingenvironment/bar created\nstagingenvironment/shop unchanged\n");
}

#[test]
fn one_bad_document_keeps_every_other_from_being_applied() {
    let world = World::new();
    let bad = SHOP.replace("name: shop", "name: bar").replace("count: 2", "count: -1");
    let ran = world.run_with_input(&["apply", "-f", "-"], &format!("{SHOP}---\n{bad}"));
    ran.complains(1, &["error: document 2 spec.instances.count: "]);
    assert_eq!((world.item("shop", "SPEC"), world.item("bar", "SPEC")), (None, None));
}

#[test]
fn a_name_that_stands_twice_in_a_file_is_refused() {
    let world = World::new();
    let ran = world.run_with_input(&["apply", "-f", "-"], &format!("{SHOP}---\n{SHOP}"));
    ran.complains(1, &["document 2 metadata.name", "`shop`"]);
    assert_eq!(world.item("shop", "SPEC"), None);
}

#[test]
fn what_get_prints_can_be_applied_and_changes_nothing() {
    let world = World::with_shop();
    world.apply(&SHOP.replace("name: shop", "name: bar"));
    world.heartbeat(0);
    world.seen(("False", "Converging", "on the way"));
    for format in ["yaml", "json"] {
        let one = world.run(&["get", "shop", "-o", format]).yes().out;
        assert!(one.contains("Converging"), "{one}");
        assert_eq!(world.apply(&one), "stagingenvironment/shop unchanged\n", "{format}");
        let all = world.run(&["get", "-o", format]).yes().out;
        assert_eq!(world.apply(&all), "stagingenvironment/bar unchanged\nstagingenvironment/shop unchanged\n");
    }
}

#[test]
fn what_another_program_wrote_as_a_set_is_named_and_not_taken_for_somebody_elses_edit() {
    let world = World::with_shop();
    let mut item = world.item("shop", "SPEC").unwrap();
    item["spec"]["M"]["instances"]["M"]["types"] = serde_json::json!({ "SS": ["t3.medium"] });
    world.put_attributes(item.clone());
    assert_eq!(world.apply(SHOP), "stagingenvironment/shop unchanged\n");
    let edited = world.file("edited.yaml", SHOP.replace("count: 2", "count: 3"));
    let ran = world.run(&["apply", "-f", &edited]);
    ran.complains(2, &["stagingenvironment/shop: spec.instances.types is a set", "another program"]);
    assert_eq!(world.item("shop", "SPEC"), Some(item));
}

#[test]
fn only_what_a_teardown_reads_can_be_applied_while_deleting() {
    let world = World::with_shop();
    world.run(&["delete", "shop"]).yes();
    let before = world.item("shop", "SPEC");
    let counted = world.file("counted.yaml", SHOP.replace("count: 2", "count: 3"));
    let refusal = ["stagingenvironment/shop: is being deleted", "spec.paused", "spec.deletionPolicy"];
    // Who applies the same again believes that it will be there.
    world.run_with_input(&["apply", "-f", "-"], SHOP).complains(1, &refusal);
    world.run(&["apply", "-f", &counted]).complains(1, &refusal);
    world.run(&["apply", "-f", &counted, "--dry-run"]).complains(1, &refusal);
    assert_eq!(world.item("shop", "SPEC"), before);
    let mut edited = SHOP.to_owned();
    for line in ["  paused: true\n", "  deletionPolicy: Retain\n", "  loadBalancer: {deletionProtection: true}\n"] {
        edited.push_str(line);
        assert_eq!(world.apply(&edited), "stagingenvironment/shop configured\n", "{line}");
    }
    assert_eq!(world.apply(SHOP), "stagingenvironment/shop configured\n");
}

#[test]
fn an_edit_of_what_is_fixed_is_refused_whole_with_every_such_field() {
    let world = World::with_shop();
    let balancer = serde_json::json!({ "arn": "arn:lb", "name": "shop-alb", "scheme": "internet-facing" });
    let network = serde_json::json!({ "vpcId": "vpc-1", "region": "us-east-2" });
    let stands = serde_json::json!({ "network": network, "loadBalancer": balancer });
    world.seen_but(("True", "AllHealthy", ""), stands);
    let before = world.item("shop", "SPEC");
    let moved = format!("{SHOP}  region: eu-west-1\n  loadBalancer: {{name: other, scheme: internal}}\n");
    let moved = world.file("moved.yaml", moved.replace("count: 2", "count: 3"));
    for args in [&["apply", "-f", &moved][..], &["apply", "-f", &moved, "--dry-run"]] {
        let ran = world.run(args);
        assert_eq!((ran.status, ran.out.as_str(), ran.complaints().len()), (1, "", 3), "{ran:?}");
        ran.tells(&["error: spec.region: it is us-east-2", "spec.loadBalancer.name: ", "spec.loadBalancer.scheme: "]);
    }
    assert_eq!(world.run(&["diff", "-f", &moved]).tells(&["spec.region: it is us-east-2"]).status, 2);
    assert_eq!(world.item("shop", "SPEC"), before);
    // Nothing is fixed of what does not stand.
    world.seen(("False", "Converging", ""));
    world.remove("shop", "STATUS");
    world.run(&["apply", "-f", &moved]).says("stagingenvironment/shop configured\n");
}
