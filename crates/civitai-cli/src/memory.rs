//! How the allocator keeps the memory that bodies pass through.

/// Has the allocator keep the buffers of connections instead of giving each back to the system, and lets threads share
/// them. Called before there are other threads.
///
/// A connection's buffer is taken by the thread that receives and freed by the one that writes. With glibc's defaults
/// that is a pool a thread, trimmed below the size of two such buffers: their pages are given up and faulted in anew,
/// some ten thousand times a gigabyte.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator is set by a C function")]
pub(crate) fn keep_buffers() {
    use libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, mallopt};
    // SAFETY: mallopt takes numbers only and may be called before any thread was started. What it refuses stays at
    // its default.
    unsafe {
        mallopt(M_ARENA_MAX, 1);
        mallopt(M_MMAP_THRESHOLD, OWN_MAPPING);
        mallopt(M_TRIM_THRESHOLD, KEPT);
    }
}

/// Other allocators keep what they have.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_buffers() {}

/// Above the largest buffer of a connection, 400 KiB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_MAPPING: libc::c_int = 1 << 20;
/// More than the connections of a transfer hold together.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 8 << 20;
