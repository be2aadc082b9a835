//! The calls into the kernel for which no safe function exists; the only unsafe code of this program.
#![expect(
    unsafe_code,
    reason = "wait4, unshare, ppoll and the ioctl of TUN devices have no safe form in std or in rustix as built here"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::time::Duration;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Waits for a child and returns how it ended and what it and the children that it waited for used.
pub(crate) fn wait(pid: u32) -> io::Result<(ExitStatus, libc::rusage)> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: zero is a value of `rusage`, which is plain data.
    let mut usage = unsafe { mem::zeroed::<libc::rusage>() };
    loop {
        // SAFETY: both pointers are valid for the call.
        let reaped = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if reaped == pid {
            return Ok((ExitStatus::from_raw(status), usage));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Moves the calling thread into a new network namespace.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: descriptors stay shared (no FILES flag), which is what makes other flags unsafe.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map_err(io::Error::from)
}

/// Makes `device`, an open `/dev/net/tun`, the far side of a new interface that carries bare IP packets.
pub(crate) fn attach_tun(device: BorrowedFd<'_>, interface: &str) -> io::Result<()> {
    // SAFETY: zero is a value of `ifreq`, which is plain data.
    let mut request = unsafe { mem::zeroed::<libc::ifreq>() };
    // The last byte stays zero: the kernel reads a C string.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..room].iter_mut().zip(interface.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open and the request is an initialised `ifreq`, as TUNSETIFF wants.
    match unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sleeps until one of `files` has something to read or `timeout` is over; says which have.
pub(crate) fn wait_readable<const N: usize>(
    files: [BorrowedFd<'_>; N],
    timeout: Duration,
) -> io::Result<[bool; N]> {
    let mut asked = files.map(|file| libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let count = libc::nfds_t::try_from(N).map_err(io::Error::other)?;
    // SAFETY: `asked` holds `count` entries, the time is initialised, and no signal mask is given.
    let ready = unsafe { libc::ppoll(asked.as_mut_ptr(), count, &raw const timeout, ptr::null()) };
    if ready < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(asked.map(|file| file.revents != 0))
}
