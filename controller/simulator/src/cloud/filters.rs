//! Filters and pages of Describe calls.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>: several filters are ANDed, their values ORed;
//! `*` matches any characters, `?` none or one, `\` takes their meaning away; values are case sensitive. At most 50 filters, 200
//! values of each, and 255 characters of a filter's strings.

use aws_api::{Filter, Page, Tags};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wildcards::FILTER;
use super::world::{Outcome, refuse};
use crate::entropy::Prng;

/// Filters that one call may have.
const FILTERS_MAX: usize = 50;
/// Values that one filter may have.
const VALUES_MAX: usize = 200;
/// Characters that a filter's name or one of its values may have.
const CHARACTERS_MAX: usize = 255;

/// Whether one of the values matches one of the patterns.
pub(crate) fn any_matches(patterns: &[String], values: &[String]) -> bool {
    patterns.iter().any(|pattern| values.iter().any(|value| FILTER.fits(pattern, value)))
}

/// Whether a filter of that name looks at tags.
pub(crate) fn is_of_tags(name: &str) -> bool {
    matches!(name, "tag-key" | "tag-value") || name.starts_with("tag:")
}

/// Whether the tags match a filter of them. Of the values alone the command line's examples tell, no operation's page:
/// <https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-instances.html#examples>.
pub(crate) fn tags_match(name: &str, patterns: &[String], tags: &Tags) -> bool {
    let is_wanted = |text: &String| patterns.iter().any(|pattern| FILTER.fits(pattern, text));
    match name.strip_prefix("tag:") {
        Some(key) => tags.get(key).is_some_and(is_wanted),
        None if name == "tag-value" => tags.values().any(is_wanted),
        None => tags.keys().any(is_wanted),
    }
}

/// Refuses more, or longer ones, than one call may have. The messages are AWS's, which say "on a single call" where its page
/// says "per filter": <https://github.com/gjbae1212/gossm/issues/47>, <https://github.com/ansible/ansible/issues/84327>.
pub(crate) fn check_limits<'a>(filters: impl ExactSizeIterator<Item = (&'a String, &'a Vec<String>)>) -> Outcome<()> {
    let limit = |message: String| refuse("FilterLimitExceeded", message);
    if filters.len() > FILTERS_MAX {
        return limit(format!("The maximum number of filters specified on a single call is {FILTERS_MAX}"));
    }
    for (name, values) in filters {
        if values.len() > VALUES_MAX {
            return limit(format!("The maximum number of filter values specified on a single call is {VALUES_MAX}"));
        }
        let is_long = |text: &String| text.chars().count() > CHARACTERS_MAX;
        if is_long(name) {
            return limit(format!("The maximum length for a filter name is {CHARACTERS_MAX} characters"));
        }
        if values.iter().any(is_long) {
            return limit(format!("The maximum length for a filter value is {CHARACTERS_MAX} characters"));
        }
    }
    Ok(())
}

/// Refuses a filter that the operation does not have.
pub(crate) fn unknown<T>(name: &str) -> Outcome<T> {
    refuse("InvalidParameterValue", format!("The filter '{name}' is invalid"))
}

/// Whether a resource matches every filter. `values` gives a resource's values by a filter's name; `None`: no such filter.
pub(crate) fn select(filters: &[Filter], tags: &Tags, values: impl Fn(&str) -> Option<Vec<String>>) -> Outcome<bool> {
    check_limits(filters.iter().map(|filter| (&filter.name, &filter.values)))?;
    for filter in filters {
        let matched = if is_of_tags(&filter.name) {
            tags_match(&filter.name, &filter.values, tags)
        } else {
            match values(&filter.name) {
                Some(own) => any_matches(&filter.values, &own),
                None => return unknown(&filter.name),
            }
        };
        if !matched {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One page of entries that are sorted by their keys. A token names the last key of the page before, so that a page neither
/// repeats nor skips what is there throughout. It is sealed: one of another list, or that nobody was given, is refused.
pub(crate) fn page<T>(
    entries: Vec<(String, T)>,
    from: &Page,
    size: usize,
    bad_token: &'static str,
) -> Outcome<(Vec<T>, Page)> {
    let after = match from {
        None => None,
        Some(token) => match open::<T>(token) {
            Some(key) => Some(key),
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
    let next = left.peek().map(|_| seal::<T>(&last));
    Ok((taken, next))
}

/// The token of a list of such entries that goes on after that key.
fn seal<T>(key: &str) -> String {
    STANDARD.encode(format!("{} {key}", check::<T>(key)))
}

/// The key that a token of a list of such entries names.
fn open<T>(token: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (seal, key) = text.split_once(' ')?;
    (seal == check::<T>(key)).then(|| key.to_owned())
}

/// Another one for each kind of entry, and thereby for each operation.
fn check<T>(key: &str) -> String {
    Prng::of(&format!("{} {key}", std::any::type_name::<T>())).hex(8)
}
