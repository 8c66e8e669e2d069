//! As many open files as the connections of a comparison take, for this program and for all that it starts.

use anyhow::{Result, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::limits::OPEN_FILES;

/// Raises the bound of this process as far as it may be raised; its children inherit it. Fails if that is not enough.
pub fn raise() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    suffices(limit.maximum)?;
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// None is no bound.
fn suffices(most: Option<u64>) -> Result<()> {
    let most = most.unwrap_or(u64::MAX);
    ensure!(
        most >= OPEN_FILES,
        "{most} files may be open at once, and {OPEN_FILES} are needed: raise the hard limit (ulimit -Hn, LimitNOFILE)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::limits::HOLDFAST_LADDER;
    use super::*;

    #[test]
    fn too_few_open_files_are_told_and_enough_hold_the_longest_ladder_beside_what_a_node_keeps() {
        assert!(suffices(Some(1024)).unwrap_err().to_string().starts_with("1024 files"));
        assert!(suffices(Some(OPEN_FILES)).is_ok() && suffices(None).is_ok());
        assert!(OPEN_FILES >= u64::from(HOLDFAST_LADDER.into_iter().max().unwrap()) + 1024);
    }
}
