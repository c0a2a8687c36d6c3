//! Results, on stdout: lines, tables, JSON and YAML, in colour only on a terminal.
//!
//! Everything else goes to stderr. A reader that has gone ends the run quietly. Tables keep to the width of
//! [`crate::layout::width`]: columns that can be spared are left out, and what is still too long goes on under its column.
//! Never: decides what to show; that is each verb's.

use std::io::{ErrorKind, IsTerminal as _, Write as _, stdout};

use serde_json::Value;

use super::failure::{Complaint, Failure};
use crate::layout::{BELOW, COLUMN_MIN, width, wrapped};

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
    /// Characters in a line; absent: as many as it takes.
    pub width: Option<usize>,
}

impl Printer {
    /// One that knows whether it prints to a terminal. <https://no-color.org>
    pub fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colourful: stdout().is_terminal() && !unwanted, width: width() }
    }

    /// One for lines of that width, without colours.
    #[cfg(test)]
    pub fn plain(width: Option<usize>) -> Self {
        Self { colourful: false, width }
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
///
/// Where a line has no room for the last column, its cells go on under it; where not even that makes sense, they are put
/// below their row.
#[derive(Debug, Default)]
pub struct Columns {
    rows: Vec<Vec<(String, Tone)>>,
    is_headed: bool,
    spared: Vec<usize>,
    spared_at_last: Vec<usize>,
}

/// How a table is laid out: kept, so that what is added to it later stands under what was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    widths: Vec<usize>,
    /// Which columns are shown.
    shown: Vec<usize>,
    /// Whether cells of the last column are below their row.
    is_below: bool,
}

impl Columns {
    /// Columns under a heading.
    pub fn headed(names: &[&str]) -> Self {
        let mut columns = Self { is_headed: true, ..Self::default() };
        columns.row(names.iter().map(|name| ((*name).to_owned(), Tone::Plain)));
        columns
    }

    /// These columns are left out where there is no room for all, the first one first.
    pub fn sparing(mut self, columns: &[usize]) -> Self {
        self.spared = columns.to_vec();
        self
    }

    /// These are left out only where there is no room though the last column is below.
    pub fn sparing_at_last(mut self, columns: &[usize]) -> Self {
        self.spared_at_last = columns.to_vec();
        self
    }

    /// Adds a row. An empty cell is shown as [`NOTHING`].
    pub fn row(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        let shown =
            |(text, tone): (String, Tone)| if text.is_empty() { (NOTHING.to_owned(), tone) } else { (text, tone) };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// How it is laid out in lines of at most so many characters, under what was laid out `before`.
    pub fn shape(&self, room: Option<usize>, before: Option<&Shape>) -> Shape {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let old = before.and_then(|shape| shape.widths.get(column)).copied().unwrap_or_default();
            cells.map(|(text, _)| text.chars().count()).max().unwrap_or_default().max(old)
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        if let Some(before) = before {
            return Shape { widths, ..before.clone() };
        }
        let mut shape = Shape { widths, shown: (0..count).collect(), is_below: false };
        let Some(room) = room else { return shape };
        for column in &self.spared {
            if shape.beside() > room {
                shape.shown.retain(|shown| shown != column);
            }
        }
        shape.is_below = shape.beside() > room;
        for column in &self.spared_at_last {
            if shape.is_below && shape.head() > room {
                shape.shown.retain(|shown| shown != column);
            }
        }
        shape
    }

    /// The lines, each after `indent`.
    pub fn lines(&self, printer: Printer, indent: &str) -> Vec<String> {
        let room = printer.width.map(|width| width.saturating_sub(indent.len()));
        self.lines_as(&self.shape(room, None), printer, indent)
    }

    /// The lines in a shape.
    pub fn lines_as(&self, shape: &Shape, printer: Printer, indent: &str) -> Vec<String> {
        let room = printer.width.map(|width| width.saturating_sub(indent.len()));
        let rows = self.rows.iter().enumerate();
        let lines = rows.flat_map(|(nth, row)| shape.row(row, self.is_headed && nth == 0, printer, room));
        lines.map(|line| format!("{indent}{line}")).collect()
    }
}

impl Shape {
    /// Where the last column begins, when it is beside the others.
    fn head(&self) -> usize {
        let others = self.shown.iter().rev().skip(1);
        others.map(|column| self.widths[*column] + COLUMN_GAP).sum()
    }

    /// How many characters it takes at least with the last column beside the others.
    fn beside(&self) -> usize {
        let last = self.shown.last().map_or(0, |column| self.widths[*column]);
        self.head() + last.min(COLUMN_MIN)
    }

    fn row(&self, row: &[(String, Tone)], is_heading: bool, printer: Printer, room: Option<usize>) -> Vec<String> {
        let cells: Vec<(usize, &(String, Tone))> =
            self.shown.iter().filter_map(|column| Some((*column, row.get(*column)?))).collect();
        let Some((last, others)) = cells.split_last() else { return Vec::new() };
        let mut head = String::new();
        for (column, (text, tone)) in others {
            head.push_str(&printer.tone(text, *tone));
            head.extend(std::iter::repeat_n(' ', self.widths[*column] - text.chars().count() + COLUMN_GAP));
        }
        let (text, tone) = last.1;
        let below = |lines: Vec<String>, indent: &str| -> Vec<String> {
            lines.iter().map(|line| format!("{indent}{}", printer.tone(line, *tone))).collect()
        };
        let Some(room) = room else { return vec![format!("{head}{}", printer.tone(text, *tone))] };
        if self.is_below {
            let mut lines = vec![head.trim_end().to_owned()];
            if !is_heading && text != NOTHING {
                lines.extend(below(wrapped(text, room.saturating_sub(BELOW.len())), BELOW));
            }
            return lines;
        }
        let indent = " ".repeat(self.head());
        let mut lines = below(wrapped(text, room.saturating_sub(self.head()).max(LAST_MIN)), &indent);
        // The first one stands after its row.
        let first = lines.first().map(|line| line[indent.len()..].to_owned()).unwrap_or_default();
        lines[0] = format!("{head}{first}");
        lines
    }
}

/// However wide what is added to a table later makes its columns, the last one has so many characters.
const LAST_MIN: usize = 10;

/// Blanks between two columns.
const COLUMN_GAP: usize = 3;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PLAIN: Printer = Printer { colourful: false, width: None };
    const NARROW: Printer = Printer { colourful: false, width: Some(40) };

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut columns = Columns::headed(&["NAME", "READY"]);
        columns.row([("long-name".to_owned(), Tone::Plain), (String::new(), Tone::Good)]);
        assert_eq!(columns.lines(PLAIN, ""), ["NAME        READY", "long-name   -"]);
    }

    #[test]
    fn colour_does_not_move_a_column() {
        let mut columns = Columns::default();
        columns.row([("a".to_owned(), Tone::Bad), ("b".to_owned(), Tone::Plain)]);
        assert_eq!(columns.lines(Printer { colourful: true, width: None }, ""), ["\u{1b}[31ma\u{1b}[0m   b"]);
    }

    fn table(cells: [&str; 4]) -> Columns {
        let mut columns = Columns::headed(&["NAME", "IMAGE", "AGE", "MESSAGE"]);
        columns.row(cells.map(|cell| (cell.to_owned(), Tone::Plain)));
        columns
    }

    #[test]
    fn what_is_too_long_goes_on_under_its_column() {
        let columns = table(["a", "b", "c", "one two three four five six seven eight nine ten eleven"]);
        let wanted = [
            "  NAME   IMAGE   AGE   MESSAGE",
            "  a      b       c     one two three four five six seven eight nine",
            "                       ten eleven",
        ];
        assert_eq!(columns.lines(Printer { width: Some(67), ..NARROW }, "  "), wanted);
    }

    #[test]
    fn columns_that_can_be_spared_are_left_out_before_anything_is_put_below() {
        let columns = table(["a", "a-long-image", "c", "one two three four five"]).sparing(&[1]);
        let wanted = ["NAME   AGE   MESSAGE", "a      c     one two three four five"];
        assert_eq!(columns.lines(NARROW, ""), wanted);
        assert_eq!(columns.lines(PLAIN, "")[0], "NAME   IMAGE          AGE   MESSAGE", "a program gets all");
    }

    #[test]
    fn what_has_no_room_beside_is_below_its_row() {
        let columns = || table(["a-long-name", "an-image", "c", "one two three four five six seven"]);
        let wanted =
            ["NAME          IMAGE      AGE", "a-long-name   an-image   c", "      one two three four five six seven"];
        assert_eq!(columns().sparing_at_last(&[1]).lines(NARROW, ""), wanted);
        let mut nothing = table(["a-very-long-name-indeed-it-is", "an-image", "c", ""]).sparing_at_last(&[1]);
        nothing.row(["b", "b", "b", "one two three four five six"].map(|cell| (cell.to_owned(), Tone::Plain)));
        let wanted = [
            "NAME                            AGE",
            "a-very-long-name-indeed-it-is   c",
            "b                               b",
            "      one two three four five six",
        ];
        assert_eq!(nothing.lines(NARROW, ""), wanted);
    }

    #[test]
    fn what_is_added_later_stands_under_what_was_printed() {
        let first = table(["a", "b", "c", "d"]).sparing(&[1]).shape(Some(22), None);
        let mut later = Columns::default();
        later.row(["b", "b", "b", "b"].map(|cell| (cell.to_owned(), Tone::Plain)));
        let shape = later.shape(Some(22), Some(&first));
        assert_eq!(later.lines_as(&shape, Printer { width: Some(22), ..NARROW }, ""), ["b      b     b"]);
    }

    proptest! {
        #[test]
        fn no_line_of_a_table_is_wider_than_asked(rows in prop::collection::vec(["[a-z]{0,9}", "[a-z]{0,9}", "[a-z ]{0,200}"], 1..6)) {
            let mut columns = Columns::headed(&["NAME", "AGE", "MESSAGE"]);
            for row in rows {
                columns.row(row.map(|cell| (cell.trim().to_owned(), Tone::Plain)));
            }
            for line in columns.lines(Printer { width: Some(60), ..PLAIN }, "  ") {
                prop_assert!(line.chars().count() <= 60, "{:?}", line);
            }
        }
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
