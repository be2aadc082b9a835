//! Tables for people: they fit the terminal, and wide characters count as two columns.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table};

use crate::printer::printable;

/// A column: its head, and whether it holds numbers.
#[derive(Debug)]
pub(crate) struct Column {
    head: &'static str,
    alignment: CellAlignment,
    wraps: bool,
}

impl Column {
    /// Text that may be broken over lines when the terminal is narrow.
    pub(crate) fn text(head: &'static str) -> Self {
        Self {
            head,
            alignment: CellAlignment::Left,
            wraps: true,
        }
    }

    /// Numbers, which are useless when broken.
    pub(crate) fn number(head: &'static str) -> Self {
        Self {
            head,
            alignment: CellAlignment::Right,
            wraps: false,
        }
    }
}

/// Renders rows under heads, at most as wide as the terminal. Without a terminal nothing is broken, so that `grep`
/// and `cut` see whole cells.
pub(crate) fn render(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    render_within(columns, rows, room())
}

/// Columns of the terminal, if there is one.
pub(crate) fn room() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

fn render_within(columns: &[Column], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(columns.iter().map(|column| column.head));
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(one_line(cell))));
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(formatted) = table.column_mut(index) {
            formatted.set_cell_alignment(column.alignment);
            formatted.set_padding((0, if index + 1 == columns.len() { 0 } else { 2 }));
            if !column.wraps {
                formatted.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    let text = table.to_string();
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Names come from strangers: no terminal commands, no line breaks.
fn one_line(cell: &str) -> String {
    printable(cell).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<Column>, Vec<Vec<String>>) {
        let columns = vec![
            Column::number("id"),
            Column::text("name"),
            Column::number("size"),
        ];
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = vec![
            row([
                "7",
                "某个模型の詳細な画風を再現するための学習済みモデル",
                "12 MiB",
            ]),
            row(["1234567", "plain", "6.5 GiB"]),
        ];
        (columns, rows)
    }

    #[test]
    fn every_line_fits_the_terminal_and_columns_align() {
        let (columns, rows) = sample();
        let text = render_within(&columns, rows, Some(40));
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= 40, "{text}");
        }
        let ends = text
            .lines()
            .filter(|line| line.ends_with('B'))
            .map(unicode_width::UnicodeWidthStr::width);
        assert_eq!(
            ends.collect::<std::collections::BTreeSet<_>>().len(),
            1,
            "{text}"
        );
    }

    #[test]
    fn without_a_terminal_cells_stay_whole() {
        let (columns, rows) = sample();
        let text = render_within(&columns, rows, None);
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
