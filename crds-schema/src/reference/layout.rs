//! Markdown as the repository writes it: lines of 120 characters, lists that hang, anchors as GitHub makes them.

const WIDTH: usize = 120;

/// A paragraph.
pub(super) fn wrapped(text: &str) -> String {
    hung("", "", text)
}

/// An entry of a list.
pub(super) fn item(text: &str) -> String {
    hung("- ", "  ", text)
}

/// An entry of a list within one.
pub(super) fn nested(text: &str) -> String {
    hung("  - ", "    ", text)
}

/// An example, without the line that is for an editor.
pub(super) fn yaml(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# yaml-language-server:")).collect();
    format!("```yaml\n{}\n```", lines.join("\n"))
}

/// What a link to a heading ends with.
/// <https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links>
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn hung(first: &str, rest: &str, text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        let has_room = |line: &&mut String| line.chars().count() + 1 + word.chars().count() <= WIDTH;
        if let Some(line) = lines.last_mut().filter(has_room) {
            line.push(' ');
            line.push_str(&word);
        } else {
            let indent = if lines.is_empty() { first } else { rest };
            lines.push(format!("{indent}{word}"));
        }
    }
    lines.join("\n")
}

/// Words, none of which breaks a code span: a `-` at the beginning of a line would be a list.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut().filter(|last| last.matches('`').count() % 2 == 1) {
            Some(open) => *open = format!("{open} {word}"),
            None => words.push(word.to_owned()),
        }
    }
    words
}
