//! Replies of the SDK as resources of ours: pure functions, one a type.
//!
//! In: a value of the SDK. Out: ours, or [`Unreadable`] with the field's name.
//! Never: a guess or a panic. A value that AWS may leave out gets the default that AWS documents; emulators leave out
//! more than AWS does. One entry that cannot be read fails the reply: an absent entry would read as "not there".

use aws_api::id::NotAnId;
use aws_api::{CloudError, Operation, Page};

pub(super) mod ec2;
pub(super) mod elbv2;

/// A part of a reply that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// AWS always sends it, and it was not there.
    #[error("the reply lacks {0}")]
    Missing(&'static str),
    /// It was there, but is nothing that we know.
    #[error("the reply's {field} is `{value}`")]
    Strange { field: &'static str, value: String },
    /// It is no id.
    #[error("the reply's {field}: {not}")]
    NotAnId { field: &'static str, not: NotAnId },
}

impl Unreadable {
    fn strange(field: &'static str, value: impl ToString) -> Self {
        Self::Strange { field, value: value.to_string() }
    }
}

type Read<T> = Result<T, Unreadable>;

/// A value that AWS always sends.
fn need<T>(value: Option<T>, field: &'static str) -> Read<T> {
    value.ok_or(Unreadable::Missing(field))
}

/// A text that AWS always sends.
fn need_text(value: Option<&str>, field: &'static str) -> Read<String> {
    need(text(value), field)
}

/// A text; AWS writes some absent ones as empty.
fn text(value: Option<&str>) -> Option<String> {
    value.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// An id that AWS always sends.
pub(super) fn id<T: TryFrom<String, Error = NotAnId>>(value: Option<&str>, field: &'static str) -> Read<T> {
    T::try_from(need_text(value, field)?).map_err(|not| Unreadable::NotAnId { field, not })
}

/// An id that AWS leaves out at times.
fn id_if_any<T: TryFrom<String, Error = NotAnId>>(value: Option<&str>, field: &'static str) -> Read<Option<T>> {
    text(value).map(|text| T::try_from(text).map_err(|not| Unreadable::NotAnId { field, not })).transpose()
}

/// A number in the range of ours.
fn number<N: TryFrom<i32>>(value: i32, field: &'static str) -> Read<N> {
    N::try_from(value).map_err(|_| Unreadable::strange(field, value))
}

/// A number of ours in the range of the SDK's.
pub(super) fn sdk_number(operation: Operation, value: u32) -> Result<i32, CloudError> {
    i32::try_from(value).map_err(|_| CloudError::bug(operation, format!("{value} is more than AWS can be sent")))
}

/// Every entry, or what is wrong with the first bad one.
pub(super) fn each<'s, S: 's, T>(
    all: impl IntoIterator<Item = &'s S>,
    read: impl Fn(&'s S) -> Read<T>,
) -> Read<Vec<T>> {
    all.into_iter().map(read).collect()
}

/// The entry of a reply that has exactly one.
pub(super) fn only<'s, S>(all: &'s [S], field: &'static str) -> Read<&'s S> {
    match all {
        [one] => Ok(one),
        [] => Err(Unreadable::Missing(field)),
        _ => Err(Unreadable::strange(field, format!("{} entries", all.len()))),
    }
}

/// Where the answer goes on; some write its end as an empty token.
pub(super) fn page_of(token: Option<&str>) -> Page {
    text(token)
}

/// Checks that the answer to a question that fits on one page is whole.
pub(super) fn whole(token: Option<&str>) -> Read<()> {
    match page_of(token) {
        None => Ok(()),
        Some(token) => Err(Unreadable::strange("next page", token)),
    }
}
