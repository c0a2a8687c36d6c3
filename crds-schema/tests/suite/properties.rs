//! Properties: what is accepted comes back equal, what is broken is named, and a hash sees edits and nothing else.

use crds_schema::{Amount, Cidr, SpecDuration, parse, read_documents, spec_hash};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{example, with};

/// Accepted documents: the team's example with many of its fields set anew.
fn accepted() -> impl Strategy<Value = Value> {
    let name = "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
        .prop_filter("kept by AWS", |n| !n.starts_with("sg-") && !n.starts_with("internal-"));
    let tags = proptest::collection::btree_map("[A-Z][a-zA-Z0-9 :/_.-]{0,20}[a-z0-9]", "[a-z0-9=@]{0,20}", 0..6)
        .prop_filter("kept", |tags| {
            tags.keys().all(|k| {
                k != "Name" && !k.to_lowercase().starts_with("aws:") && !k.to_lowercase().starts_with("understudy:")
            })
        });
    // With the widest surge a load balancer still takes twice as many.
    let instances = (0..=500u32, any::<Option<bool>>(), proptest::option::of("[ -~\n]{0,80}"), 1..=64u32);
    let check = (
        6..=120u32,
        2..=5u32,
        2..=10u32,
        prop_oneof![Just(json!("traffic-port")), (1..=65535u32).prop_map(|p| json!(p))],
    );
    let ports = proptest::collection::btree_set(1..=65535u16, 0..5);
    let amounts = (amount(), amount(), amount());
    let network = (any::<bool>(), any::<bool>());
    ((name, tags, instances), (check, ports, amounts, network)).prop_map(|((name, tags, instances), (check, ports, amounts, network))| {
        let listeners: Vec<_> = ports.iter().map(|port| json!({"port": port, "default": {"forward": "web"}})).collect();
        let (count, public_ip, user_data, hops) = instances;
        let changes = [
            ("metadata.name", json!(name)),
            ("spec.tags", json!(tags)),
            ("spec.instances.count", json!(count)),
            ("spec.instances.associatePublicIp", json!(public_ip)),
            ("spec.instances.userData", json!(user_data)),
            ("spec.instances.metadataOptions.hopLimit", json!(hops)),
            ("spec.services[0].healthCheck", json!({"interval": format!("{}s", check.0), "timeout": format!("{}s", check.1), "healthyThreshold": check.2, "port": check.3})),
            ("spec.loadBalancer.listeners", json!(listeners)),
            ("spec.healing.maxUnhealthy", amounts.0),
            ("spec.rollout", json!({"maxSurge": amounts.1, "maxUnavailable": amounts.2})),
            ("spec.paused", json!(network.1)),
        ];
        let document = changes.into_iter().fold(example("chatmrpt-staging"), |document, (path, value)| with(document, path, value));
        if network.0 { with(document, "spec.network", Value::Null) } else { document }
    })
}

fn amount() -> impl Strategy<Value = Value> {
    prop_oneof![(0..=1000u32).prop_map(|n| json!(n)), (0..=100u32).prop_map(|p| json!(format!("{p}%")))]
}

/// Every leaf of a document, by its JSON pointer and its path.
fn leaves(value: &Value, pointer: &str, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, child) in map {
                let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(child, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), &at, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, child) in items.iter().enumerate() {
                leaves(child, &format!("{pointer}/{index}"), &format!("{path}[{index}]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            found.push((pointer.to_owned(), path.to_owned()));
        }
    }
}

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_accepted_comes_back_equal(document in accepted()) {
        let environment = parse(&document).unwrap_or_else(|faults| panic!("{document}: {faults:?}"));
        let written = serde_json::to_value(&environment).unwrap();
        prop_assert_eq!(&parse(&written).unwrap(), &environment);
        // The types read it back without validation too, as the record's revisions are.
        prop_assert_eq!(serde_json::from_value::<crds_schema::StagingEnvironment>(written.clone()).unwrap(), environment.clone());
        let yaml = serde_saphyr::to_string(&written).unwrap();
        prop_assert_eq!(&read_documents(&yaml).unwrap()[0].parse().unwrap(), &environment);
    }

    #[test]
    fn a_broken_leaf_is_named_and_no_other(document in accepted(), pick in any::<prop::sample::Index>(), list in any::<bool>()) {
        let mut found = vec![];
        leaves(&document, "", "", &mut found);
        found.retain(|(pointer, _)| !pointer.contains("/spec/tags") && document.pointer(pointer) != Some(&Value::Null));
        let (pointer, path) = pick.get(&found).clone();
        let mut broken = document;
        // Neither is a type that the leaf has: leaves are scalars or empty, and an empty list or map breaks by its entry.
        let bad = if list { json!([[[]]]) } else { json!({"zz9": [[]]}) };
        *broken.pointer_mut(&pointer).unwrap() = bad;
        let faults = parse(&broken).unwrap_err();
        prop_assert!(faults.iter().all(|f| f.path.starts_with(&path)), "{} was broken, and {:?} named", path, faults);
    }

    #[test]
    fn an_unknown_field_anywhere_is_named(document in accepted(), pick in any::<prop::sample::Index>()) {
        let mut found = vec![];
        leaves(&document, "", "", &mut found);
        let parents = found.iter().filter_map(|(pointer, path)| Some((pointer.rsplit_once('/')?.0.to_owned(), path.rsplit_once('.')?.0.to_owned())));
        let parents: Vec<_> = parents.filter(|(pointer, _)| !pointer.contains("/tags") && !pointer.contains("/labels") && document.pointer(pointer).unwrap().is_object()).collect();
        let (pointer, path) = pick.get(&parents).clone();
        let mut broken = document;
        broken.pointer_mut(&pointer).unwrap()["qqqqqq"] = json!(1);
        let faults = parse(&broken).unwrap_err();
        prop_assert_eq!(faults.len(), 1);
        prop_assert_eq!(&faults[0].path, &format!("{path}.qqqqqq"));
        prop_assert_eq!(&faults[0].wrong, "unknown field");
    }

    /// The schema lets nothing through that the types cannot hold: else the fault would be told as a bug, without a path.
    #[test]
    fn any_document_gets_faults_that_name_their_places(document in accepted(), patches in proptest::collection::vec((any::<prop::sample::Index>(), anything()), 1..6)) {
        let mut broken = document;
        for (pick, value) in patches {
            let mut found = vec![];
            leaves(&broken, "", "", &mut found);
            // Cut at any height, so that whole branches are replaced as well.
            let (pointer, _) = pick.get(&found);
            let cut = pointer.match_indices('/').map(|(at, _)| at).nth(1 + pick.index(4)).unwrap_or(pointer.len());
            *broken.pointer_mut(&pointer[..cut]).unwrap() = value;
        }
        if let Err(faults) = parse(&broken) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(fault.path != "document", "{}", fault);
                prop_assert!(!fault.wrong.is_empty() && !fault.instead.is_empty(), "{:?}", fault);
                prop_assert!(!fault.to_string().contains('\n'), "{:?}", fault);
            }
        }
    }

    #[test]
    fn any_json_is_parsed_or_refused_without_panic(document in anything()) {
        let _ = parse(&document).map_err(|faults| assert!(!faults.is_empty()));
        let _ = spec_hash(&document);
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "[ -~\n]{0,200}") {
        let _ = read_documents(&text);
    }

    #[test]
    fn an_order_a_null_or_a_fraction_of_zero_is_no_edit(document in accepted()) {
        let edited = reordered(&document);
        prop_assert_eq!(spec_hash(&edited), spec_hash(&document));
    }

    #[test]
    fn an_edit_of_any_leaf_is_seen(document in accepted(), pick in any::<prop::sample::Index>()) {
        let mut found = vec![];
        leaves(&document["spec"], "/spec", "spec", &mut found);
        let (pointer, _) = pick.get(&found);
        let mut edited = document.clone();
        *edited.pointer_mut(pointer).unwrap() = json!("edited");
        prop_assert_ne!(spec_hash(&edited), spec_hash(&document));
    }

    #[test]
    fn a_scalar_is_read_as_it_is_written(seconds in any::<u32>(), percent in 0..=100u8, address in any::<u32>(), bits in 0..=32u8) {
        let duration = SpecDuration::from_secs(seconds.into());
        prop_assert_eq!(duration.to_string().parse::<SpecDuration>().unwrap(), duration);
        let share = serde_json::to_value(Amount::Percent(percent)).unwrap();
        prop_assert_eq!(serde_json::from_value::<Amount>(share).unwrap(), Amount::Percent(percent));
        let network = address & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        let text = format!("{}/{bits}", std::net::Ipv4Addr::from(network));
        prop_assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
    }
}

/// The same wishes, written otherwise: maps back to front, nulls added, whole numbers as floats, server-set fields.
fn reordered(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut turned: Map<_, _> =
                map.iter().rev().map(|(name, child)| (name.clone(), reordered(child))).collect();
            turned.insert("zNull".into(), Value::Null);
            Value::Object(turned)
        }
        Value::Array(items) => items.iter().map(reordered).collect(),
        Value::Number(number) => number.as_f64().map_or(value.clone(), Value::from),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

#[test]
fn a_hash_is_32_hex_digits_and_stays_the_same_between_versions() {
    insta::assert_snapshot!(spec_hash(&crate::minimal()), @"e4c44cf1acb5afe95fab32fe689fb0b4");
}

#[test]
fn labels_status_and_uid_are_no_edit_of_the_spec() {
    let document = crate::minimal();
    let set = with(with(document.clone(), "metadata.uid", json!("u")), "status", json!({"x": 1}));
    let set = with(set, "metadata.labels", json!({"team": "shop"}));
    assert_eq!(spec_hash(&set), spec_hash(&document));
    assert_ne!(spec_hash(&with(document.clone(), "kind", json!("Other"))), spec_hash(&document));
}
