//! Tables for people: they fit the terminal, and wide characters count as two columns.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table};
use unicode_width::UnicodeWidthStr as _;

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
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(one_line).collect())
        .collect();
    let widths = widths(columns, &rows);
    let needed = widths.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1);
    match width {
        Some(width) if needed > usize::from(width) => broken(columns, &rows, width),
        _ => whole(columns, &rows, &widths),
    }
}

/// How wide each column is, if nothing is broken.
fn widths(columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<_> = columns.iter().map(|column| column.head.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    widths
}

/// Lines of whole cells.
fn whole(columns: &[Column], rows: &[Vec<String>], widths: &[usize]) -> String {
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut pad = 0;
        for ((cell, column), width) in cells.zip(columns).zip(widths) {
            let rest = width.saturating_sub(cell.width());
            let before = match column.alignment {
                CellAlignment::Right => rest,
                _ => 0,
            };
            // Blanks come with the next cell that says anything, so that none end a line.
            if cell.is_empty() {
                pad += width + GAP;
            } else {
                text.extend(std::iter::repeat_n(' ', pad + before));
                text.push_str(cell);
                pad = rest - before + GAP;
            }
        }
        text.push('\n');
    };
    line(&mut columns.iter().map(|column| column.head));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// Lines of cells that are broken to fit.
fn broken(columns: &[Column], rows: &[Vec<String>], width: u16) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(columns.iter().map(|column| column.head))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    for row in rows {
        table.add_row(row.iter().map(Cell::new));
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(formatted) = table.column_mut(index) {
            formatted.set_cell_alignment(column.alignment);
            let gap = u16::try_from(GAP).expect("two fit");
            formatted.set_padding((0, if index + 1 == columns.len() { 0 } else { gap }));
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
fn one_line(cell: String) -> String {
    // Nearly all names are made of these, and a library has many.
    if cell.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return cell;
    }
    printable(&cell).replace(['\n', '\t'], " ")
}

/// Between two columns.
const GAP: usize = 2;

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

    /// Both ways of setting a table agree where nothing has to be broken.
    #[test]
    fn a_table_that_fits_looks_the_same_broken_or_whole() {
        let (columns, mut rows) = sample();
        rows.push(vec![String::new(), "no number".to_owned(), String::new()]);
        rows.push(vec!["8".to_owned(), String::new(), String::new()]);
        let wide = broken(&columns, &rows, 200);
        assert_eq!(whole(&columns, &rows, &widths(&columns, &rows)), wide);
    }

    #[test]
    fn without_a_terminal_cells_stay_whole() {
        let (columns, rows) = sample();
        let text = render_within(&columns, rows, None);
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
