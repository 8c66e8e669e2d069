//! A file system whose power can be cut: ext4 in a file, mounted through a loop device.
//!
//! [`PowerCutDisk::cut`] shuts the file system down without flushing its journal: what was not synced is gone, as after
//! a power failure. Needs root, loop devices, `mkfs.ext4` and `python3`; where one is missing a test says so and passes.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Size of the file system.
const DISK_BYTES: u64 = 512 << 20;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`; Python, since an ioctl is `unsafe` in Rust.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys; \
     fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

/// A file system whose power can be cut. Dropped: unmounted, the file stays to whoever owns the directory.
#[derive(Debug)]
pub struct PowerCutDisk {
    image: PathBuf,
    mounted_at: PathBuf,
}

impl PowerCutDisk {
    /// A new file system named `name`, mounted under `dir`.
    pub async fn create(dir: &Path, name: &str) -> Result<PowerCutDisk> {
        let disk = PowerCutDisk { image: dir.join(format!("{name}.ext4")), mounted_at: dir.join(name) };
        std::fs::File::create(&disk.image)?.set_len(DISK_BYTES)?;
        std::fs::create_dir_all(&disk.mounted_at)?;
        run(Command::new("mkfs.ext4").arg("-q").arg("-F").arg(&disk.image)).await?;
        disk.mount().await?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mounted_at
    }

    /// Mounts it; the journal is replayed, as at a boot.
    pub async fn mount(&self) -> Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mounted_at)).await
    }

    /// From now on nothing more reaches the disk, not even what its journal holds in memory.
    pub async fn cut(&self) -> Result<()> {
        run(Command::new("python3").args(["-c", SHUT_DOWN]).arg(&self.mounted_at)).await
    }

    /// From now on whoever writes to it waits, until [`thaw`](Self::thaw); also a process that is being ended meanwhile.
    pub async fn freeze(&self) -> Result<()> {
        run(Command::new("fsfreeze").arg("--freeze").arg(&self.mounted_at)).await
    }

    /// Writes go on.
    pub async fn thaw(&self) -> Result<()> {
        run(Command::new("fsfreeze").arg("--unfreeze").arg(&self.mounted_at)).await
    }

    /// Unmounts it; every process that uses it must be gone.
    pub async fn unmount(&self) -> Result<()> {
        run(Command::new("umount").arg(&self.mounted_at)).await
    }
}

impl Drop for PowerCutDisk {
    fn drop(&mut self) {
        // At best: a failed test may have left it frozen, and a frozen one keeps every process that writes to it.
        drop(std::process::Command::new("fsfreeze").arg("--unfreeze").arg(&self.mounted_at).stderr(std::process::Stdio::null()).status());
        // At best: a failed test may have unmounted it already. Lazily, since a killed process may still hold it.
        drop(std::process::Command::new("umount").arg("--lazy").arg(&self.mounted_at).stderr(std::process::Stdio::null()).status());
    }
}

/// Why the power cannot be cut on this machine; none if it can.
pub async fn why_not() -> Option<String> {
    let dir = match tempfile::tempdir() {
        Ok(dir) => dir,
        Err(e) => return Some(e.to_string()),
    };
    let tried = async {
        let disk = PowerCutDisk::create(dir.path(), "trial").await?;
        std::fs::write(disk.path().join("unsynced"), "gone after a power cut")?;
        disk.cut().await?;
        disk.unmount().await?;
        disk.mount().await?;
        let kept = std::fs::read(disk.path().join("unsynced")).unwrap_or_default();
        disk.unmount().await?;
        ensure!(kept.is_empty(), "an unsynced file survived the cut");
        Ok(())
    };
    tried.await.err().map(|e: anyhow::Error| format!("{e:#}"))
}

/// Says that a test did not run, past what keeps the output of tests that pass; where `CI` is set it fails instead.
pub fn not_run(reason: &str) -> Result<()> {
    ensure!(std::env::var_os("CI").is_none(), "CI must run this: {reason}");
    writeln!(std::io::stderr(), "SKIPPED, NOT PASSED: {reason}")?;
    Ok(())
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.output().await.with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_power_cut_loses_what_was_not_synced_and_keeps_what_was() {
        if let Some(reason) = why_not().await {
            not_run(&format!("no power can be cut on this machine: {reason}")).unwrap();
            return;
        }
        let room = tempfile::tempdir().unwrap();
        let disk = PowerCutDisk::create(room.path(), "disk").await.unwrap();
        let synced = disk.path().join("synced");
        let mut file = std::fs::File::create(&synced).unwrap();
        file.write_all(b"kept").unwrap();
        file.sync_all().unwrap();
        std::fs::File::open(disk.path()).unwrap().sync_all().unwrap();
        std::fs::write(disk.path().join("unsynced"), "lost").unwrap();
        drop(file);

        disk.cut().await.unwrap();
        disk.unmount().await.unwrap();
        disk.mount().await.unwrap();

        assert_eq!(std::fs::read(&synced).unwrap(), b"kept");
        assert!(!disk.path().join("unsynced").exists());
        disk.unmount().await.unwrap();
    }
}
