//! What this machine lets a test do.

use tokio::process::Command;

use crate::disk;

/// What cannot be done here, with the reasons; none: it can.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// File systems of one's own whose power can be cut.
    pub no_disks: Option<String>,
    /// Faults of single system calls.
    pub no_strace: Option<String>,
}

impl Machine {
    /// Tries everything once.
    pub async fn look() -> Machine {
        Machine { no_disks: disk::why_not().await, no_strace: no_strace().await }
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
