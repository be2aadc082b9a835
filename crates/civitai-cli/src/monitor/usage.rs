//! What the system says this process has used.

use std::time::Duration;

use civitai_analytics::Usage;

/// Reads the process's clock and its memory. What the system does not tell stays unknown.
pub(crate) fn usage() -> Usage {
    // Only Linux has it, and it stays readable for a process that nobody may trace.
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    Usage {
        cpu: cpu(),
        rss_bytes: kibibytes(&status, "VmRSS:"),
        peak_rss_bytes: kibibytes(&status, "VmHWM:"),
    }
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_status() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1 kB\nVmSwap:\tmuch\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1024));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        assert_eq!(kibibytes(status, "VmPeak:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let usage = usage();
        assert!(usage.cpu > Duration::ZERO, "{usage:?}");
        assert!(usage.rss_bytes > Some(1 << 16), "{usage:?}");
        assert!(usage.peak_rss_bytes >= usage.rss_bytes, "{usage:?}");
    }
}
