//! The hash by which an edit of a record is seen.
//!
//! In: a document as a user wrote it. Out: hex over the canonical form of its `apiVersion`, `kind` and `spec`: maps
//! sorted, nulls dropped, numbers by value. So a reordered map, `2.0` for `2` or a null for nothing is no edit.
//! Never: fills in defaults: a spec means what its text says, also after a default has changed.

use std::fmt::Write as _;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// So many bytes of the SHA-256 are kept: enough that no two specs of an environment's life meet.
const HASH_BYTES: usize = 16;

/// The hash of what the document wants: 32 hex digits. Labels and server-set fields do not enter.
pub fn spec_hash(document: &Value) -> String {
    let mut canonical = String::new();
    for name in ["apiVersion", "kind", "spec"] {
        write_canonical(document.get(name).unwrap_or(&Value::Null), &mut canonical);
        canonical.push('\n');
    }
    let digest = Sha256::digest(canonical.as_bytes());
    digest.iter().take(HASH_BYTES).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            // A map keeps its order as written when any crate of the build turns on serde_json's `preserve_order`.
            fields.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in fields {
                write_canonical(&Value::String(name.clone()), out);
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Number(number) => out.push_str(&canonical_number(number)),
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

/// A whole number is written without a fraction or an exponent, however it was given.
fn canonical_number(number: &Number) -> String {
    // Above 2^53 not every whole number is a float, so a float there stays what it is.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT_MAX => {
            format!("{}", float as i64)
        }
        _ => number.to_string(),
    }
}
