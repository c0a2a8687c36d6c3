//! Whether a request meets a rule's condition.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>: host names, headers and query
//! strings are compared without regard to case, paths and methods with it. `*` stands for any text, `?` for one character.

use super::super::conditions::Condition;
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

/// How texts are compared.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    with_case: bool,
    /// Whether `\` takes a wildcard's meaning away.
    escapes: bool,
}

const EXACT: Pattern = Pattern { with_case: true, escapes: false };
const LOOSE: Pattern = Pattern { with_case: false, escapes: false };
const ESCAPED: Pattern = Pattern { with_case: false, escapes: true };

impl Pattern {
    /// Whether the pattern fits the whole text. On a mismatch only the last `*` is tried anew, so that the time is bounded.
    fn fits(self, pattern: &str, text: &str) -> bool {
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        let (mut at, mut read) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while read < text.len() {
            let escaped = self.escapes && pattern.get(at) == Some(&b'\\') && at + 1 < pattern.len();
            let wanted = pattern.get(at + usize::from(escaped)).copied();
            let same = |one: u8| one == text[read] || !self.with_case && one.eq_ignore_ascii_case(&text[read]);
            match wanted {
                Some(b'*') if !escaped => {
                    star = Some((at, read));
                    at += 1;
                }
                Some(b'?') if !escaped => (at, read) = (at + 1, read + 1),
                Some(one) if same(one) => (at, read) = (at + 1 + usize::from(escaped), read + 1),
                Some(_) | None => match star {
                    Some((place, from)) => {
                        star = Some((place, from + 1));
                        (at, read) = (place + 1, from + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|left| *left == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text_and_for_one_character() {
        for (pattern, text, fits) in [
            ("/img/*", "/img/a/b", true),
            ("/img/*", "/images", false),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("/img/?", "/img/", false),
            ("*.gif*", "/a.gif.gi", true),
            ("/a*b*c", "/abbbbbd", false),
            ("/IMG", "/img", false),
            ("", "x", false),
            ("**", "", true),
        ] {
            assert_eq!(EXACT.fits(pattern, text), fits, "{pattern} {text}");
        }
        assert!(LOOSE.fits("*.Example.com", "A.example.COM") && !LOOSE.fits(r"a\*", "a*"));
        assert!(ESCAPED.fits(r"a\*", "A*") && !ESCAPED.fits(r"a\*", "ab"));
    }
}
