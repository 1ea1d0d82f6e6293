//! A disk of its own, of which the power can be cut.

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
/// How long a file system may be in use by processes that were killed.
const LEFT: Duration = Duration::from_secs(20);

/// `EXT4_IOC_SHUTDOWN`: the file system stops, as if the machine had.
const SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
/// What is not on the disk by then is gone, its journal too.
const NO_LOG_FLUSH: u32 = 2;

/// An ext4 in a file, mounted.
pub struct Disk {
    folder: TempFolder,
}

impl Disk {
    /// Makes one, or says what it takes.
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

    /// Where it is mounted.
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

    /// Puts on the disk what was written without care.
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

    /// Has the power back, once nobody has a file of it open any more.
    pub async fn back(&self) {
        let unmount = async || run(Command::new("umount").arg(self.path())).is_ok();
        within(LEFT, "the disk is unmounted", until(unmount)).await;
        self.mount().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still has a file open keeps it until it ends.
        let _ = run(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}
