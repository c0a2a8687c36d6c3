//! What a request must be like for a rule to apply to it.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>. Regular expressions are not
//! modelled. What is checked here is what AWS checks when a rule is made; requests are held against them in [`super::traffic`].

use super::world::{Outcome, refuse};

/// "Condition Values per Rule".
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
pub(crate) const VALUES_MAX: usize = 5;
/// "Condition Wildcards per Rule".
pub(crate) const WILDCARDS_MAX: usize = 6;
/// Characters of one value.
const VALUE_LENGTH_MAX: usize = 128;
/// Characters of a header's or a method's name.
const NAME_LENGTH_MAX: usize = 40;

/// One condition; it is met if one of its values matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    HostHeader(Vec<String>),
    PathPattern(Vec<String>),
    HttpHeader {
        name: String,
        values: Vec<String>,
    },
    RequestMethod(Vec<String>),
    /// A key, if it matters, and a value.
    QueryString(Vec<(Option<String>, String)>),
    SourceIp(Vec<String>),
}

impl Condition {
    /// What AWS calls its kind.
    pub fn field(&self) -> &'static str {
        match self {
            Self::HostHeader(_) => "host-header",
            Self::PathPattern(_) => "path-pattern",
            Self::HttpHeader { .. } => "http-header",
            Self::RequestMethod(_) => "http-request-method",
            Self::QueryString(_) => "query-string",
            Self::SourceIp(_) => "source-ip",
        }
    }

    /// It in words, as the product reads it.
    pub fn describe(&self) -> String {
        let name = match self {
            Self::HttpHeader { name, .. } => format!(" {name}"),
            Self::HostHeader(_)
            | Self::PathPattern(_)
            | Self::RequestMethod(_)
            | Self::QueryString(_)
            | Self::SourceIp(_) => String::new(),
        };
        let values = match self {
            Self::QueryString(pairs) => {
                let text = |(key, value): &(Option<String>, String)| match key {
                    Some(key) => format!("{key}={value}"),
                    None => value.clone(),
                };
                pairs.iter().map(text).collect()
            }
            Self::HostHeader(_)
            | Self::PathPattern(_)
            | Self::HttpHeader { .. }
            | Self::RequestMethod(_)
            | Self::SourceIp(_) => self.values(),
        };
        format!("{}{name} {}", self.field(), values.join(" or "))
    }

    /// How often a rule may have one: "zero or one" of most, "zero or more" of headers and query strings.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Rule.html>
    fn may_repeat(&self) -> bool {
        match self {
            Self::HttpHeader { .. } | Self::QueryString(_) => true,
            Self::HostHeader(_) | Self::PathPattern(_) | Self::RequestMethod(_) | Self::SourceIp(_) => false,
        }
    }

    /// Each value, a key and its value as one.
    fn values(&self) -> Vec<String> {
        match self {
            Self::HostHeader(values) | Self::PathPattern(values) | Self::HttpHeader { values, .. } => values.clone(),
            Self::RequestMethod(values) | Self::SourceIp(values) => values.clone(),
            Self::QueryString(pairs) => {
                let text = |(key, value): &(Option<String>, String)| format!("{}{value}", key.as_deref().unwrap_or(""));
                pairs.iter().map(text).collect()
            }
        }
    }

    fn wildcards(&self) -> usize {
        match self {
            Self::RequestMethod(_) | Self::SourceIp(_) => 0,
            Self::HostHeader(_) | Self::PathPattern(_) | Self::HttpHeader { .. } | Self::QueryString(_) => {
                self.values().iter().map(|value| value.matches(['*', '?']).count()).sum()
            }
        }
    }

    fn check(&self) -> Outcome<()> {
        let field = self.field();
        let values = self.values();
        if values.is_empty() || values.iter().any(String::is_empty) {
            return refuse("ValidationError", format!("A condition value must be specified for '{field}'"));
        }
        if let Self::HttpHeader { name, .. } = self {
            check_header(name)?;
        }
        values.iter().try_for_each(|value| {
            let allowed = match self {
                Self::HostHeader(_) => value.len() <= VALUE_LENGTH_MAX && is_host(value),
                Self::PathPattern(_) => value.len() <= VALUE_LENGTH_MAX && is_path(value),
                Self::HttpHeader { .. } => value.len() <= VALUE_LENGTH_MAX,
                Self::QueryString(_) => value.len() <= 2 * VALUE_LENGTH_MAX,
                Self::RequestMethod(_) => value.len() <= NAME_LENGTH_MAX && is_method(value),
                Self::SourceIp(_) => value.parse::<ipnet::IpNet>().is_ok(),
            };
            if allowed {
                return Ok(());
            }
            refuse("ValidationError", format!("Condition value '{value}' is not valid for the field '{field}'"))
        })
    }
}

/// Whether a rule may have these conditions.
pub(crate) fn check(conditions: &[Condition]) -> Outcome<()> {
    if conditions.is_empty() {
        return refuse("ValidationError", "A condition must be specified");
    }
    conditions.iter().try_for_each(Condition::check)?;
    for condition in conditions.iter().filter(|condition| !condition.may_repeat()) {
        let field = condition.field();
        if conditions.iter().filter(|other| other.field() == field).count() > 1 {
            return refuse("ValidationError", format!("A rule can only have one '{field}' condition"));
        }
    }
    if conditions.iter().map(|condition| condition.values().len()).sum::<usize>() > VALUES_MAX {
        return refuse("ValidationError", format!("A rule can only have '{VALUES_MAX}' condition values"));
    }
    if conditions.iter().map(Condition::wildcards).sum::<usize>() > WILDCARDS_MAX {
        return refuse("ValidationError", format!("A rule can only have '{WILDCARDS_MAX}' condition wildcards"));
    }
    Ok(())
}

/// "You must include at least one '.' character. You can include only alphabetical characters after the final '.' character."
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HostHeaderConditionConfig.html>
fn is_host(value: &str) -> bool {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-.*?".contains(c));
    let ends = |(_, last): (&str, &str)| !last.is_empty() && last.chars().all(|c| c.is_ascii_alphabetic());
    plain && value.rsplit_once('.').is_some_and(ends)
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>
fn is_path(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?".contains(c))
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HttpRequestMethodConditionConfig.html>
fn is_method(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '-' | '_'))
}

/// "The allowed characters are specified by RFC 7230. Wildcards are not supported." The host has a condition of its own.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HttpHeaderConditionConfig.html>
fn check_header(name: &str) -> Outcome<()> {
    // RFC 7230's token, without `*`.
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'+-.^_`|~".contains(c));
    if plain && (1..=NAME_LENGTH_MAX).contains(&name.len()) && !name.eq_ignore_ascii_case("host") {
        return Ok(());
    }
    refuse("ValidationError", format!("HTTP header name '{name}' is not valid"))
}
