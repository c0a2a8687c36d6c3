//! What a user probably meant by a value that is refused: the advice that names it.
//!
//! In: the value, or the text that it was written as, and its place in the schema. Out: what to write, or nothing where
//! no guess is better than the general advice ([`crate::wording`]).
//! Never: judges, or advises what the schema would refuse in its turn.

use std::net::IpAddr;

use serde_json::Value;

use crate::fault::shown;
use crate::scalar::{Cidr, SpecDuration};
use crate::schema::Node;
use crate::structure::allows_text;

/// A whole number in a form that readers take for different numbers: what is wrong, and what to write.
///
/// YAML 1.1 reads `010` as eight and YAML 1.2 as ten; `0o10` and `1_000` are numbers to one and texts to the other.
/// <https://yaml.org/spec/1.2.2/#103-core-schema>, <https://yaml.org/type/int.html>
pub(crate) fn other_form(text: &str, whole: i64) -> Option<(String, String)> {
    let digits = text.trim_start_matches(['+', '-']);
    let after_zero = digits.strip_prefix('0').and_then(|rest| rest.chars().next());
    match after_zero {
        Some('x' | 'X' | 'o' | 'O' | 'b' | 'B') => {
            Some((format!("`{text}` is written to another base"), format!("write `{whole}`")))
        }
        _ if digits.contains('_') => Some((format!("`{text}` has a `_` in it"), format!("write `{whole}`"))),
        Some('0'..='9') => {
            let octal = i64::from_str_radix(digits, 8).ok().filter(|octal| *octal != whole.abs());
            let instead = match octal.map(|octal| octal * whole.signum()) {
                Some(octal) => format!("write `{whole}`, or `{octal}` if it was meant to base 8"),
                None => format!("write `{whole}`"),
            };
            Some((format!("`{text}` has a leading zero, which some read to base 8"), instead))
        }
        Some(_) | None => None,
    }
}

/// What to write instead of a value of the wrong type, which was written as `text`.
pub(crate) fn other_type(value: &Value, text: &str, node: Node<'_>) -> Option<String> {
    let takes = |kind: &str| node.types().contains(&kind);
    match value {
        Value::Bool(_) | Value::Number(_) if node.text("format") == Some("x-duration") => duration(text, node),
        Value::Bool(_) | Value::Number(_) if allows_text(text, node) => Some(format!("put it in quotes: `\"{text}\"`")),
        Value::Number(share) if node.text("format") == Some("x-amount") => {
            let percent = share.as_f64().map(|share| share * 100.0).filter(|p| p.fract() == 0.0 && *p > 0.0)?;
            Some(format!("{percent}%")).filter(|share| allows_text(share, node)).map(|share| format!("write `{share}`"))
        }
        Value::Number(_) | Value::String(_) if takes("boolean") => boolean(text, value.is_string()),
        Value::String(_) if takes("integer") => number(text, node),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What to write instead of a text that the `format` of `node` refuses.
pub(crate) fn other_text(text: &str, node: Node<'_>) -> Option<String> {
    match node.text("format")? {
        "x-duration" => duration(text, node),
        "x-cidr" => range(text),
        "x-amount" => {
            let closed_up: String = text.split_whitespace().collect();
            let share = Some(&closed_up).filter(|share| **share != text && allows_text(share, node));
            share.map(|share| format!("write `{share}`")).or_else(|| number(text, node))
        }
        "x-port" => number(text, node),
        _ => None,
    }
}

/// Digits of a usable text that some programs read to base 8, as those of an address: `010.0.0.0/8`, `"08080"`.
pub(crate) fn other_digits(text: &str, node: Node<'_>) -> Option<(String, String)> {
    let has_zero = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    let canonical = match node.text("format")? {
        "x-cidr" if text.split('/').next()?.split('.').any(has_zero) && !text.contains(':') => {
            Cidr::canonical(text)?.to_string()
        }
        "x-port" if has_zero(text) => text.trim_start_matches('0').to_owned(),
        _ => return None,
    };
    Some((format!("`{}` has a leading zero, which some read to base 8", shown(text)), format!("write `{canonical}`")))
}

fn boolean(text: &str, was_text: bool) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let meant = match lower.as_str() {
        "true" | "yes" | "y" | "on" | "1" => "true",
        "false" | "no" | "n" | "off" | "0" => "false",
        _ => return None,
    };
    let quoted = if was_text && lower == meant { ", without quotes" } else { "" };
    Some(format!("write `{meant}`{quoted}"))
}

/// A number that stands in a text: `"2"`, `"1,000"`.
fn number(text: &str, node: Node<'_>) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | ',' | '_')).collect();
    let whole = digits.parse::<i64>().ok()?;
    let bound = |keyword: &str| node.get(keyword).and_then(Value::as_i64);
    let fits = bound("minimum").is_none_or(|least| whole >= least) && bound("maximum").is_none_or(|most| whole <= most);
    fits.then(|| format!("write the number `{whole}`, without quotes"))
}

/// A length of time in another form: `30`, `1:30`, `5 min`, `1.5h`.
fn duration(text: &str, node: Node<'_>) -> Option<String> {
    let candidates = if text.bytes().all(|b| b.is_ascii_digit()) {
        ["s", "m", "h"].iter().map(|unit| format!("{text}{unit}")).collect()
    } else if text.contains(':') {
        of_clock(text)
    } else {
        of_words(text).into_iter().collect()
    };
    let mut fitting: Vec<String> = candidates.into_iter().filter(|candidate| allows_text(candidate, node)).collect();
    // `0s`, `0m` and `0h` are one.
    fitting.dedup_by_key(|text| text.parse::<SpecDuration>().ok());
    match fitting.as_slice() {
        [] => None,
        [one] => Some(format!("write `{one}`")),
        [first, last] => Some(format!("write `{first}` or `{last}`")),
        [first, middle @ .., last] => Some(format!("write `{first}`, `{}` or `{last}`", middle.join("`, `"))),
    }
}

/// `1:30` is minutes and seconds, or hours and minutes.
fn of_clock(text: &str) -> Vec<String> {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [a, b] => vec![format!("{a}m{b}s"), format!("{a}h{b}m")],
        [a, b, c] => vec![format!("{a}h{b}m{c}s")],
        _ => Vec::new(),
    }
}

/// Numbers, each with a unit in some spelling.
fn of_words(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let mut rest = lower.trim();
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let after = after.trim_start();
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let length = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * length;
        rest = after.trim_start_matches([' ', ',']);
    }
    // Far above every maximum; float to integer casts saturate.
    let whole = seconds > 0.0 && seconds < 1e9 && seconds.fract() == 0.0;
    whole.then(|| SpecDuration::from_secs(seconds as u64).to_string())
}

/// A range in another form: an address alone, a netmask, spaces.
fn range(text: &str) -> Option<String> {
    let closed_up: String = text.split_whitespace().collect();
    let (address, prefix) = closed_up.split_once('/').map_or((&*closed_up, None), |(a, p)| (a, Some(p)));
    let address = address.parse::<IpAddr>().ok()?;
    let prefix = match prefix {
        None => {
            let (bits, whom) = match address {
                any if any.is_unspecified() => (0, "everybody"),
                IpAddr::V4(_) => (32, "that address alone"),
                IpAddr::V6(_) => (128, "that address alone"),
            };
            return Some(format!("write `{address}/{bits}` for {whom}"));
        }
        Some(mask) if mask.contains('.') => ipnet::ipv4_mask_to_prefix(mask.parse().ok()?).ok()?,
        Some(prefix) => prefix.parse().ok()?,
    };
    Cidr::canonical(&format!("{address}/{prefix}")).map(|range| format!("write `{range}`"))
}
