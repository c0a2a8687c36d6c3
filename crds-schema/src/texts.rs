//! Texts whose rule no pattern can carry: tags, the Redis endpoint, the health check's HTTP codes.
//!
//! In: the text. Out: its canonical form, or what is wrong and what to write. [`check`] is by the schema's `format`.
//! Never: shows a text that may hold a password. Texts that a pattern can judge are rows in [`crate::forms`].

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::fault::shown;
use crate::limits::SPEC_TAGS_MAX;
use crate::scalar::{Amount, Cidr, HealthCheckPort, ScalarError, SpecDuration};

/// What a tag's key and value are written in: the stricter of EC2 and ELBv2.
const TAG_LETTERS: &str = "letters, digits, spaces and `+ - = . _ : / @`, no space at either end";

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $schema:tt)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

texts! {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>
    Tags {
        "type": "object", "maxProperties": (SPEC_TAGS_MAX),
        "propertyNames": {
            "type": "string", "title": "a tag's key", "format": "x-tag-key", "maxLength": 128, "x-written": (TAG_LETTERS),
        },
        "additionalProperties": {
            "type": "string", "title": "a tag's value", "format": "x-tag-value", "maxLength": 256, "x-written": (TAG_LETTERS),
        },
    }
    RedisEndpoint {
        "type": "string", "title": "a Redis endpoint", "format": "x-redis",
        "pattern": "^(rediss?://)?[^@/?#]+:[0-9]{1,5}$", "examples": ["redis.internal:6379"],
        "x-written": "a host name or an address, an IPv6 one in brackets, then `:` and a port from 1 to 65535",
    }
    HttpCodes {
        "type": "string", "title": "a list of HTTP codes", "format": "x-http-codes",
        "pattern": "^[2-4][0-9]{2}([,-][2-4][0-9]{2})*$", "examples": ["200", "200,202", "200-299"],
        "x-written": "codes from 200 to 499, a `,` between several, a `-` between the first and the last of a range",
        "x-source": "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html",
    }
}

/// Judges `text` by the schema's `format` and gives its canonical form; `None` for a format that is not ours.
pub(crate) fn check(format: &str, text: &str) -> Option<Result<String, ScalarError>> {
    Some(match format {
        "x-duration" => text.parse::<SpecDuration>().map(|d| d.to_string()),
        "x-cidr" => text.parse::<Cidr>().map(|c| c.to_string()),
        "x-amount" => text.parse::<Amount>().map(|_| text.to_owned()),
        "x-port" => text.parse::<HealthCheckPort>().map(|p| p.to_string()),
        "x-tag-key" => tag_key(text),
        "x-tag-value" => tag_value(text),
        "x-redis" => redis_endpoint(text),
        "x-http-codes" => http_codes(text),
        _ => return None,
    })
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html>: the stricter of EC2 and ELBv2.
fn has_tag_letters(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c)) && text.trim() == text
}

fn tag_key(text: &str) -> Result<String, ScalarError> {
    let lower = text.to_lowercase();
    if text == "Name" {
        Err(ScalarError::new("`Name` is set by Understudy, from the names", "leave it out"))
    } else if lower.starts_with("aws:") {
        Err(ScalarError::new("`aws:` is kept by AWS for itself", "use another beginning"))
    } else if lower.starts_with("understudy:") {
        Err(ScalarError::new("`understudy:` marks what Understudy owns", "use another beginning"))
    } else if text.is_empty() || !has_tag_letters(text) {
        let instead = "use letters, digits, spaces and + - = . _ : / @, no space at either end";
        Err(ScalarError::new(format!("`{}` is not a tag's key", shown(text)), instead))
    } else {
        Ok(text.to_owned())
    }
}

fn tag_value(text: &str) -> Result<String, ScalarError> {
    if has_tag_letters(text) {
        return Ok(text.to_owned());
    }
    let instead = "use letters, digits, spaces and + - = . _ : / @, no space at either end";
    Err(ScalarError::new(format!("`{}` is not a tag's value", shown(text)), instead))
}

fn redis_endpoint(text: &str) -> Result<String, ScalarError> {
    let instead = "write `host:port`, `redis://host:port` or `rediss://host:port`";
    if text.contains('@') {
        // Not shown: what stands before the `@` is a password, and this message goes into logs and status.
        return Err(ScalarError::new(
            "it holds a user or a password",
            format!("{instead}; the record is no place for secrets"),
        ));
    }
    let refuse = || ScalarError::new(format!("`{}` is not a Redis endpoint", shown(text)), instead);
    let address = text.strip_prefix("rediss://").or_else(|| text.strip_prefix("redis://")).unwrap_or(text);
    let (host, port) = address.rsplit_once(':').ok_or_else(refuse)?;
    let port_fits = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0);
    let host_fits = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.split('.').all(is_host_label),
    };
    if port_fits && host_fits { Ok(text.to_owned()) } else { Err(refuse()) }
}

fn is_host_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html>: 200 to 499 for HTTP/1.1.
fn http_codes(text: &str) -> Result<String, ScalarError> {
    let code = |t: &str| t.parse::<u16>().ok().filter(|c| t.len() == 3 && (200..=499).contains(c));
    let fits = text.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => code(from).zip(code(to)).is_some_and(|(from, to)| from < to),
        None => code(part).is_some(),
    });
    if fits {
        return Ok(text.to_owned());
    }
    let instead = "write codes from 200 to 499, like `200`, `200,202` or `200-299`";
    Err(ScalarError::new(format!("`{}` is not a list of HTTP codes", shown(text)), instead))
}
