//! What was compared, as a table for a person.

use crate::Result;

/// Rows and columns of what was compared.
pub(super) struct Matrix {
    columns: &'static [&'static str],
    rows: Vec<(String, Vec<Cell>)>,
}

/// What became of one kind of comparison.
pub(super) enum Cell {
    /// So many files were read and were what they should be.
    Read(usize),
    /// There is nothing here to compare with, for this reason.
    Skipped(&'static str),
}

impl Matrix {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: &str, cells: Vec<Cell>) {
        self.rows.push((row.to_owned(), cells));
    }

    /// Prints the table and says how many files were read.
    ///
    /// An error if any cell that was not skipped is empty: nothing read is nothing shown.
    pub(super) fn print(&self) -> Result<usize> {
        println!("{:<6} {}", "", self.line(|column| self.columns[column].to_owned()));
        for (name, cells) in &self.rows {
            println!("{name:<6} {}", self.line(|column| cells[column].to_string()));
        }
        let cells =
            || self.rows.iter().flat_map(|(name, cells)| cells.iter().map(move |c| (name, c)));
        if let Some((name, _)) = cells().find(|(_, cell)| matches!(cell, Cell::Read(0))) {
            return Err(format!("nothing was compared for {name}").into());
        }
        let read = |cell: &Cell| if let Cell::Read(files) = cell { *files } else { 0 };
        Ok(cells().map(|(_, cell)| read(cell)).sum())
    }

    fn line(&self, text: impl Fn(usize) -> String) -> String {
        let cells = (0..self.columns.len()).map(|column| {
            let width = self.columns[column].len().max(8);
            format!("{:>width$}", text(column))
        });
        cells.collect::<Vec<_>>().join("  ")
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(files) => write!(f, "{files}"),
            Self::Skipped(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_comparison_is_no_success() {
        let mut matrix = Matrix::new(&["reads ours", "we read"]);
        matrix.push("gzip", vec![Cell::Read(3), Cell::Skipped("no tool")]);
        assert_eq!(matrix.print().unwrap(), 3);
        matrix.push("xz", vec![Cell::Read(0), Cell::Read(1)]);
        assert_eq!(matrix.print().unwrap_err().to_string(), "nothing was compared for xz");
    }
}
