//! A small ext4 volume that can lose its power.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fs_err::{File, OpenOptions};
use tempfile::TempDir;

use super::sys::{self, Plug};

/// A volume in a file, mounted in a mount namespace of its own.
pub(super) struct Disk {
    folder: TempDir,
    options: &'static str,
    is_mounted: bool,
}

impl Disk {
    pub(super) fn new(scratch: &Path, options: &'static str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("disk-")
            .tempdir_in(scratch)?;
        let mut disk = Self {
            folder,
            options,
            is_mounted: false,
        };
        fs_err::create_dir(disk.root())?;
        File::create(disk.image())?.set_len(SIZE)?;
        let quiet = ["-q", "-F", "-b", "4096", "-m", "0", "-O", "^resize_inode"];
        do_it(Command::new("mkfs.ext4").args(quiet).arg(disk.image()))?;
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Empties the volume and brings that to the disk, so that nothing of an earlier run can come back.
    pub(super) fn clear(&self) -> Result<()> {
        for entry in fs_err::read_dir(self.root())? {
            let path = entry?.path();
            if path.is_dir() {
                fs_err::remove_dir_all(path)?;
            } else {
                fs_err::remove_file(path)?;
            }
        }
        Ok(rustix::fs::syncfs(File::open(self.root())?.file())?)
    }

    /// The handle by which [`cut`](Self::cut) reaches the volume.
    pub(super) fn handle(&self) -> Result<File> {
        Ok(File::open(self.root())?)
    }

    /// Cuts the power.
    pub(super) fn cut(handle: &File, plug: Plug) -> Result<()> {
        sys::pull(handle.file(), plug).context("the volume does not shut down")
    }

    /// Starts again on what is on the disk.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.unmount()?;
        self.mount()
    }

    fn mount(&mut self) -> Result<()> {
        do_it(
            Command::new("mount")
                .args(["-t", "ext4", "-o"])
                .arg(format!("loop,{}", self.options))
                .arg(self.image())
                .arg(self.root()),
        )?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<()> {
        let started = Instant::now();
        // A program that another worker is just starting holds our files until it is that program.
        while let Err(error) = do_it(Command::new("umount").arg(self.root())) {
            if started.elapsed() > PATIENCE {
                return Err(error);
            }
            std::thread::yield_now();
        }
        self.is_mounted = false;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // The namespace takes the mount with it if this fails.
            let _ = self.unmount();
        }
    }
}

/// The number by which a program knows this run of the kernel, as those in our mount namespace see it.
///
/// A power cut that is only one volume's leaves the kernel running. Who trusts what was in the page cache as long as
/// the kernel runs is right to do so; so here the number changes with each cut.
pub(super) struct Boot {
    file: PathBuf,
    count: AtomicU64,
}

impl Boot {
    pub(super) fn new(scratch: &Path) -> Result<Self> {
        let boot = Self {
            file: scratch.join("boot_id"),
            count: AtomicU64::new(0),
        };
        boot.next()?;
        let place = "/proc/sys/kernel/random/boot_id";
        do_it(
            Command::new("mount")
                .arg("--bind")
                .arg(&boot.file)
                .arg(place),
        )?;
        Ok(boot)
    }

    /// Another run of the kernel begins.
    pub(super) fn next(&self) -> Result<()> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // In place, because the file is what is mounted, and in one write, because programs of other workers read it.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.file)?;
        let id = format!("00000000-0000-4000-8000-{count:012x}\n");
        file.file().write_all_at(id.as_bytes(), 0)?;
        Ok(())
    }
}

/// Why volumes cannot be made here.
pub(super) fn why_not() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("not root".to_owned());
    }
    for program in ["mkfs.ext4", "mount", "umount", "unshare"] {
        let found = Command::new(program)
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            return Some(format!("no {program}"));
        }
    }
    (!Path::new("/dev/loop-control").exists()).then(|| "no loop devices".to_owned())
}

/// Runs a tool of the system that must succeed.
pub(super) fn do_it(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(10);
/// Room for the biggest load twice, and the journal.
const SIZE: u64 = 256 << 20;
