//! JSON values as DynamoDB's attributes, and back.
//!
//! Numbers are exact: one that JSON's numbers (64-bit integers, doubles) cannot hold is read as its text, never rounded.
//! A whole number comes back as an integer however it was written. What only a user can have put into an item is made
//! plain: a set becomes a list in order, binary becomes base64.
//! Never: fails. A value that nobody expected is for validation to name, with its field; a read that failed would hold
//! up every other environment of its batch.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::{Blob, base64};
use ports::{Item, Key};
use serde_json::{Number, Value};

/// A value as an attribute.
pub(super) fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(attribute).collect()),
        Value::Object(item) => AttributeValue::M(attributes(item)),
    }
}

/// An item as attributes.
pub(super) fn attributes(item: &Item) -> HashMap<String, AttributeValue> {
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// A key as attributes.
pub(super) fn key_attributes(key: &Key) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

/// The key that attributes hold, if they do.
pub(super) fn key_of(attributes: &HashMap<String, AttributeValue>) -> Option<Key> {
    let part = |name| attributes.get(name)?.as_s().ok();
    Some(Key::new(part("pk")?, part("sk")?))
}

/// Attributes as an item.
pub(super) fn item(attributes: HashMap<String, AttributeValue>) -> Item {
    attributes.into_iter().map(|(name, attribute)| (name, value(attribute))).collect()
}

/// What makes the attribute of that name another after it was read and written again, if anything does: where, and what
/// it is.
pub(super) fn foreign(name: &str, attribute: &AttributeValue) -> Option<(String, &'static str)> {
    let what = match attribute {
        AttributeValue::Null(_) | AttributeValue::Bool(_) | AttributeValue::S(_) => return None,
        AttributeValue::N(text) if exact(text).is_some() => return None,
        AttributeValue::N(_) => "a number of more digits than are read",
        AttributeValue::L(values) => {
            return values.iter().enumerate().find_map(|(nth, value)| foreign(&format!("{name}[{nth}]"), value));
        }
        AttributeValue::M(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            return fields.into_iter().find_map(|(field, value)| foreign(&format!("{name}.{field}"), value));
        }
        AttributeValue::B(_) => "binary",
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => "a set",
        AttributeValue::Unknown { .. } | _ => "of a type that is not known",
    };
    Some((name.to_owned(), what))
}

fn value(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(text) => number(text),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => values.into_iter().map(value).collect(),
        AttributeValue::M(attributes) => Value::Object(item(attributes)),
        AttributeValue::B(blob) => encoded(&blob),
        AttributeValue::Ss(mut texts) => {
            texts.sort();
            texts.into_iter().map(Value::String).collect()
        }
        AttributeValue::Bs(mut blobs) => {
            blobs.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
            blobs.iter().map(encoded).collect()
        }
        AttributeValue::Ns(mut texts) => {
            texts.sort_by(|a, b| f64::total_cmp(&double(a), &double(b)).then_with(|| a.cmp(b)));
            texts.into_iter().map(number).collect()
        }
        // A type that this version does not know: no field takes this text.
        AttributeValue::Unknown { .. } | _ => Value::String("<unknown DynamoDB type>".to_owned()),
    }
}

fn encoded(blob: &Blob) -> Value {
    Value::String(base64::encode(blob))
}

/// About that number, to put a set in order.
fn double(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// The JSON number that is exactly this one, or its text.
fn number(text: String) -> Value {
    exact(&text).map_or(Value::String(text), Value::Number)
}

fn exact(text: &str) -> Option<Number> {
    let decimal = Decimal::parse(text)?;
    if let Some(integer) = decimal.integer() {
        return Some(integer);
    }
    // The double's shortest text stands for it: the number fits if that text is the number again.
    let double = Number::from_f64(text.parse().ok()?)?;
    (Decimal::parse(&double.to_string())? == decimal).then_some(double)
}

/// `digits` times ten to the `exponent`, without zeros at either end of the digits, so that equal numbers are equal.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = all.trim_end_matches('0');
        let digits = significant.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let dropped = i32::try_from(all.len() - significant.len()).ok()?;
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
        Some(Self { negative, digits, exponent })
    }

    /// It as a 64-bit integer, if it is one.
    fn integer(&self) -> Option<Number> {
        if self.digits.is_empty() {
            return Some(Number::from(0));
        }
        // 20 digits hold every u64.
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros < 20)?;
        let text = format!("{}{}{}", if self.negative { "-" } else { "" }, self.digits, "0".repeat(zeros));
        text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Any value, its doubles not whole: those come back as integers, which `whole_numbers_...` shows.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            proptest::num::f64::NORMAL.prop_filter("whole", |x| x.fract() != 0.0).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_comes_back_as_it_was(original in any_value()) {
            prop_assert_eq!(value(attribute(&original)), original);
        }

        #[test]
        fn a_decimal_is_read_exactly_or_as_its_text(digits in "[1-9][0-9]{0,37}", exponent in -120i32..80) {
            let text = format!("{digits}e{exponent}");
            let read = number(text.clone());
            let exact = read.is_number() && Decimal::parse(&read.to_string()) == Decimal::parse(&text);
            prop_assert!(exact || read == json!(text), "{read}");
        }
    }

    #[test]
    fn whole_numbers_come_back_as_integers_however_written() {
        for text in ["100", "1E2", "1e+2", "100.00", "+100", "0100"] {
            assert_eq!(number(text.to_owned()), json!(100), "{text}");
        }
        assert_eq!(number("-0".to_owned()), json!(0));
        assert_eq!(number("18446744073709551615".to_owned()), json!(u64::MAX));
        assert_eq!(number("-9223372036854775808".to_owned()), json!(i64::MIN));
        assert_eq!(number("1e20".to_owned()), json!(1e20));
        assert_eq!(number("0.5".to_owned()), json!(0.5));
    }

    #[test]
    fn a_number_that_does_not_fit_is_not_rounded() {
        let long =
            ["18446744073709551617", "0.10000000000000000001", "3.14159265358979323846", "12345678901234567890.5"];
        for text in long.into_iter().chain(["", "-", "1e", "0x10", "NaN", "inf", "1e99999999999"]) {
            assert_eq!(number(text.to_owned()), json!(text));
        }
    }

    #[test]
    fn what_would_not_be_written_as_it_was_read_is_told_with_its_path() {
        let list = |values: &[AttributeValue]| AttributeValue::L(values.to_vec());
        let map = |name: &str, value| AttributeValue::M(HashMap::from([(name.to_owned(), value)]));
        let set = AttributeValue::Ss(vec!["a".into()]);
        let found = |attribute| foreign("spec", &attribute);
        assert_eq!(found(map("types", list(&[AttributeValue::S("a".into()), AttributeValue::N("2.50".into())]))), None);
        assert_eq!(found(map("types", set)), Some(("spec.types".into(), "a set")));
        let binary = AttributeValue::B(Blob::new("key"));
        assert_eq!(found(list(&[AttributeValue::Null(true), binary])), Some(("spec[1]".into(), "binary")));
        let long = AttributeValue::N("0.1234567890123456789".into());
        assert_eq!(found(long), Some(("spec".into(), "a number of more digits than are read")));
    }

    #[test]
    fn sets_become_lists_in_order_and_binary_becomes_base64() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(value(AttributeValue::Ss(texts(&["b", "a"]))), json!(["a", "b"]));
        assert_eq!(value(AttributeValue::Ns(texts(&["10", "9", "-1.5"]))), json!([-1.5, 9, 10]));
        assert_eq!(value(AttributeValue::B(Blob::new("key"))), json!("a2V5"));
        assert_eq!(value(AttributeValue::Bs(vec![Blob::new("b"), Blob::new("a")])), json!(["YQ==", "Yg=="]));
    }
}
