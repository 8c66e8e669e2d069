//! What the process says when it ends.

use std::process::ExitCode;

/// How a run of `holdfast` ended; the number is the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or stopped as asked.
    Done = 0,
    /// Refused or failed: the cluster said no, an address is taken, a configuration is wrong.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Stopped because of the disk: failed sync, corruption, full. Restarting alone does not help.
    Disk = 3,
    /// The data directory was refused: empty without `--bootstrap`, another cluster's or node's, in use, an older copy.
    DataDirectory = 4,
}

impl Exit {
    /// What another run's exit code means.
    pub fn from_code(code: i32) -> Self {
        let known = [Self::Done, Self::Usage, Self::Disk, Self::DataDirectory];
        known.into_iter().find(|exit| *exit as i32 == code).unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
