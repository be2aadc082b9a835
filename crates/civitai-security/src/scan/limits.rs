use std::time::Duration;

/// What a scan may use up before it gives a file up as [`Unscannable`](super::Verdict::Unscannable).
///
/// The amounts are shared by a file and everything packed into it, unless a field says otherwise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Opcodes of all pickles: 50 million.
    pub opcodes: u64,
    /// Values on the stack of one pickle: 1 million.
    pub stack: usize,
    /// Values in the memo of one pickle: 1 million.
    pub memo: usize,
    /// Levels of nested values, objects or blocks inside one format: 64.
    pub nesting: usize,
    /// Containers in containers: 8.
    pub depth: usize,
    /// Members of all archives: 100,000.
    pub members: u64,
    /// Unpacked bytes for each packed byte, of one stream: 200.
    pub ratio: u64,
    /// Unpacked bytes for each byte of the file, of all streams: 16, within the two bounds below.
    pub decoded_ratio: u64,
    /// Unpacked bytes that are always allowed: 64 MiB.
    pub decoded_min: u64,
    /// Unpacked bytes that are never exceeded: 1 GiB.
    pub decoded_max: u64,
    /// Unpacked bytes of one stream that are kept in memory; above it an unnamed temporary file holds
    /// them: 32 MiB.
    pub memory: usize,
    /// Processor time, to which a nanosecond is added for each byte of the file, so that large files can be read: 1.5
    /// seconds.
    pub time: Duration,
    /// Findings that are kept; the worst verdict counts even when its finding was not: 1,000.
    pub findings: usize,
}

impl Limits {
    /// The processor time that a file of this size may take.
    pub(super) fn time(&self, file_bytes: u64) -> Duration {
        self.time.saturating_add(Duration::from_nanos(file_bytes))
    }

    /// The unpacked bytes that a file of this size may become.
    pub(super) fn decoded(&self, file_bytes: u64) -> u64 {
        file_bytes
            .saturating_mul(self.decoded_ratio)
            .clamp(self.decoded_min.min(self.decoded_max), self.decoded_max)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            opcodes: 50_000_000,
            stack: 1_000_000,
            memo: 1_000_000,
            nesting: 64,
            depth: 8,
            members: 100_000,
            ratio: 200,
            decoded_ratio: 16,
            decoded_min: 64 << 20,
            decoded_max: 1 << 30,
            memory: 32 << 20,
            time: Duration::from_millis(1500),
            findings: 1_000,
        }
    }
}
