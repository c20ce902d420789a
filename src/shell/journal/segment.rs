use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::entry::{Entry, FRAME_BYTES, Frame};

/// What a segment file begins with; the last two digits are the version of the format.
pub(super) const HEADER: [u8; 8] = *b"wbjrnl01";
const HEADER_NAME_BYTES: usize = 6;
const NAME_END: &str = ".seg";

/// The name of the segment `number`.
pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}{NAME_END}"))
}

/// The numbers of the segments in `folder`, ascending; other files are left alone.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = || JournalError::io("cannot list", folder);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(NAME_END)).filter(|digits| digits.len() == 20);
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What comes next in a segment.
pub(super) enum Step {
    /// An entry.
    Entry(Entry),
    /// An entry of a kind that is not known; what follows it can be read.
    Unknown,
    /// Nothing more.
    End,
    /// The file ends within an entry.
    Torn,
    /// An entry that was changed, or no entry at all: nothing behind it can be trusted.
    Damaged,
}

/// Reads one segment from its start.
pub(super) struct Scanner {
    file: BufReader<File>,
    /// How many bytes hold whole entries so far, the header included.
    pub(super) good_bytes: u64,
    /// The file's length when it was opened.
    pub(super) file_bytes: u64,
    /// The body of the entry at hand.
    body: Vec<u8>,
}

impl Scanner {
    /// Opens the segment; `None` when it ends within its header.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, JournalError> {
        let failed = || JournalError::io("cannot read", path);
        let file = File::open(path).map_err(failed())?;
        let file_bytes = file.metadata().map_err(failed())?.len();
        let mut file = BufReader::new(file);
        let mut header = [0; HEADER.len()];
        if file_bytes < header.len() as u64 {
            return Ok(None);
        }
        file.read_exact(&mut header).map_err(failed())?;
        if header != HEADER && header[..HEADER_NAME_BYTES] == HEADER[..HEADER_NAME_BYTES] {
            return Err(JournalError::Newer { path: path.to_owned() });
        }
        // A header that was changed leaves entries that their checksums vouch for.
        Ok(Some(Scanner { file, good_bytes: header.len() as u64, file_bytes, body: Vec::new() }))
    }

    /// The next entry, or why there is none.
    pub(super) fn next(&mut self) -> io::Result<Step> {
        let left = self.file_bytes.saturating_sub(self.good_bytes);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < FRAME_BYTES as u64 {
            return Ok(Step::Torn);
        }
        let mut bytes = [0; FRAME_BYTES];
        self.file.read_exact(&mut bytes)?;
        let frame = Frame::decode(bytes);
        let whole = (FRAME_BYTES + frame.length) as u64;
        if !frame.is_plausible() {
            return Ok(if is_zero(&bytes) && self.rest_is_zero()? { Step::Torn } else { Step::Damaged });
        }
        if whole > left {
            return Ok(Step::Torn);
        }
        self.body.resize(frame.length, 0);
        self.file.read_exact(&mut self.body)?;
        if !frame.is_of(&self.body) {
            // Of the last entry the length may be on disk and the rest not yet.
            return Ok(if whole == left { Step::Torn } else { Step::Damaged });
        }
        self.good_bytes += whole;
        Ok(Entry::decode(&self.body).map_or(Step::Unknown, Step::Entry))
    }

    /// Whether nothing but zeros follows: room that a file system gave the file before its data.
    fn rest_is_zero(&mut self) -> io::Result<bool> {
        let mut block = [0; 4096];
        loop {
            match self.file.read(&mut block)? {
                0 => return Ok(true),
                count if !is_zero(&block[..count]) => return Ok(false),
                _ => {}
            }
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
