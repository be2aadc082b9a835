//! The system calls at which a program can be struck.

use std::fmt;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use fs_err::File;
use libc::{c_long, pid_t};

/// What a call does to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    /// Opening what is there.
    Open,
    /// Opening, and creating what is not there.
    Create,
    /// Writing at the end: the journal.
    Write,
    /// Writing in place: the data.
    WriteAt,
    Allocate,
    Truncate,
    FlushData,
    Flush,
    Rename,
    Link,
    Unlink,
    MakeFolder,
    ChangeMode,
    Close,
}

impl Call {
    /// Those that errors are injected into, in the order in which they are reported.
    pub(super) const ALL: [Self; 14] = [
        Self::Open,
        Self::Create,
        Self::Write,
        Self::WriteAt,
        Self::Allocate,
        Self::Truncate,
        Self::FlushData,
        Self::Flush,
        Self::Rename,
        Self::Link,
        Self::Unlink,
        Self::MakeFolder,
        Self::ChangeMode,
        Self::Close,
    ];

    /// Whether the disk is another one after it.
    pub(super) fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::Close)
    }

    pub(super) fn flushes(self) -> bool {
        matches!(self, Self::Flush | Self::FlushData)
    }

    /// Whether it is made once for every few hundred kilobytes, and so too often to be struck with every error.
    pub(super) fn is_frequent(self) -> bool {
        matches!(self, Self::Write | Self::WriteAt)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "open-create",
            Self::Write => "write",
            Self::WriteAt => "pwrite",
            Self::Allocate => "fallocate",
            Self::Truncate => "ftruncate",
            Self::FlushData => "fdatasync",
            Self::Flush => "fsync",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::MakeFolder => "mkdir",
            Self::ChangeMode => "fchmod",
            Self::Close => "close",
        })
    }
}

/// A call and what it is about.
pub(super) struct Named {
    call: Call,
    /// Where it acts; nothing if it has no name any more.
    path: Option<PathBuf>,
}

impl Named {
    /// Understands what a stopped thread is about to do; nothing for calls that are not in the table.
    pub(super) fn read(thread: pid_t, number: c_long, arguments: [u64; 3]) -> Option<Self> {
        let (_, call, place) = TABLE.iter().find(|row| row.0 == number)?;
        let flags = arguments[2] & u64::from(libc::O_CREAT.cast_unsigned());
        let call = if *call == Call::Open && flags != 0 {
            Call::Create
        } else {
            *call
        };
        let path = match place {
            // Sockets and the like have no path but a word.
            Place::Descriptor => {
                let link = fs_err::read_link(format!("/proc/{thread}/fd/{}", arguments[0])).ok();
                link.filter(|path| path.is_absolute())
            }
            Place::Path(index) => text(thread, arguments[*index]),
        };
        Some(Self { call, path })
    }

    /// The call, if it acts below `folder`. A relative path does: the program is started there.
    pub(super) fn below(&self, folder: &Path) -> Option<Call> {
        let path = self.path.as_deref()?;
        (path.is_relative() || path.starts_with(folder)).then_some(self.call)
    }
}

/// The path at an address of a stopped thread.
fn text(thread: pid_t, address: u64) -> Option<PathBuf> {
    let mut memory = File::open(format!("/proc/{thread}/mem")).ok()?;
    memory.seek(SeekFrom::Start(address)).ok()?;
    // The page behind the string may not be there: then less is read, and it is enough.
    let mut bytes = vec![0; LONGEST_PATH];
    let read = memory.read(&mut bytes).ok()?;
    let end = bytes[..read].iter().position(|byte| *byte == 0)?;
    bytes.truncate(end);
    Some(std::ffi::OsString::from_vec(bytes).into())
}

/// Where a call says what it acts on.
#[derive(Clone, Copy)]
enum Place {
    Descriptor,
    /// The argument of this index points to a path.
    Path(usize),
}

/// Calls that bring bytes from sockets.
pub(super) const RECEIVING: [c_long; 2] = [libc::SYS_recvfrom, libc::SYS_recvmsg];

/// Every call the tracer stops at.
pub(super) fn watched() -> Vec<c_long> {
    TABLE.iter().map(|row| row.0).chain(RECEIVING).collect()
}

const TABLE: [(c_long, Call, Place); 26] = [
    (libc::SYS_openat, Call::Open, Place::Path(1)),
    (libc::SYS_write, Call::Write, Place::Descriptor),
    (libc::SYS_writev, Call::Write, Place::Descriptor),
    (libc::SYS_pwrite64, Call::WriteAt, Place::Descriptor),
    (libc::SYS_pwritev, Call::WriteAt, Place::Descriptor),
    (libc::SYS_pwritev2, Call::WriteAt, Place::Descriptor),
    (libc::SYS_fallocate, Call::Allocate, Place::Descriptor),
    (libc::SYS_ftruncate, Call::Truncate, Place::Descriptor),
    (libc::SYS_fsync, Call::Flush, Place::Descriptor),
    (libc::SYS_syncfs, Call::Flush, Place::Descriptor),
    (libc::SYS_fdatasync, Call::FlushData, Place::Descriptor),
    (
        libc::SYS_sync_file_range,
        Call::FlushData,
        Place::Descriptor,
    ),
    (libc::SYS_rename, Call::Rename, Place::Path(0)),
    (libc::SYS_renameat, Call::Rename, Place::Path(1)),
    (libc::SYS_renameat2, Call::Rename, Place::Path(1)),
    (libc::SYS_link, Call::Link, Place::Path(1)),
    (libc::SYS_linkat, Call::Link, Place::Path(1)),
    (libc::SYS_symlink, Call::Link, Place::Path(1)),
    (libc::SYS_unlink, Call::Unlink, Place::Path(0)),
    (libc::SYS_unlinkat, Call::Unlink, Place::Path(1)),
    (libc::SYS_mkdir, Call::MakeFolder, Place::Path(0)),
    (libc::SYS_mkdirat, Call::MakeFolder, Place::Path(1)),
    (libc::SYS_chmod, Call::ChangeMode, Place::Path(0)),
    (libc::SYS_fchmod, Call::ChangeMode, Place::Descriptor),
    (libc::SYS_close, Call::Close, Place::Descriptor),
    (libc::SYS_copy_file_range, Call::WriteAt, Place::Descriptor),
];

/// `PATH_MAX`.
const LONGEST_PATH: usize = 4096;
