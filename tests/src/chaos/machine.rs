//! What this machine lets a test do.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::disk;

/// What cannot be done here, with the reasons; none: it can.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// File systems of one's own whose power can be cut.
    pub no_disks: Option<String>,
    /// Faults of single system calls.
    pub no_strace: Option<String>,
    /// Where groups of processes with little processor time are made; none: not here.
    pub cpu_groups: Option<PathBuf>,
}

impl Machine {
    /// Tries everything once.
    pub async fn look() -> Machine {
        let groups = Path::new("/sys/fs/cgroup/cpu");
        let trial = groups.join(format!("holdfast-trial-{}", std::process::id()));
        let can_group = std::fs::create_dir(&trial).and_then(|()| std::fs::remove_dir(&trial)).is_ok();
        Machine { no_disks: disk::why_not().await, no_strace: no_strace().await, cpu_groups: can_group.then(|| groups.to_owned()) }
    }
}

async fn no_strace() -> Option<String> {
    let tried = Command::new("strace").args(["-f", "--seccomp-bpf", "-e", "trace=fdatasync", "-o", "/dev/null", "true"]).output().await;
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("strace: {error}")),
    }
}
