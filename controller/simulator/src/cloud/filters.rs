//! Filters and pages of Describe calls.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>: several filters are ANDed, their values ORed;
//! `*` matches any characters, `?` one; values are case sensitive.

use engine::cloud::{Filter, Page};
use planner::resource::Tags;

use super::world::{Outcome, refuse};

/// Values that one filter may have.
const VALUES_MAX: usize = 200;

/// Whether `text` matches `pattern`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood, and how much of the text it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether a resource matches every filter. `values` gives a resource's values by a filter's name; `None`: no such filter.
pub(crate) fn select(filters: &[Filter], tags: &Tags, values: impl Fn(&str) -> Option<Vec<String>>) -> Outcome<bool> {
    for filter in filters {
        if filter.values.len() > VALUES_MAX {
            return refuse("FilterLimitExceeded", format!("The maximum number of filter values is {VALUES_MAX}"));
        }
        let own = match filter.name.strip_prefix("tag:") {
            Some(key) => Some(tags.get(key).cloned().into_iter().collect()),
            None if filter.name == "tag-key" => Some(tags.keys().cloned().collect()),
            None => values(&filter.name),
        };
        let Some(own) = own else {
            return refuse("InvalidParameterValue", format!("The filter '{}' is invalid", filter.name));
        };
        if !filter.values.iter().any(|pattern| own.iter().any(|value| matches(pattern, value))) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One page of entries that are sorted by their keys. A token names the last key of the page before, so that a page neither
/// repeats nor skips what is there throughout.
pub(crate) fn page<T>(
    entries: Vec<(String, T)>,
    from: &Page,
    size: usize,
    bad_token: &'static str,
) -> Outcome<(Vec<T>, Page)> {
    let after = match from {
        None => None,
        Some(token) => match token.strip_prefix("after:") {
            Some(key) => Some(key.to_owned()),
            None => return refuse(bad_token, format!("The token '{token}' is invalid")),
        },
    };
    let mut left = entries.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let mut taken = Vec::new();
    let mut last = String::new();
    while taken.len() < size {
        let Some((key, entry)) = left.next() else { break };
        last = key;
        taken.push(entry);
    }
    let next = left.peek().map(|_| format!("after:{last}"));
    Ok((taken, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_anything_and_a_question_mark_one_character() {
        for (pattern, text, expected) in [
            ("web*", "web-1", true),
            ("*-1", "web-1", true),
            ("w?b-1", "web-1", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("Web", "web", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
