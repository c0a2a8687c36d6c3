//! Takes a description apart: what the field is, its default in words, and the AWS pages that it names.

use crate::forms::SOURCE;
use crate::schema::Node;

/// A description in its parts.
pub(super) struct Words {
    /// What the field is.
    pub(super) text: String,
    /// What holds where it is left out, as in `2, so that containers reach it`.
    pub(super) default: Option<String>,
    /// AWS pages.
    pub(super) sources: Vec<String>,
}

/// The parts of the description of `node`. The page of its form, or of its entries' form, comes last.
pub(super) fn words(node: Node<'_>) -> Words {
    let description = node.text("description").unwrap_or_default();
    let is_page = |word: &&str| word.starts_with("<https://");
    let (pages, plain): (Vec<&str>, Vec<&str>) = description.split_whitespace().partition(is_page);
    let pages = pages.into_iter().map(|page| page.trim_start_matches('<').trim_end_matches(['.', '>', ':']).to_owned());
    let form = node.text(SOURCE).or_else(|| node.child("items").and_then(|items| items.text(SOURCE)));
    let mut sources: Vec<String> = pages.collect();
    sources.extend(form.map(str::to_owned).filter(|form| !sources.contains(form)));
    let (defaults, said): (Vec<String>, Vec<String>) =
        sentences(&plain.join(" ")).into_iter().partition(|sentence| sentence.starts_with("Default"));
    let default = defaults.first().map(|sentence| {
        let words = sentence.trim_start_matches("Default").trim_start_matches(':');
        words.trim().trim_end_matches('.').to_owned()
    });
    Words { text: said.join(" ").replace(" (not supported yet).", "."), default, sources }
}

/// The sentences of a text. One that ended with a page ends with a colon or nothing.
fn sentences(text: &str) -> Vec<String> {
    let ends = text.match_indices(". ").map(|(at, _)| at + 1).chain([text.len()]);
    let mut from = 0;
    let cut = ends.map(|to| {
        let sentence = text[from..to].trim();
        from = to;
        let end = if sentence.ends_with('.') || sentence.is_empty() { "" } else { "." };
        format!("{}{end}", sentence.trim_end_matches(':'))
    });
    cut.filter(|sentence| !sentence.is_empty()).collect()
}
