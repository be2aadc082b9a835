//! How much memory this process has held at most.

use std::io;

/// The most bytes that were resident since the last [`forget`]; `None` where the system does not tell.
pub(crate) fn most() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Starts measuring anew.
pub(crate) fn forget() -> io::Result<()> {
    fs_err::write("/proc/self/clear_refs", "5")
}
