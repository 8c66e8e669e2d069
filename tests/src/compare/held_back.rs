//! A bound on the processor time of some processes, by a control group.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where groups for processor time are made, with the first version of control groups.
const GROUPS: &str = "/sys/fs/cgroup/cpu";

/// Microseconds after which the time of a group is given out anew: short, so that its processes stutter little.
const PERIOD_US: u64 = 10_000;

/// The kernel's name of the file that says how much of each period a group gets.
const SHARE_FILE: &str = concat!("cpu.cfs_quo", "ta_us");

/// A group. Dropped: its processes, if they live, are let go and it is removed.
#[derive(Debug)]
pub struct HeldBack {
    group: PathBuf,
}

impl HeldBack {
    /// Why there can be none here; none if there can. Tries it with a group of no process.
    pub fn why_not() -> Option<String> {
        if !Path::new(GROUPS).join(SHARE_FILE).exists() {
            return Some(format!("no control groups of the first version for processor time in {GROUPS}"));
        }
        HeldBack::hold(&[], 100).err().map(|error| format!("{error:#}"))
    }

    /// Holds these processes, with all their threads, to so many hundredths of one core together.
    pub fn hold(processes: &[u32], per_cent: u64) -> Result<HeldBack> {
        let group = Path::new(GROUPS).join(format!("holdfast-compare-{}", std::process::id()));
        fs::create_dir(&group).with_context(|| format!("cannot make {} (root can)", group.display()))?;
        let held = HeldBack { group };
        held.write("cpu.cfs_period_us", PERIOD_US)?;
        held.write(SHARE_FILE, PERIOD_US * per_cent / 100)?;
        for &process in processes {
            held.write("cgroup.procs", process.into())?;
        }
        Ok(held)
    }

    fn write(&self, file: &str, value: u64) -> Result<()> {
        let path = self.group.join(file);
        fs::write(&path, value.to_string()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Lets them go. A group cannot be removed while a process is in it.
    fn release(&self) -> Result<()> {
        for process in fs::read_to_string(self.group.join("cgroup.procs"))?.lines() {
            fs::write(Path::new(GROUPS).join("cgroup.procs"), process)?;
        }
        Ok(fs::remove_dir(&self.group)?)
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            eprintln!("{} is left behind: {error:#}", self.group.display());
        }
    }
}
