/// The dots of a character, left column first, from the top; Unicode's braille patterns begin at U+2800.
const BRAILLE: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BRAILLE_BLANK: u32 = 0x2800;

/// A field of characters to draw on: 2 by 4 dots each, or one mark each.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    marked: bool,
    cells: Vec<Cell>,
}

/// A character: its dots, and the line that was drawn last on it.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    dots: u32,
    line: usize,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, marked: bool) -> Self {
        Canvas { width, height, marked, cells: vec![Cell::default(); width * height] }
    }

    /// How many dots there are across and down.
    pub(super) fn dots(&self) -> (usize, usize) {
        if self.marked { (self.width, self.height) } else { (self.width * 2, self.height * 4) }
    }

    /// Sets a dot.
    pub(super) fn dot(&mut self, line: usize, (x, y): (usize, usize)) {
        let (column, row, bit) = match self.marked {
            true => (x, y, 1),
            false => (x / 2, y / 4, BRAILLE[x % 2][y % 4]),
        };
        if column < self.width && row < self.height {
            let cell = &mut self.cells[row * self.width + column];
            cell.dots |= bit;
            cell.line = line;
        }
    }

    /// A row's characters; `color` gives the ANSI colour of a line.
    pub(super) fn row(&self, row: usize, mark: impl Fn(usize) -> char, color: impl Fn(usize) -> Option<u8>) -> String {
        let mut text = String::new();
        let cells = &self.cells[row * self.width..(row + 1) * self.width];
        // Blanks at the end need no colour.
        let end = cells.iter().rposition(|cell| cell.dots != 0).map_or(0, |last| last + 1);
        let mut current = None;
        for cell in &cells[..end] {
            let wanted = if cell.dots == 0 { None } else { color(cell.line) };
            if wanted != current {
                text.push_str(&wanted.map_or("\u{1b}[0m".to_owned(), |code| format!("\u{1b}[{code}m")));
                current = wanted;
            }
            text.push(match (cell.dots, self.marked) {
                (0, _) => ' ',
                (_, true) => mark(cell.line),
                (dots, false) => char::from_u32(BRAILLE_BLANK + dots).unwrap_or(' '),
            });
        }
        if current.is_some() {
            text.push_str("\u{1b}[0m");
        }
        text
    }
}
