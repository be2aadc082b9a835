//! The system calls that have no safe form: tracing a child, and pulling the plug of an ext4 volume.
//!
//! All that is unsafe in this program is here, each piece behind a function that cannot be misused: the tracing calls
//! act on a process id and fail when the caller does not trace it.

#![expect(
    unsafe_code,
    reason = "ptrace, seccomp and a file system's own ioctl have no safe interface"
)]

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use libc::{c_int, c_long, c_void, pid_t, sock_filter};

/// Where a traced thread stopped, or how it ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Before a call the filter names.
    Call,
    /// After a call that was let through with [`Until::Done`].
    Done,
    /// For a signal that it is to be given.
    Signal(c_int),
    /// For a reason that is only the tracer's: it was born, or became another program.
    Nothing,
    Exited(c_int),
    Killed,
}

/// How far a stopped thread runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// To the next call the filter names.
    NextCall,
    /// To the end of the call it is about to make.
    Done,
}

/// Makes the child of `command` stop before each of these calls, once [`attend`] was told of it.
pub(super) fn trace(command: &mut Command, calls: &[c_long]) {
    let filter = filter(calls);
    let prepare = move || {
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
            filter: filter.as_ptr().cast_mut(),
        };
        // SAFETY: plain system calls with valid arguments; the kernel copies the program.
        let refused = unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) < 0
                || libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
                || libc::prctl(
                    libc::PR_SET_SECCOMP,
                    libc::SECCOMP_MODE_FILTER,
                    &raw const program,
                ) < 0
        };
        if refused {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls and allocates nothing.
    unsafe { command.pre_exec(prepare) };
}

/// Takes charge of the child that has stopped at its first instruction. Its threads will be traced too, and it dies
/// with its tracer.
pub(super) fn attend(child: pid_t) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACESECCOMP
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SETOPTIONS, child, 0, c_long::from(options))
}

/// Waits for any thread that this thread traces; `None` when there is none left.
pub(super) fn wait() -> io::Result<Option<(pid_t, Stop)>> {
    let mut status = 0;
    // SAFETY: the pointer is valid for the call.
    let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    if thread < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ECHILD) => Ok(None),
            Some(libc::EINTR) => wait(),
            _ => Err(error),
        };
    }
    let stop = if libc::WIFEXITED(status) {
        Stop::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        Stop::Killed
    } else {
        match (libc::WSTOPSIG(status), status >> 16) {
            (libc::SIGTRAP, libc::PTRACE_EVENT_SECCOMP) => Stop::Call,
            (signal, 0) if signal == libc::SIGTRAP | 0x80 => Stop::Done,
            (libc::SIGTRAP | libc::SIGSTOP, _) => Stop::Nothing,
            (signal, _) => Stop::Signal(signal),
        }
    };
    Ok(Some((thread, stop)))
}

/// Lets a stopped thread run on. That it has been killed meanwhile is no error: the next [`wait`] says so.
pub(super) fn go_on(thread: pid_t, until: Until, signal: c_int) -> io::Result<()> {
    let how = match until {
        Until::NextCall => libc::PTRACE_CONT,
        Until::Done => libc::PTRACE_SYSCALL,
    };
    match request(how, thread, 0, c_long::from(signal)) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other,
    }
}

/// A call that a stopped thread is about to make, or has made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    pub(super) number: c_long,
    pub(super) arguments: [u64; 3],
    pub(super) result: i64,
}

/// Reads the call of a stopped thread; `None` when it has been killed meanwhile.
pub(super) fn registers(thread: pid_t) -> io::Result<Option<Registers>> {
    // SAFETY: for this plain structure of integers zero is a value.
    let mut user = unsafe { std::mem::zeroed::<libc::user_regs_struct>() };
    let read = request(
        libc::PTRACE_GETREGS,
        thread,
        0,
        (&raw mut user).cast::<c_void>() as c_long,
    );
    match read {
        Ok(()) => Ok(Some(Registers {
            number: user.orig_rax.cast_signed(),
            arguments: [user.rdi, user.rsi, user.rdx],
            result: user.rax.cast_signed(),
        })),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the call that a thread is about to make answer `result` without happening.
pub(super) fn answer(thread: pid_t, result: i64) -> io::Result<()> {
    let poke = |register: c_int, value: i64| {
        let offset = c_long::from(register) * 8;
        request(libc::PTRACE_POKEUSER, thread, offset, value)
    };
    poke(libc::ORIG_RAX, -1)?;
    poke(libc::RAX, result)
}

/// What of an ext4 volume survives when its plug is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plug {
    /// The journal as it is in memory: metadata without the data it speaks of.
    KeepJournal = 1,
    /// Only what is on the disk.
    DropJournal = 2,
}

/// Stops an ext4 volume at once, as a power cut does: nothing that is not on the disk ever gets there.
pub(super) fn pull(folder: &File, plug: Plug) -> io::Result<()> {
    let flag = plug as u32;
    // SAFETY: the call reads four bytes from a pointer that is valid for it.
    let result = unsafe {
        libc::ioctl(
            std::os::fd::AsRawFd::as_raw_fd(folder),
            EXT4_IOC_SHUTDOWN,
            &raw const flag,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn request(what: libc::c_uint, thread: pid_t, address: c_long, data: c_long) -> io::Result<()> {
    // SAFETY: the requests of this module write at most to the structure their caller lends for the call.
    if unsafe { libc::ptrace(what, thread, address, data) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A seccomp program that reports these calls to the tracer and lets all others through at full speed.
fn filter(calls: &[c_long]) -> Vec<sock_filter> {
    let statement = |code: u32, k: u32| sock_filter {
        code: u16::try_from(code).unwrap_or(u16::MAX),
        jt: 0,
        jf: 0,
        k,
    };
    // The number of the call is the first word of what the program is shown.
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        let number = u32::try_from(*call).unwrap_or(u32::MAX);
        program.push(sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number)
        });
        program.push(statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_TRACE,
        ));
    }
    program.push(statement(
        libc::BPF_RET | libc::BPF_K,
        libc::SECCOMP_RET_ALLOW,
    ));
    program
}

/// From the kernel's fs/ext4/ext4.h.
const EXT4_IOC_SHUTDOWN: libc::c_ulong = 0x8004_587d;
