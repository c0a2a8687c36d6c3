//! The scalars of the record: durations, amounts, address ranges and the health check's port.
//!
//! In: the text that a user wrote. Out: a typed value, or what is wrong with it and what to write.
//! `Display` writes the canonical form, so that parsing it again gives the same value.
//! Never: a range; how long a duration may be is said at its field. Texts that stay texts are in `texts`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::fault::shown;

/// A length of time in whole seconds, written `30s`, `5m`, `24h`, `7d` or together, as in `1h30m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SpecDuration(u64);

impl SpecDuration {
    /// That many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The length in seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }
}

/// A number, or a share of `instances.count` written `50%` (rounded down).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// So many instances.
    Count(u32),
    /// So many percent of `instances.count`.
    #[serde(with = "percent")]
    Percent(u8),
}

impl Amount {
    /// The number of instances that this is of `count`, rounded down, but never less than `at_least`.
    pub fn of(self, count: u32, at_least: u32) -> u32 {
        let n = match self {
            Self::Count(n) => n,
            Self::Percent(p) => u32::try_from(u64::from(count) * u64::from(p) / 100).unwrap_or(u32::MAX),
        };
        n.max(at_least)
    }
}

/// An IPv4 or IPv6 range without host bits, such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cidr(ipnet::IpNet);

impl Cidr {
    /// The range that `text` names, host bits cut off. AWS stores ranges so; some emulators do not.
    pub fn canonical(text: &str) -> Option<Self> {
        text.parse::<ipnet::IpNet>().ok().map(|net| Self(net.trunc()))
    }

    /// Whether this is an IPv6 range.
    pub fn is_ipv6(self) -> bool {
        matches!(self.0, ipnet::IpNet::V6(_))
    }
}

/// The port that is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "PortText")]
pub enum HealthCheckPort {
    /// The port that the target serves on.
    #[default]
    TrafficPort,
    /// Another port.
    Port(u16),
}

/// Why a scalar was refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}; {instead}")]
pub struct ScalarError {
    /// What is wrong with the text.
    pub wrong: String,
    /// What to write instead.
    pub instead: String,
}

impl ScalarError {
    pub(crate) fn new(wrong: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), instead: instead.into() }
    }
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for SpecDuration {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let refuse = || {
            ScalarError::new(
                format!("`{}` is not a duration", shown(text)),
                "write it like `30s`, `5m`, `24h` or `1h30m`",
            )
        };
        let mut total: u64 = 0;
        let mut rest = text;
        let mut units = UNITS.iter();
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
            let number: u64 = rest[..digits].parse().map_err(|_| refuse())?;
            let unit = rest[digits..].chars().next().ok_or_else(refuse)?;
            // Units only get smaller, so that every length has one reading and `1m1h` is refused.
            let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or_else(refuse)?;
            total = number.checked_mul(*seconds).and_then(|n| total.checked_add(n)).ok_or_else(refuse)?;
            rest = &rest[digits + unit.len_utf8()..];
        }
        if text.is_empty() { Err(refuse()) } else { Ok(Self(total)) }
    }
}

impl fmt::Display for SpecDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut left = self.0;
        for (unit, seconds) in UNITS.iter().filter(|(unit, _)| *unit != 'd') {
            if left >= *seconds {
                write!(f, "{}{unit}", left / seconds)?;
                left %= seconds;
            }
        }
        Ok(())
    }
}

impl FromStr for Cidr {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let net: ipnet::IpNet = text.parse().map_err(|_| {
            ScalarError::new(
                format!("`{}` is not an address range", shown(text)),
                "write it like `203.0.113.0/24` or `2001:db8::/32`",
            )
        })?;
        if net == net.trunc() {
            Ok(Self(net))
        } else {
            Err(ScalarError::new(format!("`{}` has host bits set", shown(text)), format!("write `{}`", net.trunc())))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Amount {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let digits = text.strip_suffix('%').filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        match digits.and_then(|n| n.parse::<u8>().ok()) {
            Some(percent) if percent <= 100 => Ok(Self::Percent(percent)),
            _ => Err(ScalarError::new(
                format!("`{}` is not a share", shown(text)),
                "write a number, or a share from `0%` to `100%`",
            )),
        }
    }
}

impl FromStr for HealthCheckPort {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        if text == "traffic-port" {
            return Ok(Self::TrafficPort);
        }
        let digits = Some(text).filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
        match digits.and_then(|t| t.parse().ok()) {
            Some(port) if port > 0 => Ok(Self::Port(port)),
            _ => {
                Err(ScalarError::new(format!("`{}` is not a port", shown(text)), "write `traffic-port`, or 1 to 65535"))
            }
        }
    }
}

impl fmt::Display for HealthCheckPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrafficPort => f.write_str("traffic-port"),
            Self::Port(port) => port.fmt(f),
        }
    }
}

macro_rules! text_form {
    ($($name:ident),*) => {$(
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
        impl TryFrom<String> for $name {
            type Error = ScalarError;
            fn try_from(text: String) -> Result<Self, ScalarError> {
                text.parse()
            }
        }
    )*};
}
text_form!(SpecDuration, Cidr);

macro_rules! schema_of {
    ($($name:ident: $schema:tt;)*) => {$(
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
// The patterns are for editors; what counts is the parser that `format` names.
schema_of! {
    SpecDuration: {
        "type": "string", "title": "a duration", "format": "x-duration",
        "pattern": "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "examples": ["30s", "5m", "24h"],
    };
    Cidr: {
        "type": "string", "title": "an address range", "format": "x-cidr",
        "pattern": "^[0-9a-fA-F.:]+/[0-9]{1,3}$", "examples": ["203.0.113.0/24", "2001:db8::/32"],
    };
    Amount: {
        "type": ["integer", "string"], "title": "a number or a share of `instances.count`, rounded down", "format": "x-amount",
        "minimum": 0, "maximum": 1000, "pattern": "^(100|[0-9]{1,2})%$", "examples": [1, "50%"],
    };
    HealthCheckPort: {
        "type": ["integer", "string"], "title": "`traffic-port` or a port", "format": "x-port",
        "minimum": 1, "maximum": 65535, "pattern": "^(traffic-port|[0-9]{1,5})$", "examples": ["traffic-port", 8081],
    };
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PortText {
    Number(u16),
    Text(String),
}

impl TryFrom<PortText> for HealthCheckPort {
    type Error = ScalarError;

    fn try_from(port: PortText) -> Result<Self, ScalarError> {
        match port {
            PortText::Number(number) => number.to_string().parse(),
            PortText::Text(text) => text.parse(),
        }
    }
}

impl From<HealthCheckPort> for String {
    fn from(port: HealthCheckPort) -> Self {
        port.to_string()
    }
}

mod percent {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::Amount;

    pub fn serialize<S: Serializer>(percent: &u8, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{percent}%"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
        match String::deserialize(from)?.parse().map_err(D::Error::custom)? {
            Amount::Percent(percent) => Ok(percent),
            Amount::Count(count) => Err(D::Error::custom(format!("{count} is not a share"))),
        }
    }
}
