//! A table of words: every column as wide as its widest cell, numbers on the right. Filled by `status` and
//! `simulate`.

use crate::tone::{Palette, Tone};

/// A table that grows by rows.
pub(crate) struct Table {
    columns: Vec<(Side, &'static str)>,
    rows: Vec<Vec<Cell>>,
}

/// Where a column's cells stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// One cell.
pub(crate) type Cell = (Tone, String);

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(Side, &'static str)]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, which has a cell for every column.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table with its heading; each line ends with a newline.
    pub(crate) fn render(&self, palette: Palette) -> String {
        let heading: Vec<Cell> =
            self.columns.iter().map(|(_, title)| (Tone::Quiet, (*title).to_owned())).collect();
        let widths = self.widths();
        std::iter::once(&heading)
            .chain(&self.rows)
            .map(|row| self.render_row(row, &widths, palette))
            .collect()
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize, title: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|(_, text)| text.chars().count());
            widths.chain([title.chars().count()]).max().unwrap_or_default()
        };
        self.columns.iter().enumerate().map(|(column, (_, title))| width(column, title)).collect()
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], palette: Palette) -> String {
        let mut line = String::new();
        // Blanks wait until a word comes, so that no line ends with them.
        let mut blanks = 0;
        for (((side, _), (tone, text)), width) in self.columns.iter().zip(row).zip(widths) {
            let missing = width - text.chars().count();
            let (before, after) = if *side == Side::Left { (0, missing) } else { (missing, 0) };
            blanks += before;
            if text.is_empty() {
                blanks += after + GAP;
                continue;
            }
            line.push_str(&" ".repeat(blanks));
            line.push_str(&palette.paint(*tone, text));
            blanks = after + GAP;
        }
        line.push('\n');
        line
    }
}

/// Columns between two columns.
const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_no_line_ends_with_blanks() {
        let mut table = Table::new(&[(Side::Left, "a"), (Side::Right, "count"), (Side::Left, "")]);
        let plain = |text: &str| (Tone::Plain, text.to_owned());
        table.push(vec![plain("ü longer"), plain("1"), plain("")]);
        table.push(vec![plain("x"), plain("1,000,000"), plain("why")]);
        let expected = "\
a             count
ü longer          1
x         1,000,000  why
";
        assert_eq!(table.render(Palette::new(false)), expected);
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let mut table = Table::new(&[(Side::Left, ""), (Side::Left, "")]);
        let row = |word: &str| vec![(Tone::Good, word.to_owned()), (Tone::Plain, "x".to_owned())];
        table.push(row("up"));
        table.push(row("unchecked"));
        let shown = table.render(Palette::new(true));
        assert!(shown.contains("\x1b[32mup\x1b[0m         x\n"), "{shown:?}");
    }
}
