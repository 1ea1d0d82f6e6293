//! Tables for people.

/// Prints rows below their headings: the first column left-aligned, numbers right-aligned.
pub fn print(title: &str, heads: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(i, head)| rows.iter().map(|row| row[i].len()).fold(head.len(), usize::max))
        .collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
            if i == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    println!("\n{title}");
    println!("{}", line(&heads.iter().map(ToString::to_string).collect::<Vec<_>>()));
    for row in rows {
        println!("{}", line(row));
    }
}
