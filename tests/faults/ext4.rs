//! A separate disk whose power can be cut.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::ioctl::{Setter, ioctl, opcode};

use crate::{
    folder::TempFolder,
    wait::{until, within},
};

const IMAGE_BYTES: u64 = 1 << 30;
/// How long killed processes may keep a file system in use.
const LEFT: Duration = Duration::from_secs(20);

/// `EXT4_IOC_SHUTDOWN`: the file system stops, as if the machine had.
const SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
/// What is not on the disk is lost, including the journal.
const NO_LOG_FLUSH: u32 = 2;

/// A mounted ext4 in a file.
pub struct Disk {
    folder: TempFolder,
}

impl Disk {
    /// Creates one, or says what is missing.
    pub fn new() -> Result<Self, String> {
        let disk = Self { folder: TempFolder::new() };
        let failed = |error: io::Error| error.to_string();
        File::create(disk.image()).and_then(|it| it.set_len(IMAGE_BYTES)).map_err(failed)?;
        fs::create_dir(disk.path()).map_err(failed)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(disk.image()))?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// The mount point.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// A folder that is not on it.
    pub fn apart(&self) -> &Path {
        self.folder.path()
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }

    /// Syncs what was written without sync.
    pub fn sync(&self) {
        run(Command::new("sync").arg("-f").arg(self.path())).unwrap();
    }

    /// Cuts the power.
    #[allow(unsafe_code, reason = "there is no other way to reach this call")]
    pub fn cut(&self) {
        let root = File::open(self.path()).unwrap();
        // SAFETY: the operation reads one u32, which is what it is given.
        unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }.unwrap();
    }

    /// Restores the power, once no process has a file of it open.
    pub async fn back(&self) {
        let unmount = async || run(Command::new("umount").arg(self.path())).is_ok();
        within(LEFT, "the disk is unmounted", until(unmount)).await;
        self.mount().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that still has a file open keeps it until it ends.
        let _ = run(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}
