use crate::model::{Timestamp, TraceId};

/// The largest payload of an entry in bytes.
pub const ENTRY_BYTES_MAX: usize = 128 << 20;
/// The length and the checksum before each entry.
pub(super) const FRAME_BYTES: usize = 8;
/// Kind, time and trace before the payload.
const HEAD_BYTES: usize = 1 + 8 + 16;

/// How the payload of an entry is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Snappy-compressed `prometheus.WriteRequest`, as it came.
    RemoteWriteV1,
    /// Snappy-compressed `io.prometheus.write.v2.Request`, as it came.
    RemoteWriteV2,
    /// JSON lines of `/api/v1/import`, compressed with snappy by Watchbell.
    JsonLines,
    /// Samples without a wire form of their own, written as `prometheus.WriteRequest` by Watchbell.
    Samples,
}

impl EntryKind {
    const ALL: [EntryKind; 4] =
        [EntryKind::RemoteWriteV1, EntryKind::RemoteWriteV2, EntryKind::JsonLines, EntryKind::Samples];

    fn byte(self) -> u8 {
        match self {
            EntryKind::RemoteWriteV1 => 1,
            EntryKind::RemoteWriteV2 => 2,
            EntryKind::JsonLines => 3,
            EntryKind::Samples => 4,
        }
    }
}

/// One accepted batch.
///
/// On disk, little-endian: length u32 and CRC-32 u32 of what follows, kind u8, time of receipt i64 (milliseconds), trace
/// u128, payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How the payload is to be read.
    pub kind: EntryKind,
    /// When the batch was received.
    pub received_at: Timestamp,
    /// The id that follows the batch.
    pub trace: TraceId,
    /// The batch.
    pub payload: Vec<u8>,
}

impl Entry {
    /// Appends the entry as it stands on disk.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let length = (HEAD_BYTES + self.payload.len()) as u32;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.push(self.kind.byte());
        out.extend_from_slice(&self.received_at.millis().to_le_bytes());
        out.extend_from_slice(&self.trace.0.to_le_bytes());
        out.extend_from_slice(&self.payload);
        let checksum = crc32fast::hash(&out[start + FRAME_BYTES..]);
        out[start + 4..start + FRAME_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// The entry whose body, what follows the frame, is `body`; `None` if its kind is not known.
    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let (kind, rest) = body.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (trace, payload) = rest.split_first_chunk::<16>()?;
        Some(Entry {
            kind: EntryKind::ALL.into_iter().find(|known| known.byte() == *kind)?,
            received_at: Timestamp::from_millis(i64::from_le_bytes(*time)),
            trace: TraceId(u128::from_le_bytes(*trace)),
            payload: payload.to_vec(),
        })
    }
}

/// What stands before an entry's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) length: usize,
    checksum: u32,
}

impl Frame {
    pub(super) fn decode(bytes: [u8; FRAME_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Frame { length: u32::from_le_bytes([a, b, c, d]) as usize, checksum: u32::from_le_bytes([e, f, g, h]) }
    }

    /// Whether an entry can have this length.
    pub(super) fn is_plausible(self) -> bool {
        (HEAD_BYTES..=HEAD_BYTES + ENTRY_BYTES_MAX).contains(&self.length)
    }

    pub(super) fn is_of(self, body: &[u8]) -> bool {
        crc32fast::hash(body) == self.checksum
    }
}
