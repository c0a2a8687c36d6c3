//! Patterns in which `*` stands for any text and `?` for a character: of filters and of listeners' rules.

use std::str::Chars;

/// How texts are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wildcards {
    with_case: bool,
    /// Whether `\` takes a wildcard's meaning away.
    escapes: bool,
    /// Whether `?` stands for no character as well.
    optional: bool,
}

/// With regard to case.
pub(crate) const EXACT: Wildcards = Wildcards { with_case: true, escapes: false, optional: false };
/// Without regard to case.
pub(crate) const LOOSE: Wildcards = Wildcards { with_case: false, escapes: false, optional: false };
/// Without regard to case, and `\*` and `\?` stand for themselves.
pub(crate) const ESCAPED: Wildcards = Wildcards { with_case: false, escapes: true, optional: false };
/// As EC2's filters have it: with regard to case, escaped, and `?` matches "zero or one character".
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
pub(crate) const FILTER: Wildcards = Wildcards { with_case: true, escapes: true, optional: true };

/// A part of a pattern.
#[derive(Debug, Clone, Copy)]
enum Part {
    Text,
    One,
    NoneOrOne,
    Is(char),
}

impl Part {
    fn may_be_empty(self) -> bool {
        match self {
            Self::Text | Self::NoneOrOne => true,
            Self::One | Self::Is(_) => false,
        }
    }
}

impl Wildcards {
    /// Whether the pattern fits the whole text. The time is bounded by the product of their lengths.
    pub(crate) fn fits(self, pattern: &str, text: &str) -> bool {
        if self.with_case && !pattern.contains(['*', '?', '\\']) {
            return pattern == text;
        }
        if self.optional && pattern.contains('?') {
            return self.fits_in_any_way(pattern, text);
        }
        self.fits_in_one_way(pattern, text)
    }

    /// On a mismatch only the last `*` is tried anew. For patterns of which no other part may be empty.
    fn fits_in_one_way(self, pattern: &str, text: &str) -> bool {
        let (mut pattern, mut text) = (pattern.chars(), text.chars());
        // What follows the last `*`, and the text that it has not swallowed yet.
        let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
        loop {
            let left = text.clone();
            match (self.part(&mut pattern), text.next()) {
                (Some(Part::Text), _) => {
                    text = left.clone();
                    star = Some((pattern.clone(), left));
                }
                (None, None) => return true,
                (Some(_), None) => return false,
                (Some(part), Some(got)) if self.is(part, got) => {}
                (_, Some(_)) => match &mut star {
                    Some((after, swallowed)) => {
                        swallowed.next();
                        (pattern, text) = (after.clone(), swallowed.clone());
                    }
                    None => return false,
                },
            }
        }
    }

    /// Follows every way at once: before which parts of the pattern one may stand, after each character.
    fn fits_in_any_way(self, pattern: &str, text: &str) -> bool {
        let mut rest = pattern.chars();
        let parts: Vec<Part> = std::iter::from_fn(|| self.part(&mut rest)).collect();
        let start = std::iter::once(true).chain(parts.iter().map(|_| false)).collect();
        let passed = |mut stand: Vec<bool>| {
            for (at, part) in parts.iter().enumerate() {
                stand[at + 1] |= stand[at] && part.may_be_empty();
            }
            stand
        };
        let stand = text.chars().fold(passed(start), |stand, got| {
            let mut next = vec![false; stand.len()];
            for (at, part) in parts.iter().enumerate().filter(|(at, part)| stand[*at] && self.is(**part, got)) {
                next[if matches!(part, Part::Text) { at } else { at + 1 }] = true;
            }
            passed(next)
        });
        stand[parts.len()]
    }

    /// Takes the next part of a pattern.
    fn part(self, pattern: &mut Chars<'_>) -> Option<Part> {
        Some(match pattern.next()? {
            '*' => Part::Text,
            '?' if self.optional => Part::NoneOrOne,
            '?' => Part::One,
            // Before anything else it stands for itself.
            '\\' if self.escapes => match pattern.clone().next() {
                Some(next @ ('*' | '?' | '\\')) => {
                    pattern.next();
                    Part::Is(next)
                }
                Some(_) | None => Part::Is('\\'),
            },
            other => Part::Is(other),
        })
    }

    fn is(self, part: Part, got: char) -> bool {
        match part {
            Part::Text | Part::One | Part::NoneOrOne => true,
            Part::Is(wanted) => wanted == got || !self.with_case && wanted.eq_ignore_ascii_case(&got),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `fits` is, written as one would say it.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['\\', is @ ('*' | '?' | '\\'), rest @ ..], text) => {
                text.first() == Some(is) && by_definition(rest, &text[1..])
            }
            (['*', rest @ ..], text) => (0..=text.len()).any(|from| by_definition(rest, &text[from..])),
            (['?', rest @ ..], text) => {
                by_definition(rest, text) || !text.is_empty() && by_definition(rest, &text[1..])
            }
            ([is, rest @ ..], text) => text.first() == Some(is) && by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_filter_fits_as_it_is_defined(pattern in r"[ab*?\\]{0,7}", text in r"[ab*?\\]{0,7}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let wanted = by_definition(&chars(&pattern), &chars(&text));
            prop_assert_eq!(FILTER.fits(&pattern, &text), wanted, "{} {}", pattern, text);
        }
    }

    #[test]
    fn a_star_stands_for_any_text_and_a_question_mark_for_one_character() {
        for (pattern, text, fits) in [
            ("web*", "web-1", true),
            ("*-1", "web-1", true),
            ("w?b-1", "web-1", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("Web", "web", false),
            ("web", "web-1", false),
            ("web-1", "web", false),
            ("web*", "web", true),
            ("**a?", "bäaü", true),
            ("*a", "aab", false),
            ("?*", "", false),
            ("/img/*", "/img/a/b", true),
            ("/img/*", "/images", false),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("/img/?", "/img/", false),
            ("*.gif*", "/a.gif.gi", true),
            ("/a*b*c", "/abbbbbd", false),
            ("/IMG", "/img", false),
            ("/IMG*", "/img", false),
            ("", "x", false),
            ("**", "", true),
        ] {
            assert_eq!(EXACT.fits(pattern, text), fits, "{pattern} {text}");
        }
        assert!(LOOSE.fits("*.Example.com", "A.example.COM") && !LOOSE.fits(r"a\*", "a*"));
        assert!(ESCAPED.fits(r"a\*", "A*") && !ESCAPED.fits(r"a\*", "ab") && ESCAPED.fits(r"a\", r"a\"));
    }
}
