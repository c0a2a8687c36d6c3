//! Results, on stdout: lines, tables, JSON and YAML, in colour only on a terminal.
//!
//! Everything else goes to stderr. A reader that has gone ends the run quietly.
//! Never: decides what to show; that is each verb's.

use std::io::{ErrorKind, IsTerminal as _, Write as _, stdout};

use serde_json::Value;

use super::failure::{Complaint, Failure};

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Not known, or on its way.
    Unsure,
    /// A heading.
    Strong,
    /// Nothing of that.
    Plain,
}

/// Stdout.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    colourful: bool,
}

impl Printer {
    /// One that knows whether it prints to a terminal. <https://no-color.org>
    pub fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colourful: stdout().is_terminal() && !unwanted }
    }

    /// Prints a text and a newline.
    ///
    /// # Errors
    /// [`Failure::unheard`] when nobody reads; any other trouble of stdout with status 2.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = stdout().lock();
        // In one piece: who reads a line of several and goes does not make the next one fail.
        out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()).map_err(|error| {
            if error.kind() == ErrorKind::BrokenPipe {
                return Failure::unheard();
            }
            Failure::failed(Complaint::new("stdout", error, "make room, or send it elsewhere"))
        })
    }

    /// Prints JSON over several lines.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn json(self, value: &Value) -> Result<(), Failure> {
        self.line(&format!("{value:#}"))
    }

    /// Prints a YAML document.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn yaml(self, value: &Value) -> Result<(), Failure> {
        self.line(yaml(value).trim_end_matches('\n'))
    }

    /// The text in the colour of its tone, where there are colours.
    pub fn tone(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Unsure => "33",
            Tone::Strong => "1",
            Tone::Plain => return text.to_owned(),
        };
        if self.colourful { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A value as a YAML document that reads back as the same value, with its maps in the order of their keys.
pub fn yaml(value: &Value) -> String {
    // A JSON value has text keys only, so it can always be written; JSON is YAML too.
    serde_saphyr::to_string(value).unwrap_or_else(|_| format!("{value:#}"))
}

/// A cell that has nothing to say.
pub const NOTHING: &str = "-";

/// Rows in columns as wide as their widest cell, without trailing blanks. The tone is that of the cell's text.
#[derive(Debug, Default)]
pub struct Columns {
    rows: Vec<Vec<(String, Tone)>>,
}

impl Columns {
    /// Columns under a heading.
    pub fn headed(names: &[&str]) -> Self {
        let mut columns = Self::default();
        columns.row(names.iter().map(|name| ((*name).to_owned(), Tone::Plain)));
        columns
    }

    /// Adds a row. An empty cell is shown as [`NOTHING`].
    pub fn row(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        let shown =
            |(text, tone): (String, Tone)| if text.is_empty() { (NOTHING.to_owned(), tone) } else { (text, tone) };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The lines.
    pub fn lines(&self, printer: Printer) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(text, _)| text.chars().count()).max().unwrap_or_default()
        };
        let line = |row: &Vec<(String, Tone)>| {
            let mut line = String::new();
            for (column, (text, tone)) in row.iter().enumerate() {
                line.push_str(&printer.tone(text, *tone));
                if column + 1 < row.len() {
                    let gap = width(column) - text.chars().count() + COLUMN_GAP;
                    line.extend(std::iter::repeat_n(' ', gap));
                }
            }
            line
        };
        self.rows.iter().map(line).collect()
    }
}

/// Blanks between two columns.
const COLUMN_GAP: usize = 3;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PLAIN: Printer = Printer { colourful: false };

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut columns = Columns::headed(&["NAME", "READY"]);
        columns.row([("long-name".to_owned(), Tone::Plain), (String::new(), Tone::Good)]);
        assert_eq!(columns.lines(PLAIN), ["NAME        READY", "long-name   -"]);
    }

    #[test]
    fn colour_does_not_move_a_column() {
        let mut columns = Columns::default();
        columns.row([("a".to_owned(), Tone::Bad), ("b".to_owned(), Tone::Plain)]);
        assert_eq!(columns.lines(Printer { colourful: true }), ["\u{1b}[31ma\u{1b}[0m   b"]);
    }

    #[test]
    fn yaml_keeps_texts_that_look_like_something_else() {
        let texts = [
            "42",
            "yes",
            "null",
            "~",
            "1e3",
            "0x1f",
            "#cloud-config",
            " a ",
            "a: b",
            "- a",
            "2026-11-24",
            "*a",
            "a\n b\n\n",
            "\n",
        ];
        let value = json!({ "spec": { "texts": texts, "empty": {}, "none": [], "null": null } });
        assert_eq!(crds_schema::read_documents(&yaml(&value)).unwrap(), [value]);
    }

    proptest! {
        #[test]
        fn yaml_reads_back_as_the_same_value(texts in prop::collection::vec(any::<String>(), 1..8), number: i64, flag: bool) {
            let value = json!({ "texts": texts, "number": number, "flag": flag });
            prop_assert_eq!(crds_schema::read_documents(&yaml(&value)).unwrap(), [value]);
        }

        #[test]
        fn yaml_keeps_scripts(lines in prop::collection::vec("[ \t]*[#a-z:\"' -]{0,100}", 0..12)) {
            let value = json!({ "userData": lines.join("\n") });
            prop_assert_eq!(crds_schema::read_documents(&yaml(&value)).unwrap(), [value]);
        }
    }
}
