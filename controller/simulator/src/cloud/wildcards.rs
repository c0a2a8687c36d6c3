//! Patterns in which `*` stands for any text and `?` for one character: of filters and of listeners' rules.

use std::str::Chars;

/// How texts are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wildcards {
    with_case: bool,
    /// Whether `\` takes a wildcard's meaning away.
    escapes: bool,
}

/// With regard to case.
pub(crate) const EXACT: Wildcards = Wildcards { with_case: true, escapes: false };
/// Without regard to case.
pub(crate) const LOOSE: Wildcards = Wildcards { with_case: false, escapes: false };
/// Without regard to case, and `\*` and `\?` stand for themselves.
pub(crate) const ESCAPED: Wildcards = Wildcards { with_case: false, escapes: true };

/// A part of a pattern.
#[derive(Debug, Clone, Copy)]
enum Part {
    Text,
    One,
    Is(char),
}

impl Wildcards {
    /// Whether the pattern fits the whole text. On a mismatch only the last `*` is tried anew, so that the time is bounded.
    pub(crate) fn fits(self, pattern: &str, text: &str) -> bool {
        if self.with_case && !pattern.contains(['*', '?']) {
            return pattern == text;
        }
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

    /// Takes the next part of a pattern.
    fn part(self, pattern: &mut Chars<'_>) -> Option<Part> {
        Some(match pattern.next()? {
            '*' => Part::Text,
            '?' => Part::One,
            '\\' if self.escapes => Part::Is(pattern.next().unwrap_or('\\')),
            other => Part::Is(other),
        })
    }

    fn is(self, part: Part, got: char) -> bool {
        match part {
            Part::Text | Part::One => true,
            Part::Is(wanted) => wanted == got || !self.with_case && wanted.eq_ignore_ascii_case(&got),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
