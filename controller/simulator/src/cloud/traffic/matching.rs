//! Whether a request meets a rule's condition.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>: host names, headers and query
//! strings are compared without regard to case, paths and methods with it. `*` stands for any text, `?` for one character.

use super::super::conditions::Condition;
use super::super::wildcards::{ESCAPED, EXACT, LOOSE};
use super::Asked;

impl Condition {
    /// Whether one of its values fits.
    pub(super) fn meets(&self, asked: &Asked<'_>) -> bool {
        match self {
            Self::HostHeader(values) => values.iter().any(|value| LOOSE.fits(value, asked.hostname())),
            // "Applied only to the path of the URL, not to its query parameters."
            Self::PathPattern(values) => values.iter().any(|value| EXACT.fits(value, asked.path)),
            Self::HttpHeader { name, values } => {
                asked.header(name).any(|own| values.iter().any(|value| LOOSE.fits(value, own)))
            }
            Self::RequestMethod(values) => values.iter().any(|value| value == asked.method),
            Self::QueryString(pairs) => {
                let own = asked.query.split('&').filter(|pair| !pair.is_empty());
                let mut own = own.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                own.any(|(key, value)| {
                    pairs.iter().any(|(wanted_key, wanted)| {
                        wanted_key.as_ref().is_none_or(|wanted| ESCAPED.fits(wanted, key))
                            && ESCAPED.fits(wanted, value)
                    })
                })
            }
            // "This condition is not satisfied by the addresses in the X-Forwarded-For header."
            Self::SourceIp(values) => {
                values.iter().any(|value| value.parse::<ipnet::IpNet>().is_ok_and(|net| net.contains(&asked.source)))
            }
        }
    }
}
